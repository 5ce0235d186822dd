/**
 * What time it is in the log, as its reader knows it.
 *
 * 1. Only stamps of the log move log time; between stamps the driver's monotonic clock carries it on, for queries
 *    and for the decision to append a tick, never for the fold.
 * 2. One tick is under way at most; one that was not delivered is sent again.
 */

/** A tick that was not delivered after this long is sent again. */
const tickRetryMs = 1000;

export class LogClock {
  #stampMs: number;
  #seenMs: number;
  /** Monotonic; null when no tick is under way. */
  #tickSentMs: number | null = null;

  /** `stampMs`: the newest stamp known; `nowMs`: the driver's monotonic clock. */
  constructor(stampMs: number, nowMs: number) {
    this.#stampMs = stampMs;
    this.#seenMs = nowMs;
  }

  /** A frame of this stamp was delivered. */
  see(stampMs: number, nowMs: number): void {
    this.#stampMs = Math.max(this.#stampMs, stampMs);
    this.#seenMs = nowMs;
    this.#tickSentMs = null;
  }

  /** An estimate of log time, epoch milliseconds. */
  logNowMs(nowMs: number): number {
    return Math.floor(this.#stampMs + nowMs - this.#seenMs);
  }

  tickSent(nowMs: number): void {
    this.#tickSentMs = nowMs;
  }

  /** When a tick must be sent so that a timer due at log time `timerMs` fires, monotonic; Infinity for never. */
  tickDueMs(timerMs: number): number {
    if (this.#tickSentMs !== null) return this.#tickSentMs + tickRetryMs;
    return timerMs === Infinity ? Infinity : this.#seenMs + Math.max(1, timerMs - this.#stampMs);
  }
}
