/**
 * How often, and how soon, a supervisor starts a child again.
 *
 * 1. `RestartIntensity` is exceeded by the first failure that makes more than `restarts` of them within `withinMs`, its
 *    two ends included, as in OTP's `supervisor:add_restart/1`.
 * 2. `Backoff` doubles from `firstMs` up to `maxMs`; of that, a share of `jitter` is random, so that many do not return
 *    at once. It begins anew after a child that was up for `healthyMs`. A failure that is not the child's own is followed
 *    by the first pause, and lengthens none.
 */

export interface Intensity {
  /** Restarts that are allowed within `withinMs`. */
  readonly restarts: number;
  readonly withinMs: number;
}

export class RestartIntensity {
  readonly #limit: Intensity;
  /** When the counted failures were; none is older than `withinMs`. */
  #failedMs: number[] = [];

  constructor(limit: Intensity) {
    this.#limit = limit;
  }

  /** Counts a failure; true when there have been too many. */
  isExceededBy(failedMs: number): boolean {
    const { restarts, withinMs } = this.#limit;
    this.#failedMs = this.#failedMs.filter((earlierMs) => failedMs - earlierMs <= withinMs);
    this.#failedMs.push(failedMs);
    return this.#failedMs.length > restarts;
  }
}

export interface BackoffPolicy {
  readonly firstMs: number;
  readonly maxMs: number;
  /** Between 0 (none) and 1 (a pause may be anything from nothing to its full length). */
  readonly jitter: number;
  readonly healthyMs: number;
}

/** The pauses of one child. */
export class Backoff {
  readonly #policy: BackoffPolicy;
  #failures = 0;

  constructor(policy: BackoffPolicy) {
    this.#policy = policy;
  }

  /** Hears of the end of a child that had been up for `upMs`, whatever its reason. */
  wasUp(upMs: number): void {
    if (upMs >= this.#policy.healthyMs) this.#failures = 0;
  }

  /** The pause after a failure, of the child's own or not. `random` is in [0, 1). */
  pauseMs(random: number, isOwn = true): number {
    const { firstMs, maxMs, jitter } = this.#policy;
    const doublings = isOwn ? this.#failures : 0;
    // More doublings than a number has digits would end in infinity.
    if (isOwn) this.#failures = Math.min(this.#failures + 1, 50);
    const fullMs = Math.min(maxMs, firstMs * 2 ** doublings);
    return fullMs * (1 - jitter + jitter * random);
  }
}
