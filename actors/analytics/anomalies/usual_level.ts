/**
 * What a value is expected to be: a level that follows the series slowly, or where the series has a daily
 * profile that predicts it better, that profile with such a level on top.
 *
 * 1. Both are kept, and judged by their errors on values they had not seen; the better one speaks.
 * 2. One outlier moves a level by a few usual errors at most (the bounded step of Huber 1964, "Robust
 *    estimation of a location parameter"); a lasting shift moves it all the way.
 */

import { type DailyProfile, dayMs } from "./daily_profile.ts";
import {
  learntScales,
  levelValues,
  profileDays,
  profileGain,
  recentValues,
  scaleValues,
  settlingValues,
} from "./limits.ts";

// Places of a model's numbers, from the model's own place on.
const levelAt = 0;
const recentAt = 1;
const errorAt = 2;
const countAt = 3;
const modelNumbers = 4;

const plain = 0;
const daily = modelNumbers;
const beganMsAt = 2 * modelNumbers;
const hasBegunAt = beganMsAt + 1;
const isDailyAt = beganMsAt + 2;
/** The first value: the profile keeps distances from it, so that its 32-bit floats lose nothing. */
const originAt = beganMsAt + 3;

export class UsualLevel {
  static readonly numbers = 2 * modelNumbers + 4;

  readonly #numbers: Float64Array;
  readonly #profile: DailyProfile;

  /** Over memory of `UsualLevel.numbers` entries; zeros are a series without values. */
  constructor(numbers: Float64Array, profile: DailyProfile) {
    this.#numbers = numbers;
    this.#profile = profile;
  }

  /** The value that is usual at that time. */
  expected(tsMs: number): number {
    return this.#isDaily ? this.#dailyLevel(tsMs, levelAt) : this.#numbers[plain + levelAt]!;
  }

  /** How far `value` is from the last few ones, or where that is less, from what the profile makes of them. */
  leap(tsMs: number, value: number): number {
    const leap = value - this.#numbers[plain + recentAt]!;
    if (!this.#isDaily) return leap;
    const unexplained = value - this.#dailyLevel(tsMs, recentAt);
    return Math.abs(unexplained) < Math.abs(leap) ? unexplained : leap;
  }

  /** Learns a value of a series whose usual step is `stepMs`; answers whether another model speaks from now on. */
  learn(tsMs: number, value: number, stepMs: number): boolean {
    const numbers = this.#numbers;
    if (numbers[hasBegunAt] === 0) this.#begin(tsMs, value);
    this.#follow(plain, value);
    const rest = value - numbers[originAt]! - this.#profile.level(tsMs);
    // The first day fills the profile: it would be all error.
    const isJudged = tsMs - numbers[beganMsAt]! >= dayMs && this.#profile.isSeen(tsMs);
    const error = isJudged ? this.#follow(daily, rest) : rest - numbers[daily + levelAt]!;
    this.#profile.learn(tsMs, error, stepMs);
    return tsMs - numbers[beganMsAt]! >= profileDays * dayMs && this.#chooses();
  }

  /** Levels begin at the last few values and are learnt anew: what has lasted is usual. The profile stays. */
  accept(): void {
    for (const model of [plain, daily]) {
      this.#numbers[model + countAt] = 0;
      this.#numbers[model + levelAt] = this.#numbers[model + recentAt]!;
    }
  }

  #begin(tsMs: number, value: number): void {
    this.#numbers[hasBegunAt] = 1;
    this.#numbers[beganMsAt] = tsMs;
    this.#numbers[originAt] = value;
  }

  get #isDaily(): boolean {
    return this.#numbers[isDailyAt] === 1;
  }

  #dailyLevel(tsMs: number, which: number): number {
    return this.#numbers[originAt]! + this.#profile.level(tsMs) + this.#numbers[daily + which]!;
  }

  /** Moves a model's levels towards `value`; answers its error, bounded as it was learnt. */
  #follow(model: number, value: number): number {
    const numbers = this.#numbers;
    const count = ++numbers[model + countAt]!;
    const error = value - numbers[model + levelAt]!;
    const meanError = numbers[model + errorAt]!;
    const bound = count <= settlingValues || meanError === 0 ? Infinity : learntScales * meanError;
    const bounded = Math.max(-bound, Math.min(bound, error));
    numbers[model + levelAt]! += bounded * Math.max(1 / count, 1 / levelValues);
    const leap = value - numbers[model + recentAt]!;
    numbers[model + recentAt]! += Math.max(-bound, Math.min(bound, leap)) *
      Math.max(1 / count, 1 / recentValues);
    // The first value is all error where the level begins at 0.
    if (count > 1) {
      numbers[model + errorAt]! += (Math.abs(bounded) - meanError) * Math.max(1 / count, 1 / scaleValues);
    }
    return bounded;
  }

  /** Lets the better model speak, with some reluctance to change; answers whether it changed. */
  #chooses(): boolean {
    const numbers = this.#numbers;
    const wasDaily = numbers[isDailyAt]!;
    const ratio = numbers[daily + errorAt]! / numbers[plain + errorAt]!;
    // NaN where both never erred: then nothing changes.
    if (ratio < profileGain) numbers[isDailyAt] = 1;
    else if (ratio > 1) numbers[isDailyAt] = 0;
    return numbers[isDailyAt] !== wasDaily;
  }
}
