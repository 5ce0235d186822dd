/**
 * How candidates would have done: forecasts from several origins in the past, each from what was known there, against
 * what came then (Tashman, International Journal of Forecasting 16 (2000)).
 *
 * 1. Every candidate forecasts from the same origins; one that fails at any has lost.
 * 2. An error is what came less what was forecast, `errors[origin][step]`.
 * 3. Where the origins are follows from the number of points and the horizon, and from no season: one point more never
 *    makes for fewer errors. A method that needs more points than lie before the first origin does not compete.
 */

import { type Candidate, Workbench } from "./candidates.ts";
import { minErrors, minPoints } from "./limits.ts";

export interface Origins {
  /** Lengths of the series at each origin, the latest first. */
  readonly lengths: readonly number[];
  /** Steps forecast from each. */
  readonly steps: number;
}

export interface Trial {
  readonly candidate: Candidate;
  /** From each origin. */
  readonly paths: readonly Float64Array[];
  /** Mean of the absolute errors over all. */
  readonly meanError: number;
}

/** Long horizons show much from few origins; short ones need more. */
const wantedErrors = 160;
const [fewest, most] = [4, 8] as const;

function wantedOrigins(steps: number): number {
  const usual = Math.min(most, Math.max(fewest, Math.ceil(wantedErrors / steps)));
  return Math.max(usual, Math.ceil(minErrors / steps));
}

/**
 * Points that lie before every origin: all but those that the wanted origins take, and never less than half, so that no more
 * is tested on than is learned from, and a season that was seen twice was seen once before. One point more makes for no
 * fewer of them.
 */
export function learnedPoints(points: number, steps: number): number {
  return Math.max(minPoints, Math.ceil(points / 2), points - wantedOrigins(steps) * steps);
}

/** Where forecasts of `steps` can begin; null when too little lies before. */
export function originsFor(points: number, steps: number): Origins | null {
  const room = points - learnedPoints(points, steps);
  if (room < 1) return null;
  const tested = Math.min(steps, Math.max(1, Math.floor(room / 2)));
  const count = Math.floor(room / tested);
  return { lengths: Array.from({ length: count }, (_, k) => points - (k + 1) * tested), steps: tested };
}

export function errorsOf(values: Float64Array, { lengths, steps }: Origins, paths: readonly Float64Array[]) {
  return paths.map((path, k) =>
    path.subarray(0, steps).map((forecast, h) => values[lengths[k]! + h]! - forecast)
  );
}

export function meanAbsolute(errors: readonly Float64Array[]): number {
  let [sum, count] = [0, 0];
  for (const each of errors) {
    for (const error of each) {
      sum += Math.abs(error);
      count++;
    }
  }
  return sum / count;
}

/** Of the candidates that did not fail, the best first. */
export function tryAll(
  values: Float64Array,
  candidates: readonly Candidate[],
  origins: Origins,
): readonly Trial[] {
  const benches = origins.lengths.map((length) => new Workbench(values.slice(0, length)));
  const trials: Trial[] = [];
  for (const candidate of candidates) {
    const paths: Float64Array[] = [];
    for (const bench of benches) {
      const path = bench.path(candidate, origins.steps);
      if (path === null) break;
      paths.push(path);
    }
    if (paths.length < benches.length) continue;
    trials.push({ candidate, paths, meanError: meanAbsolute(errorsOf(values, origins, paths)) });
  }
  return trials.sort((a, b) => a.meanError - b.meanError);
}
