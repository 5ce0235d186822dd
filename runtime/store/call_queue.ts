/**
 * Calls of all ports of the store thread, grouped by turns of its event loop.
 *
 * 1. The commits of a turn are one transaction: one flush of the disk for all shards that were due together.
 * 2. The other calls of the turn run after its commits, in the order they came: they see every commit before them.
 * 3. When a transaction fails, each commit call in it is tried alone, so that one call's failure is its own.
 *
 * A store that is concurrent, because it is on a server, gets the other calls at once: only its commits are grouped.
 *
 * The queue needs no bound of its own: a shard has one commit in flight, and callers bound what they read ahead.
 */

import type { Checkpoint, CommitResult } from "../core/checkpoint.ts";
import type { Store } from "./port.ts";

interface QueuedCommit {
  readonly checkpoints: readonly Checkpoint[];
  resolve(results: readonly CommitResult[]): void;
  reject(error: unknown): void;
}

export class CallQueue {
  readonly #store: Store;
  readonly #isConcurrent: boolean;
  /** Calls that a concurrent store has not answered. */
  readonly #atOnce = new Set<Promise<unknown>>();
  #commits: QueuedCommit[] = [];
  #others: (() => Promise<void>)[] = [];
  #isRunning = false;
  #whenIdle: (() => void)[] = [];

  constructor(store: Store, { isConcurrent = false } = {}) {
    this.#store = store;
    this.#isConcurrent = isConcurrent;
  }

  commit(checkpoints: readonly Checkpoint[]): Promise<readonly CommitResult[]> {
    return new Promise((resolve, reject) => {
      this.#commits.push({ checkpoints, resolve, reject });
      this.#schedule();
    });
  }

  call<T>(work: (store: Store) => Promise<T>): Promise<T> {
    if (this.#isConcurrent) return this.#callAtOnce(work);
    return new Promise((resolve, reject) => {
      this.#others.push(() => work(this.#store).then(resolve, reject));
      this.#schedule();
    });
  }

  async #callAtOnce<T>(work: (store: Store) => Promise<T>): Promise<T> {
    const call = work(this.#store);
    this.#atOnce.add(call);
    try {
      return await call;
    } finally {
      this.#atOnce.delete(call);
    }
  }

  /** Resolves when every call made so far is settled. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#atOnce);
    if (this.#isRunning) await new Promise<void>((resolve) => this.#whenIdle.push(resolve));
  }

  #schedule(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    // After the messages that have already arrived.
    setImmediate(() => this.#run());
  }

  async #run(): Promise<void> {
    const commits = this.#commits;
    const others = this.#others;
    this.#commits = [];
    this.#others = [];
    await this.#commitTogether(commits);
    for (const run of others) await run();
    if (this.#commits.length + this.#others.length > 0) setImmediate(() => this.#run());
    else {
      this.#isRunning = false;
      for (const resolve of this.#whenIdle.splice(0)) resolve();
    }
  }

  async #commitTogether(commits: readonly QueuedCommit[]): Promise<void> {
    if (commits.length === 0) return;
    try {
      const results = await this.#store.commit(commits.flatMap(({ checkpoints }) => checkpoints));
      let at = 0;
      for (const { checkpoints, resolve } of commits) resolve(results.slice(at, at += checkpoints.length));
    } catch (thrown) {
      if (commits.length === 1) commits[0]!.reject(thrown);
      else for (const commit of commits) await this.#commitTogether([commit]);
    }
  }
}
