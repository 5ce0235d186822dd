/**
 * How candidates would have done: forecasts from several origins in the past, each from what was known there, against
 * what came then (Tashman, International Journal of Forecasting 16 (2000)).
 *
 * 1. Every candidate forecasts from the same origins; one that fails at any has lost.
 * 2. An error is what came less what was forecast, `errors[origin][step]`.
 */

import { type Candidate, Workbench } from "./candidates.ts";
import { leastSeasonErrors, leastSeasonOrigins, minCycles, minPoints } from "./limits.ts";

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

/** Where forecasts of `steps` can begin; null when too little lies before. */
export function originsFor(points: number, steps: number, seasons: readonly number[]): Origins | null {
  const needed = Math.max(minPoints, minCycles * Math.max(0, ...seasons));
  const room = points - needed;
  if (room < 1) return null;
  const tested = Math.min(steps, Math.max(1, Math.floor(room / 2)));
  const wanted = Math.min(most, Math.max(fewest, Math.ceil(wantedErrors / tested)));
  const count = Math.min(wanted, Math.floor(room / tested));
  return { lengths: Array.from({ length: count }, (_, k) => points - (k + 1) * tested), steps: tested };
}

export function errorCount({ lengths, steps }: Origins): number {
  return lengths.length * steps;
}

/**
 * The sets of seasons that compete: what the data show, `own`, whatever that leaves to test with; and of the calendar's,
 * which they need not show, those for which the test is as good as without, or good enough. Else a series would have a
 * poorer test for having become longer.
 */
export function competingSets(
  points: number,
  steps: number,
  own: readonly number[],
  calendar: readonly (readonly number[])[],
): readonly (readonly number[])[] {
  const without = originsFor(points, steps, own);
  if (without === null) return [own];
  // A horizon that is too long to be tested whole is so with any season.
  const wanted = without.steps < steps ? 1 : steps;
  const isTested = (set: readonly number[]) => {
    const origins = originsFor(points, steps, [...own, ...set]);
    return origins !== null && (errorCount(origins) >= errorCount(without) || isWellTested(origins, wanted));
  };
  return [own, ...calendar.filter(isTested)];
}

function isWellTested(origins: Origins, wantedSteps: number): boolean {
  return origins.steps >= wantedSteps && origins.lengths.length >= leastSeasonOrigins &&
    errorCount(origins) >= leastSeasonErrors;
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
