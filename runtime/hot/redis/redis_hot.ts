/**
 * Port `HotState` on a Redis server. See the README for its keys.
 *
 * 1. An entry is a hash, and replaced as a whole by a script, which refuses an older one, whoever puts it.
 * 2. Reads and puts fail within their deadlines, or at once while the server is known to be away or slow.
 * 3. `onLost` is called when what was put may not be there: with every connection, and within about a second of a flush.
 * 4. Entries of another store are not found, and are replaced whatever their order. While nodes of another store hold the
 *    prefix, nothing is put, which is told; once they are gone for `storeLeaseMs`, this one holds it by itself.
 */

import { errorMessage } from "../../core/errors.ts";
import type { Redis } from "./client.ts";
import {
  entryLifeMs,
  lookIntervalMs,
  putDeadlineMs,
  readDeadlineMs,
  releaseDeadlineMs,
  releasedLeaseMs,
  storeLeaseMs,
} from "../limits.ts";
import { type HotEntry, HotError, type HotState } from "../port.ts";
import { RedisConnection, type RedisTrouble } from "./connection.ts";
import { holdScript, putScript, putScriptHash, releaseScript } from "./scripts.ts";
import type { RedisSettings } from "./settings.ts";

export interface RedisHotParts {
  readonly settings: RedisSettings;
  readonly trouble: RedisTrouble;
  /** See guarantee 3. */
  onLost(): void;
  /** Left out: `storeLeaseMs`. */
  readonly leaseMs?: number;
}

/** As a pipeline gives it. */
type Result = readonly [error: Error | null, result: unknown];

export class RedisHotState implements HotState {
  readonly #settings: RedisSettings;
  readonly #prefix: string;
  readonly #onLost: () => void;
  readonly #connection: RedisConnection;
  readonly #trouble: RedisTrouble;
  /** A key of this state's own: it is gone when the server's data is. */
  readonly #marker: string;
  /** Which store holds the prefix. */
  readonly #holder: string;
  readonly #leaseMs: number;
  #store: string | null = null;
  /** Since when another store is found to hold the prefix; null: none does. */
  #asideSinceMs: number | null = null;
  readonly #indexes = new Set<string>();
  readonly #looks: ReturnType<typeof setInterval>;

  constructor({ settings, trouble, onLost, leaseMs = storeLeaseMs }: RedisHotParts) {
    this.#settings = settings;
    this.#prefix = settings.prefix;
    this.#onLost = onLost;
    this.#trouble = trouble;
    this.#leaseMs = leaseMs;
    this.#marker = `${settings.prefix}:node:${crypto.randomUUID()}`;
    this.#holder = `${settings.prefix}:store`;
    this.#connection = new RedisConnection(settings, trouble, () => void this.#look(true));
    this.#looks = setInterval(() => void this.#look(false), lookIntervalMs);
  }

  /** Whose answers these are, by the store's identity: until it is known, nothing is put or found. */
  belongTo(store: string): void {
    this.#store = store;
    void this.#look(true);
  }

  async #look(isNew: boolean): Promise<void> {
    const store = this.#store;
    if (store === null || !this.#connection.isReady) return;
    try {
      const held = await this.#connection.call(
        lookIntervalMs,
        (client) => client.eval(holdScript, 2, this.#holder, this.#marker, store, this.#leaseMs, entryLifeMs),
      );
      if (held === -1) return this.#standAside();
      const wasAside = this.#asideSinceMs !== null;
      this.#asideSinceMs = null;
      this.#connection.isUp();
      if (isNew || wasAside || held === 0) this.#onLost();
      else await this.#tidy();
    } catch (thrown) {
      // A user who may not do it all is told of by what Redis says.
      this.#connection.drop(errorMessage(thrown).replace(/^Redis cannot be read: /, ""));
    }
  }

