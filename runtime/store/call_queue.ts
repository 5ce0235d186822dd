/**
 * Calls of all ports of the store thread, grouped by turns of its event loop.
 *
 * 1. The commits of a turn are one transaction, and so are its claims: one flush of the disk for all shards that were due
 *    together, or lost their host together.
 * 2. The claims of the turn run after its commits, the other calls after both, in the order they came: they see every
 *    commit before them.
 * 3. When a transaction fails, each call in it is tried alone, so that one call's failure is its own.
 *
 * A store that is concurrent, because it is on a server, gets the other calls at once: only its commits, and its claims, are
 * grouped.
 *
 * The queue needs no bound of its own: a shard has one commit in flight, and callers bound what they read ahead.
 */

import type { HostDeath } from "../core/attempts.ts";
import type { Checkpoint, Claim, CommitResult } from "../core/checkpoint.ts";
import { type Store, StoreError } from "./port.ts";

export interface ClaimCall {
  readonly shard: number;
  readonly owner: string;
  readonly death: HostDeath | null;
  readonly after: number | null;
}

/** The error is a "raced" one: what else fails, fails for all that are claimed together. */
export type ClaimAnswer = Claim | StoreError;

export function claimed(answer: ClaimAnswer): Claim {
  if (answer instanceof StoreError) throw answer;
  return answer;
}

export interface QueuedStore extends Store {
  /** Several claims, with an answer for each. */
  claimTogether?(claims: readonly ClaimCall[]): Promise<readonly ClaimAnswer[]>;
}

interface Queued<Call, Result> {
  readonly call: Call;
  resolve(result: Result): void;
  reject(error: unknown): void;
}

type QueuedCommit = Queued<readonly Checkpoint[], readonly CommitResult[]>;
type QueuedClaim = Queued<ClaimCall, ClaimAnswer>;

export class CallQueue {
  readonly #store: QueuedStore;
  readonly #isConcurrent: boolean;
  /** Calls that a concurrent store has not answered. */
  readonly #atOnce = new Set<Promise<unknown>>();
  #commits: QueuedCommit[] = [];
  #claims: QueuedClaim[] = [];
  #others: (() => Promise<void>)[] = [];
  #isRunning = false;
  #whenIdle: (() => void)[] = [];

  constructor(store: QueuedStore, { isConcurrent = false } = {}) {
    this.#store = store;
    this.#isConcurrent = isConcurrent;
  }

  commit(checkpoints: readonly Checkpoint[]): Promise<readonly CommitResult[]> {
    return new Promise((resolve, reject) => {
      this.#commits.push({ call: checkpoints, resolve, reject });
      this.#schedule();
    });
  }

  async claim(call: ClaimCall): Promise<Claim> {
    if (this.#store.claimTogether === undefined) {
      return await this.call((store) => store.claim(call.shard, call.owner, call.death, call.after));
    }
    return claimed(
      await new Promise<ClaimAnswer>((resolve, reject) => {
        this.#claims.push({ call, resolve, reject });
        this.#schedule();
      }),
    );
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
    const claims = this.#claims;
    const others = this.#others;
    this.#commits = [];
    this.#claims = [];
    this.#others = [];
    await together(commits, (calls) => this.#commitAll(calls));
    await together(claims, (calls) => this.#claimAll(calls));
    for (const run of others) await run();
    if (this.#commits.length + this.#claims.length + this.#others.length > 0) setImmediate(() => this.#run());
    else {
      this.#isRunning = false;
      for (const resolve of this.#whenIdle.splice(0)) resolve();
    }
  }

  async #commitAll(calls: readonly (readonly Checkpoint[])[]): Promise<readonly (readonly CommitResult[])[]> {
    const results = await this.#store.commit(calls.flat());
    let at = 0;
    return calls.map((checkpoints) => results.slice(at, at += checkpoints.length));
  }

  async #claimAll(calls: readonly ClaimCall[]): Promise<readonly ClaimAnswer[]> {
    return await this.#store.claimTogether?.(calls) ?? [];
  }
}

/** Settles the calls by one transaction, or each by its own when that fails. */
async function together<Call, Result>(
  queued: readonly Queued<Call, Result>[],
  run: (calls: readonly Call[]) => Promise<readonly Result[]>,
): Promise<void> {
  if (queued.length === 0) return;
  try {
    const results = await run(queued.map(({ call }) => call));
    queued.forEach(({ resolve }, index) => resolve(results[index]!));
  } catch (thrown) {
    if (queued.length === 1) queued[0]!.reject(thrown);
    else for (const one of queued) await together([one], run);
  }
}
