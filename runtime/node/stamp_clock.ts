/** The log's clock as a node knows it: the newest stamp it saw, moved on by the time since. */

import type { Clock } from "./clock.ts";

export class StampClock {
  readonly #clock: Clock;
  #stampMs: number;
  #seenMs: number;

  /** `startMs`: epoch milliseconds of this machine, until the first stamp comes. */
  constructor(clock: Clock, startMs: number) {
    this.#clock = clock;
    this.#stampMs = startMs;
    this.#seenMs = clock.nowMs();
  }

  saw(stampMs: number): void {
    this.#stampMs = stampMs;
    this.#seenMs = this.#clock.nowMs();
  }

  /** Epoch milliseconds, whole. */
  nowMs(): number {
    return Math.floor(this.#stampMs + this.#clock.nowMs() - this.#seenMs);
  }
}
