/**
 * Calls of all ports of the store thread, grouped by turns of its event loop.
 *
 * 1. The commits of a turn are one transaction: one flush of the disk for all shards that were due together.
 * 2. The other calls of the turn run after its commits, in the order they came: they see every commit before them.
 * 3. When a transaction fails, each commit call in it is tried alone, so that one call's failure is its own.
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
  #commits: QueuedCommit[] = [];
  #others: (() => Promise<void>)[] = [];
  #isRunning = false;
  #whenIdle: (() => void)[] = [];

  constructor(store: Store) {
    this.#store = store;
  }

  commit(checkpoints: readonly Checkpoint[]): Promise<readonly CommitResult[]> {
    return new Promise((resolve, reject) => {
      this.#commits.push({ checkpoints, resolve, reject });
      this.#schedule();
    });
  }

  call<T>(work: (store: Store) => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#others.push(() => work(this.#store).then(resolve, reject));
      this.#schedule();
    });
  }

  /** Resolves when every call made so far is settled. */
  idle(): Promise<void> {
    if (!this.#isRunning) return Promise.resolve();
    return new Promise((resolve) => this.#whenIdle.push(resolve));
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
