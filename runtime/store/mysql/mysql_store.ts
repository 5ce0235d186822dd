/**
 * Port `Store` on a MySQL or MariaDB server.
 *
 * 1. Everything a call changes is one transaction; the checkpoints of one `commit` share it, each under its own guard:
 *    a fenced one writes nothing, and undoes nothing of the others.
 * 2. What a transaction met (deadlocks, lost connections) is tried again under the same guard; see `writer.ts`.
 * 3. While the server is away, calls fail at once as "unavailable"; see `link.ts`.
 */

import type { Address } from "../../core/actor.ts";
import type { HostDeath } from "../../core/attempts.ts";
import type {
  Checkpoint,
  Claim,
  CommitResult,
  DuePage,
  Loaded,
  StoredDeadLetter,
} from "../../core/checkpoint.ts";
import { invariant } from "../../core/errors.ts";
import { checkBound } from "../bound_log.ts";
import { type ClaimAnswer, type ClaimCall, claimed } from "../call_queue.ts";
import { checkShape } from "../checkpoint_shape.ts";
import {
  type ActorCount,
  type DeadLetterFilter,
  type DeadLetterPage,
  type ListPage,
  type RowRange,
  type ShardRow,
  type Store,
  type StoredHistoryRow,
  StoreError,
} from "../port.ts";
import { countActors, dueActors, listActors, loadActors, writeActors } from "./actor_rows.ts";
import { claimShards } from "./claims.ts";
import type { MySqlConnection } from "./connection.ts";
import { expireLetters, findLetter, listLetters, writeLetters } from "./dead_letter_rows.ts";
import { storeError, troubleOf } from "./errors.ts";
import { expireHistory, readHistory, writeHistory } from "./history_rows.ts";
import { reconnectIntervalMs } from "./limits.ts";
import { Link, type OnWaiting } from "./link.ts";
import { writeQueues } from "./queue_rows.ts";
import { Readers } from "./readers.ts";
import { bindLog, boundLog, type MySqlOpening, openDatabase } from "./schema.ts";
import type { MySqlSettings } from "./settings.ts";
import { advance, epochOf, readShards } from "./shard_rows.ts";
import { Writer } from "./writer.ts";

export interface MySqlStoreOptions {
  readonly settings: MySqlSettings;
  /** Shards of this installation; a database remembers the count it was made with. */
  readonly shards: number;
}

export class MySqlStore implements Store {
  readonly #settings: MySqlSettings;
  readonly #shardCount: number;
  readonly #link: Link;
  readonly #writer: Writer;
  readonly #readers: Readers;
  #isOpen = false;
  #isClosed = false;

  /** `onWaiting` hears, as a sentence, what the store waits for; null when it works again. */
  constructor({ settings, shards }: MySqlStoreOptions, onWaiting: OnWaiting = () => {}) {
    this.#settings = settings;
    this.#shardCount = shards;
    this.#link = new Link(settings, onWaiting);
    this.#writer = new Writer(this.#link);
    this.#readers = new Readers(this.#link);
  }

