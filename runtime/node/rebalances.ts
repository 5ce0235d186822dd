/**
 * What came of the nodes' agreements in this node: which shards it gained and lost, and how long that took.
 *
 * 1. An agreement's phases follow each other: agreeing, then claiming until each gained shard is claimed, then replaying
 *    until each has folded what its log held. A shard that goes again is not waited for.
 * 2. A shard that is kept has no phases: it goes on as if nothing were.
 */

import type { Agreement } from "../core/cluster.ts";
import type { ShardReport } from "./host_protocol.ts";
import { maxRebalances } from "./limits.ts";

interface Change {
  /** When this node heard of it, epoch milliseconds. */
  readonly atMs: number;
  readonly gained: readonly number[];
  readonly lost: readonly number[];
  readonly kept: readonly number[];
}

export interface Rebalance extends Change {
  /** As of the `Agreement`. */
  readonly number: number;
  readonly agreeingMs: number;
  /** Null: not over yet. */
  readonly claimingMs: number | null;
  readonly replayingMs: number | null;
}

interface UnderWay {
  readonly agreement: Agreement;
  readonly change: Change;
  readonly heardMs: number;
  readonly unclaimed: Set<number>;
  readonly unfolded: Set<number>;
  claimedMs: number | null;
  foldedMs: number | null;
}

export interface RebalancesParts {
  /** Monotonic milliseconds. */
  nowMs(): number;
  /** Epoch milliseconds. */
  wallMs(): number;
}

export class Rebalances {
  readonly #parts: RebalancesParts;
  /** The oldest first. */
  #seen: UnderWay[] = [];
  #own: readonly number[] = [];

  constructor(parts: RebalancesParts) {
    this.#parts = parts;
  }

  agreed(agreement: Agreement): void {
    const before = new Set(this.#own);
    const after = new Set(agreement.own);
    const lost = this.#own.filter((shard) => !after.has(shard));
    const [kept, gained] = [
      agreement.own.filter((shard) => before.has(shard)),
      agreement.own.filter((shard) => !before.has(shard)),
    ];
    this.#own = agreement.own;
    for (const shard of lost) this.#done(shard, true, true);
    this.#seen.push({
      agreement,
      change: { atMs: this.#parts.wallMs(), gained, lost, kept },
      heardMs: this.#parts.nowMs(),
      unclaimed: new Set(gained),
      unfolded: new Set(gained),
      claimedMs: null,
      foldedMs: null,
    });
    this.#seen = this.#seen.slice(-maxRebalances);
    this.#settle();
  }

  reported({ shard, state, isReplaying }: ShardReport): void {
    const isClaimed = state !== "claiming";
    this.#done(shard, isClaimed, isClaimed && !isReplaying);
    this.#settle();
  }

  #done(shard: number, isClaimed: boolean, isFolded: boolean): void {
    for (const { unclaimed, unfolded } of this.#seen) {
      if (isClaimed) unclaimed.delete(shard);
      if (isFolded) unfolded.delete(shard);
    }
  }

  #settle(): void {
    const nowMs = this.#parts.nowMs();
    for (const each of this.#seen) {
      if (each.unclaimed.size === 0) each.claimedMs ??= nowMs;
      if (each.unclaimed.size === 0 && each.unfolded.size === 0) each.foldedMs ??= nowMs;
    }
  }

  /** The last ones, the newest first. */
  list(): Rebalance[] {
    return this.#seen.map(({ agreement, change, heardMs, claimedMs, foldedMs }) => ({
      number: agreement.number,
      ...change,
      agreeingMs: Math.round(agreement.durationMs),
      claimingMs: claimedMs === null ? null : Math.round(claimedMs - heardMs),
      replayingMs: claimedMs === null || foldedMs === null ? null : Math.round(foldedMs - claimedMs),
    })).reverse();
  }
}
