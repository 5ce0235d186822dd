/**
 * Reads of the embedded store on a connection of their own, which can write nothing.
 *
 * 1. A read sees every commit that was answered before it was asked, and nothing that is not committed.
 * 2. It waits for no transaction and for no flush of the disk: SQLite's write-ahead log lets one write while others
 *    read (https://www.sqlite.org/wal.html).
 *
 * The file is opened by a `SqliteStore` first, and closed by it last.
 */

import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { Address } from "../core/actor.ts";
import { ActorRows } from "./actor_rows.ts";
import { DeadLetterRows } from "./dead_letter_rows.ts";
import { HistoryRows } from "./history_rows.ts";
import { openWaitMs, readCacheBytes } from "./limits.ts";
import { type DeadLetterFilter, type RowRange, StoreError } from "./port.ts";
import { ShardRows } from "./shard_rows.ts";
import { translated } from "./sqlite_errors.ts";
import { SqliteReads, type StoreReads } from "./sqlite_reads.ts";
import { Tallies } from "./tallies.ts";

export class SqliteReader implements StoreReads {
  readonly #path: string;
  readonly #db: DatabaseSync;
  readonly #begin: StatementSync;
  readonly #end: StatementSync;
  readonly #reads: SqliteReads;
  #closed = false;

  /** Throws a `StoreError`. */
  constructor(path: string) {
    this.#path = path;
    const db = translated(`open the store ${path} to read`, () => new DatabaseSync(path, { readOnly: true }));
    this.#db = db;
    db.exec(`PRAGMA busy_timeout = ${openWaitMs}; PRAGMA cache_size = ${-readCacheBytes / 1024}`);
    this.#begin = db.prepare("BEGIN");
    this.#end = db.prepare("COMMIT");
    const tallies = new Tallies(db);
    const rows = {
      shards: new ShardRows(db, tallies),
      actors: new ActorRows(db, tallies),
      history: new HistoryRows(db, tallies),
      deadLetters: new DeadLetterRows(db, tallies),
    };
    this.#reads = new SqliteReads(rows, (doing, work) => this.#read(doing, work));
  }

  #read<T>(doing: string, work: () => T): Promise<T> {
    return Promise.try(() => {
      if (this.#closed) throw new StoreError("closed", `Cannot ${doing}: the store ${this.#path} is closed`);
      return translated(`${doing} in the store ${this.#path}`, () => {
        this.#begin.run();
        try {
          return work();
        } finally {
          // Of a transaction that only read, the end cannot fail for want of space.
          if (this.#db.isTransaction) this.#end.run();
        }
      });
    });
  }

  epoch(shard: number) {
    return this.#reads.epoch(shard);
  }

  rows() {
    return this.#reads.rows();
  }

  load(shard: number, keys: readonly Address[]) {
    return this.#reads.load(shard, keys);
  }

  due(shard: number, afterMs: number, limit: number) {
    return this.#reads.due(shard, afterMs, limit);
  }

  list(kind: string, after: string | null, limit: number) {
    return this.#reads.list(kind, after, limit);
  }

  history(actor: Address, range: RowRange) {
    return this.#reads.history(actor, range);
  }

  deadLetters(filter: DeadLetterFilter) {
    return this.#reads.deadLetters(filter);
  }

  deadLetter(id: string) {
    return this.#reads.deadLetter(id);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#db.close();
  }
}
