/**
 * How much a second of each key: the generic cell rate algorithm (ITU-T I.371, annex A), a token bucket that keeps one
 * number a key, the time at which the key will be at rest.
 *
 * 1. A key at rest may take `burst` at once, and `perSecond` in the long run; all arithmetic is of whole numbers.
 * 2. Memory is fixed, whatever keys are made up. Where there is no room, the key that is nearest to its rest is
 *    forgotten: it may take a little more than is its due, and never less.
 * 3. Keys are 32-bit hashes: those whose hashes are equal share a limit.
 */

export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

/** Keys that may stand in one set. */
const ways = 4;

export class RateLimiter {
  readonly rate: Rate;
  readonly #shift: number;
  readonly #keys: Int32Array;
  /** When each key is at rest, in ticks: a tick is the time in which one more may come. */
  readonly #restTicks: Float64Array;

  /** @param setBits the limiter remembers 4 · 2^`setBits` keys, with 12 bytes each */
  constructor(rate: Rate, setBits: number) {
    this.rate = rate;
    this.#shift = 32 - setBits;
    this.#keys = new Int32Array(ways << setBits);
    this.#restTicks = new Float64Array(ways << setBits);
  }

  /** Takes one. False when the key has to wait; then nothing is taken. */
  take(key: number, nowMs: number): boolean {
    const nowTicks = this.#ticks(nowMs);
    const slot = this.#find(key);
    const restTicks = Math.max(this.#keys[slot] === key ? this.#restTicks[slot]! : 0, nowTicks) + 1;
    if (restTicks - nowTicks > this.rate.burst) return false;
    this.#keys[slot] = key;
    this.#restTicks[slot] = restTicks;
    return true;
  }

  /** Takes `count` though it may be more than is the key's due: it waits the longer afterwards. */
  charge(key: number, count: number, nowMs: number): void {
    const slot = this.#find(key);
    const restTicks = this.#keys[slot] === key ? this.#restTicks[slot]! : 0;
    this.#keys[slot] = key;
    this.#restTicks[slot] = Math.max(restTicks, this.#ticks(nowMs)) + count;
  }

  /** How many the key may take now; below 1 when it has to wait. */
  left(key: number, nowMs: number): number {
    const slot = this.#find(key);
    const restTicks = this.#keys[slot] === key ? this.#restTicks[slot]! : 0;
    return this.rate.burst - Math.max(0, restTicks - this.#ticks(nowMs));
  }

  /** Until the key may take one more; 0: now. */
  waitMs(key: number, nowMs: number): number {
    return Math.max(0, 1 - this.left(key, nowMs)) * 1000 / this.rate.perSecond;
  }

  #ticks(nowMs: number): number {
    return Math.floor(nowMs * this.rate.perSecond / 1000);
  }

  /** The key's slot, or the one of its set that is to be forgotten for it. */
  #find(key: number): number {
    const first = (key >>> this.#shift) * ways;
    let earliest = first;
    for (let slot = first; slot < first + ways; slot++) {
      if (this.#keys[slot] === key) return slot;
      if (this.#restTicks[slot]! < this.#restTicks[earliest]!) earliest = slot;
    }
    return earliest;
  }
}
