/**
 * Which scores are new detections: one an excursion, and the rarer the more there were of late.
 *
 * 1. An excursion begins with a value that is not calm. It ends after `calmValues` calm ones, or after
 *    `acceptedValues` that are not, when they are the new usual.
 * 2. An excursion is detected once at most, where its score first reaches the bar.
 * 3. The bar is the threshold, and higher by `fatigueStep` for every detection; that fades over `fatigueValues`.
 */

import { acceptedValues, calmScore, calmValues, fatigueStep, fatigueValues } from "./limits.ts";

const strangeAt = 0;
const calmAt = 1;
const isDetectedAt = 2;
const fatigueAt = 3;

/** Whether a score is of no interest. */
export function isCalm(score: number, threshold: number): boolean {
  return score < Math.min(calmScore, threshold);
}

export class Excursion {
  static readonly numbers = 4;

  readonly #numbers: Float64Array;

  /** Over memory of `Excursion.numbers` entries; zeros are a series at rest. */
  constructor(numbers: Float64Array) {
    this.#numbers = numbers;
  }

  /**
   * How much the last value should teach, 0 to 1: all where it was calm, else less and less. So an excursion does
   * not make itself usual while it builds up, and a second one like it stands out as well.
   */
  get teaches(): number {
    const strange = this.#numbers[strangeAt]!;
    return strange === 0 || this.#numbers[calmAt]! > 0 ? 1 : 1 / strange;
  }

  /** Takes the next score; answers whether it is a new detection. */
  detects(score: number, threshold: number): boolean {
    const numbers = this.#numbers;
    numbers[fatigueAt]! *= 1 - 1 / fatigueValues;
    if (isCalm(score, threshold)) {
      this.#rest();
      return false;
    }
    numbers[strangeAt]!++;
    numbers[calmAt] = 0;
    const bar = Math.min(1, threshold + numbers[fatigueAt]!);
    if (numbers[isDetectedAt] === 1 || score < bar) return false;
    numbers[isDetectedAt] = 1;
    numbers[fatigueAt]! += fatigueStep;
    return true;
  }

  /** Whether the excursion has lasted so long that it is the new usual: it ends with that. */
  accepts(): boolean {
    if (this.#numbers[strangeAt]! < acceptedValues) return false;
    this.#end();
    return true;
  }

  #rest(): void {
    const numbers = this.#numbers;
    if (numbers[strangeAt] === 0) return;
    numbers[calmAt]!++;
    if (numbers[calmAt]! >= calmValues) this.#end();
  }

  #end(): void {
    this.#numbers.fill(0, strangeAt, isDetectedAt + 1);
  }
}
