/**
 * What the main thread knows of every shard: how far its log was appended to, and what its host reported last. Of a
 * shard that is another node's, only the former.
 *
 * 1. `appended` never goes back, and covers every append that was acknowledged to a sender of this node.
 * 2. Nothing of an earlier stay is told of a shard that went elsewhere and came back.
 */

import type { ShardStatus, Suspended } from "./engine.ts";
import type { ShardReport } from "./host_protocol.ts";
import type { LogExtent } from "../log/port.ts";

export class ShardBoard {
  readonly #hostOf: (shard: number) => number | null;
  /** Per shard: the offset after the last one known to be appended. */
  readonly #ends: number[];
  readonly #reports: (ShardReport | null)[];
  /** Per shard: the last offset folded, by the last host that ran it; null before the first does. */
  readonly #folded: (number | null)[];

  /** `hostOf`: the shard's host in this node; null when it is another node's. */
  constructor(extents: readonly LogExtent[], hostOf: (shard: number) => number | null) {
    this.#hostOf = hostOf;
    this.#ends = extents.map(({ end }) => end);
    this.#reports = extents.map(() => null);
    this.#folded = extents.map(() => null);
  }

  get shardCount(): number {
    return this.#ends.length;
  }

  /** Whether it is for this node to fold. */
  isOwn(shard: number): boolean {
    return this.#hostOf(shard) !== null;
  }

  appended(shard: number, offset: number): void {
    this.#ends[shard] = Math.max(this.#ends[shard]!, offset + 1);
  }

  /** Every frame below this offset was appended: a strict read waits until all of them are folded. */
  end(shard: number): number {
    return this.#ends[shard]!;
  }

  reported(report: ShardReport): void {
    this.#reports[report.shard] = report;
    if (report.state === "running") this.#folded[report.shard] = report.folded;
  }

  /** The shard's host died: nothing is known of the shard until the next host reports. */
  lost(shard: number): void {
    this.#reports[shard] = null;
  }

  /** It is another node's from now on, or another host's. */
  moved(shard: number): void {
    this.#reports[shard] = null;
    this.#folded[shard] = null;
  }

  refusal(shard: number): string | null {
    return this.#reports[shard]?.refusal ?? null;
  }

  keysFull(shard: number): boolean {
    return this.#reports[shard]?.keysFull ?? false;
  }

  /** All shards' suspended actors, by kind and id. */
  suspended(): Suspended[] {
    const found = this.#reports.flatMap((report) => report === null ? [] : [...report.suspended]);
    return found.sort(([one], [other]) => one < other ? -1 : 1).map(([key, { sinceMs }]) => {
      const slash = key.indexOf("/");
      return { kind: key.slice(0, slash), id: key.slice(slash + 1), sinceMs };
    });
  }

  /** Log time by which the oldest frame not folded was stamped; null when none waits. */
  oldestWaitingMs(shard: number): number | null {
    return this.#reports[shard]?.oldestStampMs ?? null;
  }

  /** Frames known to be in its log and not folded; null before the shard runs for the first time. */
  queuedFrames(shard: number): number | null {
    const folded = this.#folded[shard] ?? null;
    const known = this.#reports[shard]?.queuedFrames ?? 0;
    return folded === null ? null : Math.max(this.end(shard) - 1 - folded, known);
  }

  /** Suspended actors of the shard that are listed. */
  suspendedCount(shard: number): number {
    return this.#reports[shard]?.suspended.size ?? 0;
  }

  status(shard: number): ShardStatus {
    const report = this.#reports[shard] ?? null;
    return {
      shard,
      host: this.#hostOf(shard),
      state: this.isOwn(shard) ? report?.state ?? "claiming" : "elsewhere",
      epoch: report?.epoch ?? 0,
      folded: report?.folded ?? -1,
      // Ticks and other shards' sends are appended without this thread.
      appended: Math.max(this.end(shard) - 1, report?.folded ?? -1),
      oldestWaitingMs: report?.oldestStampMs ?? null,
      sentence: report?.refusal ?? null,
    };
  }

  statuses(): ShardStatus[] {
    return this.#ends.map((_, shard) => this.status(shard));
  }

  /** Running with its log replayed, or refused: no start waits for it any longer. */
  isSettled(shard: number): boolean {
    const report = this.#reports[shard] ?? null;
    return report !== null &&
      (report.state === "refused" || (report.state === "running" && !report.isReplaying));
  }

  /** What its own shards keep the node from being ready by, as a sentence; null when each of them folds. */
  waitingFor(): string | null {
    const refused = this.#reports.find((report) => report?.state === "refused");
    if (refused) return refused.refusal;
    const open = this.#ends.map((_, shard) => shard)
      .filter((shard) => this.isOwn(shard) && !this.isSettled(shard));
    const [first] = open;
    if (first === undefined) return null;
    const { state, folded, appended } = this.status(first);
    const doing = state === "claiming"
      ? "is being claimed"
      : `has replayed its log up to ${folded} of ${appended}`;
    const others = open.length === 1 ? "" : `, and ${open.length - 1} other shards are not ready either`;
    return `Shard ${first} ${doing}${others}`;
  }
}
