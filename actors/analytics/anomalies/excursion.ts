/**
 * Which scores are new detections: one an excursion, and the rarer the more there were of late.
 *
 * 1. Within an excursion nothing is detected. It ends after `calmValues` calm values, or after
 *    `acceptedValues`, when its behaviour is the new usual.
 * 2. Every detection raises the bar of the next by `fatigueStep`, which fades over `fatigueValues`.
 */

import { acceptedValues, calmShare, calmValues, fatigueStep, fatigueValues } from "./limits.ts";

const lengthAt = 0;
const calmAt = 1;
const fatigueAt = 2;

/** Whether a score is far enough below the threshold to be of no interest. */
export function isCalm(score: number, threshold: number): boolean {
  return score < threshold * calmShare;
}

export class Excursion {
  static readonly numbers = 3;

  readonly #numbers: Float64Array;

  /** Over memory of `Excursion.numbers` entries; zeros are a series at rest. */
  constructor(numbers: Float64Array) {
    this.#numbers = numbers;
  }

  /** Values since its detection, that one included; 0 where there is none. */
  get length(): number {
    return this.#numbers[lengthAt]!;
  }

  /** Whether `score` is a new detection. */
  detects(score: number, threshold: number): boolean {
    const numbers = this.#numbers;
    numbers[fatigueAt]! *= 1 - 1 / fatigueValues;
    if (this.length > 0) {
      this.#goOn(score, threshold);
      return false;
    }
    if (score < Math.min(1, threshold + numbers[fatigueAt]!)) return false;
    numbers[lengthAt] = 1;
    numbers[calmAt] = 0;
    numbers[fatigueAt]! += fatigueStep;
    return true;
  }

  /** Whether the excursion has lasted so long that it is the new usual: it ends with that. */
  accepts(): boolean {
    if (this.length < acceptedValues) return false;
    this.#numbers[lengthAt] = 0;
    return true;
  }

  #goOn(score: number, threshold: number): void {
    const numbers = this.#numbers;
    numbers[lengthAt]!++;
    numbers[calmAt] = isCalm(score, threshold) ? numbers[calmAt]! + 1 : 0;
    if (numbers[calmAt] >= calmValues) numbers[lengthAt] = 0;
  }
}
