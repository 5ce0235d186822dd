/** The usual value in each part of a day (UTC), as the distance from an origin that the caller keeps. */

import { dayParts, dayShare } from "./limits.ts";

export const dayMs = 86_400_000;
const mostCounted = 255;

/** Which part of the day holds this moment; before 1970, too. */
function partOf(tsMs: number): number {
  const inDayMs = ((tsMs % dayMs) + dayMs) % dayMs;
  return Math.min(dayParts - 1, Math.floor(inDayMs / (dayMs / dayParts)));
}

export class DailyProfile {
  static readonly levels = dayParts;
  static readonly counts = dayParts;

  readonly #levels: Float32Array;
  /** Values seen in each part, up to `mostCounted`. */
  readonly #counts: Uint8Array;

  /** Over memory of `DailyProfile.levels` and `DailyProfile.counts` entries; zeros are an empty profile. */
  constructor(levels: Float32Array, counts: Uint8Array) {
    this.#levels = levels;
    this.#counts = counts;
  }

  isSeen(tsMs: number): boolean {
    return this.#counts[partOf(tsMs)]! > 0;
  }

  /** 0 where no value was seen. */
  level(tsMs: number): number {
    return this.#levels[partOf(tsMs)]!;
  }

  /** Moves the level of a moment's part by a share of `error`, so that a day of such errors moves it by `dayShare`. */
  learn(tsMs: number, error: number, stepMs: number): void {
    const part = partOf(tsMs);
    const count = Math.min(mostCounted, this.#counts[part]! + 1);
    this.#counts[part] = count;
    const valuesPerDay = Math.max(1, dayMs / dayParts / stepMs);
    // The plain mean at first: the first day is all there is.
    this.#levels[part]! += error * Math.max(1 / count, dayShare / valuesPerDay);
  }
}
