/** Mean, extremes and standard deviations. */

import { max, mean, min, sampleStandardDeviation, standardDeviation } from "simple-statistics";

export interface Moments {
  readonly mean: number;
  readonly min: number;
  readonly max: number;
  /** With the divisor n - 1; null for a single value. */
  readonly stdSample: number | null;
  /** With the divisor n. */
  readonly stdPopulation: number;
}

/** Of at least one value; all of them finite. */
export function moments(values: readonly number[]): Moments {
  return {
    mean: mean(values as number[]),
    min: min(values as number[]),
    max: max(values as number[]),
    stdSample: values.length < 2 ? null : sampleStandardDeviation(values as number[]),
    stdPopulation: standardDeviation(values as number[]),
  };
}
