/**
 * Port `HotState` on a Redis server. See the README for its keys.
 *
 * 1. An entry is a hash, and replaced as a whole by a script, which refuses an older one, whoever puts it.
 * 2. Reads and puts fail within their deadlines, or at once while the server is known to be away or slow.
 * 3. `onLost` is called when what was put may not be there: with every connection, and within about a second of a flush.
 */

import type { Redis } from "./client.ts";
import { entryLifeMs, lookIntervalMs, putDeadlineMs, readDeadlineMs } from "../limits.ts";
import { type HotEntry, HotError, type HotState } from "../port.ts";
import { RedisConnection, type RedisTrouble } from "./connection.ts";
import { putScript, putScriptHash } from "./put_script.ts";
import type { RedisSettings } from "./settings.ts";

export interface RedisHotParts {
  readonly settings: RedisSettings;
  readonly trouble: RedisTrouble;
  /** See guarantee 3. */
  onLost(): void;
}

export class RedisHotState implements HotState {
  readonly #prefix: string;
  readonly #onLost: () => void;
  readonly #connection: RedisConnection;
  readonly #trouble: RedisTrouble;
  /** A key of this state's own: it is gone when the server's data is. */
  readonly #marker: string;
  readonly #indexes = new Set<string>();
  readonly #looks: ReturnType<typeof setInterval>;

  constructor({ settings, trouble, onLost }: RedisHotParts) {
    this.#prefix = settings.prefix;
    this.#onLost = onLost;
    this.#trouble = trouble;
    this.#marker = `${settings.prefix}:node:${crypto.randomUUID()}`;
    this.#connection = new RedisConnection(settings, trouble, () => void this.#mark());
    this.#looks = setInterval(() => void this.#look(), lookIntervalMs);
  }

  async #mark(): Promise<void> {
    const set = (client: Redis) => client.set(this.#marker, "1", "PX", entryLifeMs);
    try {
      await this.#connection.call(lookIntervalMs, set);
      this.#onLost();
    } catch {
      this.#connection.drop("it does not answer");
    }
  }

  async #look(): Promise<void> {
    if (!this.#connection.isReady) return;
    try {
      const isThere = await this.#connection.call(
        lookIntervalMs,
        (client) => client.pexpire(this.#marker, entryLifeMs),
      );
      this.#trouble.succeeded();
      if (isThere === 0) await this.#mark();
      else await this.#tidy();
    } catch {
      this.#connection.drop("it does not answer");
    }
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

  async put(entries: readonly HotEntry[]): Promise<void> {
    if (entries.length === 0) return;
    await this.#connection.call(putDeadlineMs, async (client) => {
      const errors = await this.#putAll(client, entries);
      if (errors.some((error) => error?.startsWith("NOSCRIPT"))) {
        await client.script("LOAD", putScript);
        const again = await this.#putAll(client, entries);
        throwFirst(again);
      } else throwFirst(errors);
    });
  }

  /** The error of each entry. */
  async #putAll(client: Redis, entries: readonly HotEntry[]): Promise<(string | null)[]> {
    const pipeline = client.pipeline();
    for (const { key, epoch, position, records, atMs, json, fields = {} } of entries) {
      const slash = key.indexOf("/");
      const kind = slash < 0 ? key : key.slice(0, slash);
      const query = slash < 0 ? "" : key.slice(key.lastIndexOf("?") + 1);
      const index = `${this.#prefix}:index:${kind}?${key.includes("?") ? query : ""}`;
      this.#indexes.add(index);
      pipeline.evalsha(
        putScriptHash,
        2,
        `${this.#prefix}:${key}`,
        index,
        entryLifeMs,
        idOf(key),
        epoch,
        position,
        records,
        atMs,
        json,
        ...Object.entries(fields).flat(),
      );
    }
    const results = await pipeline.exec() ?? [];
    return results.map(([error]) => error?.message ?? null);
  }

  async get(key: string): Promise<HotEntry | null> {
    const values = await this.#connection.call(
      readDeadlineMs,
      (client) => client.hmget(`${this.#prefix}:${key}`, "json", "epoch", "position", "records", "at"),
    );
    const [json = null, ...order] = values;
    if (json === null || order.includes(null)) return null;
    const [epoch = 0, position = 0, records = 0, atMs = 0] = order.map(Number);
    return { key, epoch, position, records, atMs, json };
  }

  async close(): Promise<void> {
    clearInterval(this.#looks);
    await this.#connection.close();
  }
}

/** `kind/id?query`, the last two of which may be missing. */
function idOf(key: string): string {
  const end = key.lastIndexOf("?");
  return key.slice(key.indexOf("/") + 1, end < 0 ? undefined : end);
}

function throwFirst(errors: readonly (string | null)[]): void {
  const first = errors.find((error) => error !== null);
  if (first !== undefined && first !== null) throw new HotError(`Redis did not take an entry: ${first}`);
}