  /** Waits for the server as long as it takes; throws a `StoreError` when waiting does not help. */
  async open(): Promise<MySqlOpening> {
    const doing = `open the store on ${this.#link.address}`;
    while (!this.#link.isClosed) {
      try {
        const opening = await openDatabase(this.#settings, this.#shardCount);
        this.#link.back();
        this.#link.watch();
        this.#isOpen = true;
        return opening;
      } catch (thrown) {
        const trouble = troubleOf(thrown);
        if (trouble !== "lost" && trouble !== "unavailable" && trouble !== "again") {
          throw storeError(thrown, doing);
        }
        this.#link.away(thrown);
        await this.#link.pause(reconnectIntervalMs);
      }
    }
    throw new StoreError("closed", `Cannot ${doing}: it was closed meanwhile`);
  }

  /** Remembers which log is folded into the store; throws "refused" when another is. */
  async bindLog(log: string): Promise<void> {
    const doing = "remember the store's log";
    checkBound(await this.#write(doing, (connection) => bindLog(connection, log)), log);
  }

  /** Null: none is bound. */
  boundLog(): Promise<string | null> {
    return this.#read("read which log the store belongs to", boundLog);
  }

  #checkOpen(doing: string): void {
    if (this.#isClosed) throw new StoreError("closed", `Cannot ${doing}: the store is closed`);
    if (this.#isOpen) return;
    const because = this.#link.awayBecause ?? "the store is not open yet";
    throw new StoreError("unavailable", `Cannot ${doing}: ${because}`);
  }

  async #write<T>(doing: string, work: (connection: MySqlConnection) => Promise<T>): Promise<T> {
    this.#checkOpen(doing);
    return await this.#writer.transaction(doing, work);
  }

  async #read<T>(doing: string, work: (connection: MySqlConnection) => Promise<T>): Promise<T> {
    this.#checkOpen(doing);
    return await this.#readers.read(doing, work);
  }

  async claim(
    shard: number,
    owner: string,
    death: HostDeath | null = null,
    after: number | null = null,
  ): Promise<Claim> {
    const [claim] = await this.claimTogether([{ shard, owner, death, after }]);
    return claimed(claim!);
  }

  async claimTogether(claims: readonly ClaimCall[]): Promise<readonly ClaimAnswer[]> {
    const doing = `claim shards ${claims.map(({ shard }) => shard).join(", ")}`;
    this.#checkOpen(doing);
    for (const { shard } of claims) {
      invariant(shard >= 0 && shard < this.#shardCount, `Shard ${shard} is one of ${this.#shardCount}`);
    }
    return await this.#writer.statements(
      doing,
      (connection) => claimShards(connection, claims, this.#writer.name),
    );
  }

  epoch(shard: number): Promise<number> {
    return this.#read(`read the epoch of shard ${shard}`, (connection) => epochOf(connection, shard));
  }

  rows(): Promise<readonly ShardRow[]> {
    return this.#read("read the shards", readShards);
  }

  commit(checkpoints: readonly Checkpoint[]): Promise<readonly CommitResult[]> {
    const shards = checkpoints.map(({ shard }) => shard).join(", ");
    return this.#write(`commit shards ${shards}`, async (connection) => {
      checkpoints.forEach(checkShape);
      const results: CommitResult[] = [];
      for (const checkpoint of checkpoints) results.push(await commitOne(connection, checkpoint));
      return results;
    });
  }

  load(shard: number, keys: readonly Address[]): Promise<Loaded> {
    return this.#read(`load actors of shard ${shard}`, async (connection) => {
      const snapshots = await loadActors(connection, shard, keys);
      // After them: whatever a later owner has saved among them, its epoch is seen.
      return { ...snapshots, epoch: await epochOf(connection, shard) };
    });
  }

  due(shard: number, afterMs: number, limit: number): Promise<DuePage> {
    return this.#read(
      `read timers of shard ${shard}`,
      async (connection) => {
        const actors = await dueActors(connection, shard, afterMs, limit);
        // After them, as of those that are loaded.
        return { actors, epoch: await epochOf(connection, shard) };
      },
    );
  }

  list(kind: string, after: string | null, limit: number): Promise<ListPage> {
    return this.#read(`list ${kind}`, (connection) => listActors(connection, kind, after, limit));
  }

  countActors(): Promise<readonly ActorCount[]> {
    return this.#read("count actors", countActors);
  }

  history(actor: Address, range: RowRange): Promise<readonly StoredHistoryRow[]> {
    return this.#read(
      `read history of ${actor.kind}/${actor.id}`,
      (connection) => readHistory(connection, actor, range),
    );
  }

  expireHistory(beforeMs: number, limit: number): Promise<number> {
    return this.#write("expire history", (connection) => expireHistory(connection, beforeMs, limit));
  }

  deadLetters(filter: DeadLetterFilter): Promise<DeadLetterPage> {
    return this.#read("list dead letters", (connection) => listLetters(connection, filter));
  }

  deadLetter(id: string): Promise<StoredDeadLetter | null> {
    return this.#read("read a dead letter", (connection) => findLetter(connection, id));
  }

  expireDeadLetters(beforeMs: number, limit: number): Promise<number> {
    return this.#write("expire dead letters", (connection) => expireLetters(connection, beforeMs, limit));
  }

  /** Finishes the transactions that were begun. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    // Nobody is waited for while the server is away.
    if (this.#link.awayBecause !== null) await this.#link.close();
    await this.#writer.close();
    await this.#link.close();
    this.#readers.close();
  }
}

async function commitOne(connection: MySqlConnection, checkpoint: Checkpoint): Promise<CommitResult> {
  switch (await advance(connection, checkpoint)) {
    case "fenced":
      return "fenced";
    case "repeated":
      return "committed";
    case "advanced":
      await writeActors(connection, checkpoint);
      await writeQueues(connection, checkpoint);
      await writeHistory(connection, checkpoint.history);
      await writeLetters(connection, checkpoint.deadLetters, checkpoint.replayed);
      return "committed";
  }
}
