/**
 * Port `Store` on one SQLite file, embedded in the process.
 *
 * 1. Everything a call changes is one transaction, durable (`synchronous=FULL`) before the call resolves.
 * 2. A failed call changed nothing; the store goes on, so a full disk ends when there is space again.
 * 3. One `commit` is one transaction for all its checkpoints: one flush of the disk.
 *
 * 4. While the file is held, it stays byte for byte as it is: what is committed goes to the log beside it alone, which
 *    only grows. The file and, copied after it, the log are together a store as it was at some moment in between.
 *    A full disk, or a log of `heldWalBytes`, ends the hold.
 *
 * Calls run on the caller's thread and block it: shard hosts reach a store through `RemoteStore`.
 */

import type { HostDeath } from "../core/attempts.ts";
import { statSync } from "node:fs";
import type { StatementSync } from "node:sqlite";
import type { Address } from "../core/actor.ts";
import type {
  Checkpoint,
  Claim,
  CommitResult,
  DuePage,
  Loaded,
  StoredDeadLetter,
} from "../core/checkpoint.ts";
import { errorMessage, invariant } from "../core/errors.ts";
import { ActorRows } from "./actor_rows.ts";
import { checkBound } from "./bound_log.ts";
import { type ClaimAnswer, type ClaimCall, claimed } from "./call_queue.ts";
import { checkShape } from "./checkpoint_shape.ts";
import { DeadLetterRows } from "./dead_letter_rows.ts";
import { HistoryRows } from "./history_rows.ts";
import { KeyRows } from "./key_rows.ts";
import { OutboxRows } from "./outbox_rows.ts";
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
} from "./port.ts";
import { RequestRows } from "./request_rows.ts";
import { ShardOwners } from "./shard_owners.ts";
import { ShardRows } from "./shard_rows.ts";
import { heldWalBytes } from "./limits.ts";
import { SqliteReads } from "./sqlite_reads.ts";
import { Tallies } from "./tallies.ts";
import { isFull, translated } from "./sqlite_errors.ts";
import {
  autoCheckpointPages,
  bindLog,
  openStoreFile,
  type StoreFile,
  type StoreFileOptions,
  type StoreMeta,
  type StoreOpening,
} from "./sqlite_file.ts";

export interface SqliteStoreOptions extends StoreFileOptions {
  /** Size in bytes of the write-ahead log that ends a hold. */
  readonly heldWalBytes?: number;
}

/** The statements over every table; throws when one is not as it should be. */
function rowsOf({ db, lock }: StoreFile) {
  try {
    const tallies = new Tallies(db);
    const shards = new ShardRows(db, tallies);
    return {
      tallies,
      shards,
      owners: new ShardOwners(db, shards, tallies),
      actors: new ActorRows(db, tallies),
      outbox: new OutboxRows(db, tallies),
      requests: new RequestRows(db, tallies),
      keys: new KeyRows(db, tallies),
      history: new HistoryRows(db, tallies),
      deadLetters: new DeadLetterRows(db, tallies),
    };
  } catch (thrown) {
    db.close();
    lock.release();
    throw thrown;
  }
}

export class SqliteStore implements Store {
  readonly #path: string;
  readonly #shardCount: number;
  readonly #heldWalBytes: number;
  readonly #db: StoreFile["db"];
  #file: StoreFile;
  readonly #begin: StatementSync;
  readonly #end: StatementSync;
  readonly #tallies: Tallies;
  readonly #owners: ShardOwners;
  readonly #actors: ActorRows;
  readonly #outbox: OutboxRows;
  readonly #requests: RequestRows;
  readonly #keys: KeyRows;
  readonly #history: HistoryRows;
  readonly #deadLetters: DeadLetterRows;
  readonly #reads: SqliteReads;
  #closed = false;
  #isHeld = false;

