/**
 * When a shard's next checkpoint is due, and how far it may fold ahead of the confirmed one.
 *
 * 1. Nothing is due while nothing has changed.
 * 2. A crash costs at most `checkpointIntervalMs` of time, `foldBudgetMs` of folding and `maxUnconfirmedBytes` of
 *    frames, whichever comes first, and the one commit that is under way.
 * 3. The quicker the store was the last time, the sooner it is used again: what a crash costs is mostly the actors that
 *    changed since, since each is loaded anew.
 * 4. What others wait for does not wait for the interval: effects leave after `effectDelayMs`, the rest at once.
 */

import type { Fold } from "./fold.ts";
import type { ShardLimits } from "./limits.ts";

/** From one checkpoint to the next, in times that the last one took to be confirmed. */
const intervalPerCommit = 10;
/** The shortest interval is this part of `checkpointIntervalMs`. */
const shortestPart = 1 / 8;

export class CheckpointPace {
  readonly #limits: ShardLimits;
  /** Of mailbox frames folded since the last checkpoint was made. */
  #foldedBytes = 0;
  /** Of those in the checkpoint under way. */
  #committingBytes = 0;
  #foldedMs = 0;
  #lastMs: number;
  #intervalMs: number;
  #effectsSinceMs: number | null = null;
  #isHurried = false;
  #hasMoved = false;
  #isDemanded = false;

  /** All times are the driver's, monotonic. */
  constructor(limits: ShardLimits, nowMs: number) {
    this.#limits = limits;
    this.#lastMs = nowMs;
    this.#intervalMs = limits.checkpointIntervalMs;
  }

  /** Something was folded, be it a part of a frame. */
  moved(): void {
    this.#hasMoved = true;
  }

  /** A checkpoint of what was folded comes before anything else is: the next throw or death must not undo it. */
  demand(): void {
    this.#hasMoved = true;
    this.#isDemanded = true;
  }

  get mustCommit(): boolean {
    return this.#isDemanded;
  }

  /** A frame was folded to its end. */
  folded(bytes: number): void {
    this.#foldedBytes += bytes;
  }

  spent(foldingMs: number): void {
    this.#foldedMs += foldingMs;
  }

  hurry(): void {
    this.#isHurried = true;
  }

  get isFull(): boolean {
    return this.#foldedBytes + this.#committingBytes >= this.#limits.maxUnconfirmedBytes;
  }

  hasChanges({ turns: { changed, outbox } }: Fold): boolean {
    return this.#hasMoved || changed.length > 0 || outbox.hasDone;
  }

  /**
   * When the next checkpoint is due; Infinity when there is nothing to save. `wantedMs`: when one is wanted though there is
   * not.
   */
  dueMs(fold: Fold, nowMs: number, wantedMs = Infinity): number {
    const { foldBudgetMs, actorBytes, effectDelayMs } = this.#limits;
    if (!this.hasChanges(fold)) return Math.max(wantedMs, this.#lastMs + this.#intervalMs);
    if (this.#isDemanded || this.#isHurried || this.isFull || this.#foldedMs >= foldBudgetMs) return nowMs;
    if (fold.turns.outbox.isFull || fold.table.bytes > actorBytes * 2) return nowMs;
    if (fold.turns.outbox.isGathering || fold.requests.isGathering) this.#effectsSinceMs ??= nowMs;
    const byEffects = this.#effectsSinceMs === null ? Infinity : this.#effectsSinceMs + effectDelayMs;
    return Math.min(byEffects, this.#lastMs + this.#intervalMs);
  }

  /** A checkpoint of everything folded by now was made. */
  captured(nowMs: number): void {
    this.#committingBytes = this.#foldedBytes;
    this.#foldedBytes = 0;
    this.#foldedMs = 0;
    this.#lastMs = nowMs;
    this.#effectsSinceMs = null;
    this.#isHurried = false;
    this.#hasMoved = false;
    this.#isDemanded = false;
  }

  /** It is confirmed. */
  confirmed(nowMs: number): void {
    const { checkpointIntervalMs } = this.#limits;
    const byStoreMs = (nowMs - this.#lastMs) * intervalPerCommit;
    const shortestMs = checkpointIntervalMs * shortestPart;
    this.#intervalMs = Math.min(Math.max(byStoreMs, shortestMs), checkpointIntervalMs);
    this.#committingBytes = 0;
  }
}