  #standAside(): void {
    const nowMs = performance.now();
    this.#asideSinceMs ??= nowMs;
    // A store whose nodes are gone has lost the prefix by then, as after a reset.
    if (nowMs - this.#asideSinceMs <= this.#leaseMs) return;
    const { host, port } = this.#settings;
    this.#trouble.failed(
      "another-cluster",
      `Redis at ${host}:${port} has the answers of another cluster, which is running, under the prefix ` +
        `"${this.#prefix}": nothing is put there, and cached reads ask the actors. Give one of the two clusters ` +
        "another prefix, or in REDIS_URL another database.",
    );
  }

  /** Takes those out of the lists whose entries have expired. */
  async #tidy(): Promise<void> {
    if (this.#indexes.size === 0) return;
    await this.#connection.call(lookIntervalMs, async (client) => {
      const pipeline = client.pipeline();
      for (const index of this.#indexes) {
        pipeline.zremrangebyscore(index, "-inf", Date.now() - entryLifeMs);
      }
      await pipeline.exec();
    });
  }

  async put(entries: readonly HotEntry[]): Promise<number> {
    if (entries.length === 0) return 0;
    const store = this.#store;
    if (store === null || this.#asideSinceMs !== null) throw new HotError(notOurs);
    return await this.#connection.call(putDeadlineMs, async (client) => {
      const results = await this.#putAll(client, store, entries);
      if (!results.some(([error]) => error?.message.startsWith("NOSCRIPT"))) return takenOf(results);
      await client.script("LOAD", putScript);
      return takenOf(await this.#putAll(client, store, entries));
    });
  }

  async #putAll(client: Redis, store: string, entries: readonly HotEntry[]): Promise<readonly Result[]> {
    const pipeline = client.pipeline();
    for (const { key, epoch, position, records, atMs, json, fields = {} } of entries) {
      const slash = key.indexOf("/");
      const kind = slash < 0 ? key : key.slice(0, slash);
      const query = slash < 0 ? "" : key.slice(key.lastIndexOf("?") + 1);
      const index = `${this.#prefix}:index:${kind}?${key.includes("?") ? query : ""}`;
      this.#indexes.add(index);
      pipeline.evalsha(
        putScriptHash,
        3,
        `${this.#prefix}:${key}`,
        index,
        this.#holder,
        entryLifeMs,
        idOf(key),
        epoch,
        position,
        records,
        atMs,
        json,
        store,
        ...Object.entries(fields).flat(),
      );
    }
    return await pipeline.exec() ?? [];
  }

  async get(key: string): Promise<HotEntry | null> {
    const values = await this.#connection.call(
      readDeadlineMs,
      (client) =>
        client.hmget(`${this.#prefix}:${key}`, "store", "json", "epoch", "position", "records", "at"),
    );
    const [store = null, json = null, ...order] = values;
    if (store === null || store !== this.#store || json === null || order.includes(null)) return null;
    const [epoch = 0, position = 0, records = 0, atMs = 0] = order.map(Number);
    return { key, epoch, position, records, atMs, json };
  }

  async close(): Promise<void> {
    clearInterval(this.#looks);
    await this.#release();
    await this.#connection.close();
  }

  /** So that another store need not wait for the end of the whole lease. */
  async #release(): Promise<void> {
    const store = this.#store;
    if (store === null || this.#asideSinceMs !== null) return;
    try {
      await this.#connection.call(
        releaseDeadlineMs,
        (client) => client.eval(releaseScript, 1, this.#holder, store, releasedLeaseMs),
      );
    } catch (thrown) {
      if (!(thrown instanceof HotError)) throw thrown;
    }
  }
}

const notOurs = "Redis did not take an entry: its prefix is not this cluster's";

/** `kind/id?query`, the last two of which may be missing. */
function idOf(key: string): string {
  const end = key.lastIndexOf("?");
  return key.slice(key.indexOf("/") + 1, end < 0 ? undefined : end);
}

/** How many were taken. */
function takenOf(results: readonly Result[]): number {
  for (const [error, result] of results) {
    if (error !== null) throw new HotError(`Redis did not take an entry: ${error.message}`);
    if (result === -1) throw new HotError(notOurs);
  }
  return results.filter(([, result]) => result === 1).length;
}