  /** Opens the file or makes it; throws a `StoreError`. */
  constructor(options: SqliteStoreOptions) {
    this.#file = openStoreFile(options);
    const { db } = this.#file;
    this.#path = options.path;
    this.#shardCount = options.shards;
    this.#heldWalBytes = options.heldWalBytes ?? heldWalBytes;
    this.#db = db;
    // Prepared, because only statements report SQLite's result code.
    this.#begin = db.prepare("BEGIN IMMEDIATE");
    this.#end = db.prepare("COMMIT");
    const rows = translated(`open the store ${options.path}`, () => rowsOf(this.#file));
    this.#owners = rows.owners;
    this.#tallies = rows.tallies;
    this.#actors = rows.actors;
    this.#outbox = rows.outbox;
    this.#requests = rows.requests;
    this.#keys = rows.keys;
    this.#history = rows.history;
    this.#deadLetters = rows.deadLetters;
    this.#reads = new SqliteReads(rows, (doing, work) => this.#read(doing, work));
  }

  /** What the file says about itself. */
  get meta(): StoreMeta {
    return this.#file.meta;
  }

  /** The same, and what opening it found. */
  get opening(): StoreOpening {
    return { ...this.#file.meta, warning: this.#file.warning };
  }

  /** Remembers which log is folded into the store; throws "refused" when another is. */
  bindLog(log: string): Promise<void> {
    return this.#write("remember its log", () => {
      checkBound(this.meta.log ?? log, log);
      this.#file = bindLog(this.#file, log);
    });
  }

  /** Null: none is bound. */
  boundLog(): Promise<string | null> {
    return this.#read("read which log it belongs to", () => this.meta.log);
  }

  /** Begins a hold: see guarantee 4. Whoever copies the file is another process: closing it would free its lock. */
  hold(): Promise<void> {
    return this.#read("hold the file", () => {
      // With an empty log: a copy of one that begins anew meanwhile would mix the two.
      const { busy } = this.#db.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get() ?? {};
      if (busy !== 0) {
        throw new StoreError("unavailable", `Cannot hold the store ${this.#path}: it is being read`);
      }
      this.#db.exec("PRAGMA wal_autocheckpoint = 0");
      this.#isHeld = true;
    });
  }

  /** Ends the hold; false when it had ended by itself, or there was none. */
  release(): Promise<boolean> {
    return this.#read("release the file", () => {
      const wasHeld = this.#isHeld;
      this.#endHold();
      return wasHeld;
    });
  }

  #endHold(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.#db.exec(`PRAGMA wal_autocheckpoint = ${autoCheckpointPages}`);
  }

  #boundHold(): void {
    if (this.#isHeld && statSync(`${this.#path}-wal`).size > this.#heldWalBytes) this.#endHold();
  }

  #read<T>(doing: string, work: () => T): Promise<T> {
    return Promise.try(() => {
      if (this.#closed) throw new StoreError("closed", `Cannot ${doing}: the store ${this.#path} is closed`);
      return translated(`${doing} in the store ${this.#path}`, work);
    });
  }

  #write<T>(doing: string, work: () => T): Promise<T> {
    return this.#read(doing, () => {
      this.#begin.run();
      try {
        const result = work();
        this.#tallies.write();
        this.#end.run();
        this.#boundHold();
        return result;
      } catch (thrown) {
        this.#rollBack(thrown);
        this.#tallies.reload();
        if (isFull(thrown)) this.#endHold();
        throw thrown;
      }
    });
  }

  #rollBack(cause: unknown): void {
    // SQLite has rolled back by itself after a full disk or an I/O error: https://www.sqlite.org/lang_transaction.html
    if (!this.#db.isTransaction) return;
    try {
      this.#db.exec("ROLLBACK");
    } catch (thrown) {
      throw new StoreError("unavailable", `Cannot undo what failed with: ${errorMessage(cause)}`, {
        cause: thrown,
      });
    }
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

  /** As one transaction. */
  claimTogether(claims: readonly ClaimCall[]): Promise<readonly ClaimAnswer[]> {
    const shards = claims.map(({ shard }) => shard).join(", ");
    return this.#write(`claim shards ${shards}`, () => claims.map((one) => this.#claimOne(one)));
  }

  #claimOne(call: ClaimCall): ClaimAnswer {
    const { shard } = call;
    invariant(shard >= 0 && shard < this.#shardCount, `Shard ${shard} is one of ${this.#shardCount}`);
    const row = this.#owners.claim(call, Date.now());
    if (row instanceof StoreError) return row;
    const [outbox, requests] = [this.#outbox.read(shard), this.#requests.read(shard)];
    return { shard, ...row, outbox, requests, keys: this.#keys.read(shard) };
  }

  commit(checkpoints: readonly Checkpoint[]): Promise<readonly CommitResult[]> {
    const shards = checkpoints.map(({ shard }) => shard).join(", ");
    return this.#write(`commit shards ${shards}`, () => checkpoints.map((one) => this.#commitOne(one)));
  }

  #commitOne(checkpoint: Checkpoint): CommitResult {
    checkShape(checkpoint);
    switch (this.#owners.advance(checkpoint, Date.now())) {
      case "fenced":
        return "fenced";
      case "repeated":
        return "committed";
      case "advanced":
        this.#actors.write(checkpoint.shard, checkpoint.snapshots);
        this.#outbox.write(checkpoint);
        this.#requests.write(checkpoint);
        this.#keys.write(checkpoint);
        this.#history.write(checkpoint.history);
        this.#deadLetters.write(checkpoint.deadLetters, checkpoint.replayed);
        return "committed";
    }
  }

  epoch(shard: number): Promise<number> {
    return this.#reads.epoch(shard);
  }

  rows(): Promise<readonly ShardRow[]> {
    return this.#reads.rows();
  }

  load(shard: number, keys: readonly Address[]): Promise<Loaded> {
    return this.#reads.load(shard, keys);
  }

  due(shard: number, afterMs: number, limit: number): Promise<DuePage> {
    return this.#reads.due(shard, afterMs, limit);
  }

  list(kind: string, after: string | null, limit: number): Promise<ListPage> {
    return this.#reads.list(kind, after, limit);
  }

  countActors(): Promise<readonly ActorCount[]> {
    return this.#read("count actors", () => this.#tallies.actors());
  }

  history(actor: Address, range: RowRange): Promise<readonly StoredHistoryRow[]> {
    return this.#reads.history(actor, range);
  }

  expireHistory(beforeMs: number, limit: number): Promise<number> {
    return this.#write("expire history", () => this.#history.expire(beforeMs, limit));
  }

  deadLetters(filter: DeadLetterFilter): Promise<DeadLetterPage> {
    return this.#reads.deadLetters(filter);
  }

  deadLetter(id: string): Promise<StoredDeadLetter | null> {
    return this.#reads.deadLetter(id);
  }

  expireDeadLetters(beforeMs: number, limit: number): Promise<number> {
    return this.#write("expire dead letters", () => this.#deadLetters.expire(beforeMs, limit));
  }

  close(): Promise<void> {
    if (this.#closed) return Promise.resolve();
    this.#closed = true;
    return Promise.try(() => {
      this.#db.close();
      this.#file.lock.release();
    });
  }
}
