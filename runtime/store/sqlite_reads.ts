/**
 * What is read of the embedded store, over the statements of one connection.
 *
 * Each call is one transaction: what it reads is as of one moment.
 */

import type { Address } from "../core/actor.ts";
import type { DuePage, Loaded, StoredDeadLetter } from "../core/checkpoint.ts";
import type { ActorRows } from "./actor_rows.ts";
import type { DeadLetterRows } from "./dead_letter_rows.ts";
import type { HistoryRows } from "./history_rows.ts";
import type {
  DeadLetterFilter,
  DeadLetterPage,
  ListPage,
  RowRange,
  ShardRow,
  Store,
  StoredHistoryRow,
} from "./port.ts";
import type { ShardRows } from "./shard_rows.ts";

/** The port's calls that change nothing and wait for no transaction. */
export type StoreReads = Pick<
  Store,
  "epoch" | "rows" | "load" | "due" | "list" | "history" | "deadLetters" | "deadLetter"
>;

export interface ReadRows {
  readonly shards: ShardRows;
  readonly actors: ActorRows;
  readonly history: HistoryRows;
  readonly deadLetters: DeadLetterRows;
}

/** Runs `work` as one transaction; `doing` says what failed if it throws. */
export type RunRead = <T>(doing: string, work: () => T) => Promise<T>;

export class SqliteReads implements StoreReads {
  readonly #rows: ReadRows;
  readonly #run: RunRead;

  constructor(rows: ReadRows, run: RunRead) {
    this.#rows = rows;
    this.#run = run;
  }

  epoch(shard: number): Promise<number> {
    return this.#run(`read the epoch of shard ${shard}`, () => this.#rows.shards.epoch(shard));
  }

  rows(): Promise<readonly ShardRow[]> {
    return this.#run("read the shards", () => this.#rows.shards.all());
  }

  load(shard: number, keys: readonly Address[]): Promise<Loaded> {
    return this.#run(`load actors of shard ${shard}`, () => ({
      ...this.#rows.actors.load(shard, keys),
      epoch: this.#rows.shards.epoch(shard),
    }));
  }

  due(shard: number, afterMs: number, limit: number): Promise<DuePage> {
    return this.#run(`read timers of shard ${shard}`, () => ({
      actors: this.#rows.actors.due(shard, afterMs, limit),
      epoch: this.#rows.shards.epoch(shard),
    }));
  }

  list(kind: string, after: string | null, limit: number): Promise<ListPage> {
    return this.#run(`list ${kind}`, () => this.#rows.actors.list(kind, after, limit));
  }

  history(actor: Address, range: RowRange): Promise<readonly StoredHistoryRow[]> {
    return this.#run(
      `read history of ${actor.kind}/${actor.id}`,
      () => this.#rows.history.read(actor, range),
    );
  }

  deadLetters(filter: DeadLetterFilter): Promise<DeadLetterPage> {
    return this.#run("list dead letters", () => this.#rows.deadLetters.list(filter));
  }

  deadLetter(id: string): Promise<StoredDeadLetter | null> {
    return this.#run("read a dead letter", () => this.#rows.deadLetters.find(id));
  }
}
