/** Port `Store` in memory: `MemoryStoreCore` behind promises. */

import type { HostDeath } from "../core/attempts.ts";
import type { Address } from "../core/actor.ts";
import type {
  Checkpoint,
  Claim,
  CommitResult,
  DuePage,
  Loaded,
  StoredDeadLetter,
} from "../core/checkpoint.ts";
import { MemoryStoreCore } from "./memory_store_core.ts";
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

export class MemoryStore implements Store {
  readonly #core: MemoryStoreCore;
  #closed = false;

  constructor(core: MemoryStoreCore) {
    this.#core = core;
  }

  #call<T>(work: (core: MemoryStoreCore) => T): Promise<T> {
    return Promise.try(() => {
      if (this.#closed) throw new StoreError("closed", "Cannot use the store in memory: it is closed");
      return work(this.#core);
    });
  }

  claim(
    shard: number,
    owner: string,
    death: HostDeath | null = null,
    after: number | null = null,
  ): Promise<Claim> {
    return this.#call((core) => core.claimNow(shard, owner, death, after));
  }

  epoch(shard: number): Promise<number> {
    return this.#call((core) => core.epochNow(shard));
  }

  rows(): Promise<readonly ShardRow[]> {
    return this.#call((core) => core.rowsNow());
  }

  load(shard: number, keys: readonly Address[]): Promise<Loaded> {
    return this.#call((core) => core.loadNow(shard, keys));
  }

  due(shard: number, afterMs: number, limit: number): Promise<DuePage> {
    return this.#call((core) => core.dueNow(shard, afterMs, limit));
  }

  commit(checkpoints: readonly Checkpoint[]): Promise<readonly CommitResult[]> {
    return this.#call((core) => core.commitNow(checkpoints));
  }

  list(kind: string, after: string | null, limit: number): Promise<ListPage> {
    return this.#call((core) => core.listNow(kind, after, limit));
  }

  countActors(): Promise<readonly ActorCount[]> {
    return this.#call((core) => core.countActorsNow());
  }

  history(actor: Address, range: RowRange): Promise<readonly StoredHistoryRow[]> {
    return this.#call((core) => core.historyNow(actor, range));
  }

  expireHistory(beforeMs: number, limit: number): Promise<number> {
    return this.#call((core) => core.expireHistoryNow(beforeMs, limit));
  }

  deadLetters(filter: DeadLetterFilter): Promise<DeadLetterPage> {
    return this.#call((core) => core.deadLettersNow(filter));
  }

  deadLetter(id: string): Promise<StoredDeadLetter | null> {
    return this.#call((core) => core.deadLetterNow(id));
  }

  expireDeadLetters(beforeMs: number, limit: number): Promise<number> {
    return this.#call((core) => core.expireDeadLettersNow(beforeMs, limit));
  }

  close(): Promise<void> {
    this.#closed = true;
    return Promise.resolve();
  }
}
