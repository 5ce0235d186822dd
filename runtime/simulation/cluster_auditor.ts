/**
 * The oracle of claims.
 *
 * 1. From one agreement to the next, a shard is taken by another than its right node once at most, and only before the
 *    right one has: by a claim that was on its way, its node having asked before the nodes agreed anew. So a shard
 *    changes nodes twice at most, and nobody takes it back from its right owner.
 */

import { check } from "./oracle_error.ts";

export class ClusterAuditor {
  /** By shard, the name of the process that may claim it; null before the first agreement. */
  #owners: readonly (string | null)[] | null = null;
  /** By shard, the first process that has claimed it since the nodes agreed. */
  readonly #claimers: (string | null)[];

  constructor(shardCount: number) {
    this.#claimers = new Array<string | null>(shardCount).fill(null);
  }

  agreed(owners: readonly (string | null)[]): void {
    this.#owners = owners;
    this.#claimers.fill(null);
  }

  claimed(shard: number, epoch: number, claimer: string): void {
    const first = this.#claimers[shard] ?? null;
    this.#claimers[shard] = first ?? claimer;
    if (this.#owners === null) return;
    const owner = this.#owners[shard] ?? null;
    check(
      "agreement",
      owner === claimer || first === null,
      () =>
        `${claimer} took epoch ${epoch} of shard ${shard}, which was agreed to be ${owner ?? "nobody"}'s, ` +
        `and which ${first} has claimed since then`,
    );
  }
}
