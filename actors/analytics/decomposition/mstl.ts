/**
 * MSTL: several seasons, one STL after the other, each on what the others leave: Bandara, Hyndman & Bergmeir, "MSTL: A
 * Seasonal-Trend Decomposition Algorithm for Time Series with Multiple Seasonal Patterns", arXiv:2107.13462 (2021).
 */

import { stl } from "./stl.ts";

export interface MultipleDecomposition {
  readonly trend: Float64Array;
  /** One for each period, in the order given. */
  readonly seasonals: readonly Float64Array[];
  readonly remainder: Float64Array;
}

/** The paper's: 7 + 4 i for the i-th season. */
const firstWindow = 7;
const windowStep = 4;
const iterations = 2;
/** Fits for each window: a line between two of them hides nothing that a window shows. */
const fitsPerWindow = 10;

/**
 * @param values all finite; at least two of the longest period
 * @param periods rising; at least one
 */
export function mstl(values: Float64Array, periods: readonly number[]): MultipleDecomposition {
  const seasonals = periods.map(() => new Float64Array(values.length));
  const rest = values.slice();
  let trend = values;
  for (let iteration = 0; iteration < (periods.length === 1 ? 1 : iterations); iteration++) {
    for (const [i, period] of periods.entries()) {
      const seasonal = seasonals[i]!;
      for (let t = 0; t < rest.length; t++) rest[t]! += seasonal[t]!;
      const found = stl(rest, period, {
        seasonalWindow: firstWindow + windowStep * (i + 1),
        jump: Math.max(1, Math.floor(period / fitsPerWindow)),
      });
      seasonal.set(found.seasonal);
      trend = found.trend;
      for (let t = 0; t < rest.length; t++) rest[t]! -= seasonal[t]!;
    }
  }
  return { trend, seasonals, remainder: rest.map((value, t) => value - trend[t]!) };
}
