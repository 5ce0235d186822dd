/**
 * Forecasts combined: means of several are better than nearly each of them (Bates & Granger, Operational Research
 * Quarterly 20 (1969); Petropoulos & Svetunkov, International Journal of Forecasting 36 (2020), on M4).
 *
 * Means of the best few, weighted by how small their squared errors were, compete with each other and with the best one
 * alone, by the same back-test.
 */

import { errorsOf, meanAbsolute, type Origins, type Trial } from "./backtest.ts";
import type { Candidate } from "./candidates.ts";
import { combinedRatio, maxCombined } from "./limits.ts";

export interface Member {
  readonly candidate: Candidate;
  /** All of them add up to 1. */
  readonly weight: number;
}

export interface Combination {
  readonly members: readonly Member[];
  /** From each origin of the back-test. */
  readonly paths: readonly Float64Array[];
  readonly meanError: number;
}

/** The weighted mean. */
export function combine(paths: readonly Float64Array[], weights: readonly number[]): Float64Array {
  const sum = new Float64Array(paths[0]!.length);
  for (const [i, path] of paths.entries()) {
    for (let h = 0; h < sum.length; h++) sum[h]! += weights[i]! * path[h]!;
  }
  return sum;
}

function combinationOf(values: Float64Array, origins: Origins, trials: readonly Trial[]): Combination {
  // An error of nothing at all has all the weight that there is.
  const raw = trials.map(({ meanError }) => 1 / Math.max(meanError, Number.MIN_VALUE * 2 ** 60) ** 2);
  const finite = raw.every(Number.isFinite) ? raw : raw.map((weight) => Number.isFinite(weight) ? 0 : 1);
  const total = finite.reduce((sum, weight) => sum + weight, 0);
  const weights = finite.map((weight) => weight / total);
  const paths = origins.lengths.map((_, k) => combine(trials.map((trial) => trial.paths[k]!), weights));
  const members = trials.map(({ candidate }, i) => ({ candidate, weight: weights[i]! }));
  return { members, paths, meanError: meanAbsolute(errorsOf(values, origins, paths)) };
}

/** @param trials the best first; one at least */
export function bestCombination(
  values: Float64Array,
  origins: Origins,
  trials: readonly Trial[],
): Combination {
  const worst = combinedRatio * trials[0]!.meanError;
  const few = trials.filter(({ meanError }) => meanError <= worst).slice(0, maxCombined);
  let best = combinationOf(values, origins, few);
  for (let count = 1; count < few.length; count++) {
    const each = combinationOf(values, origins, few.slice(0, count));
    if (each.meanError < best.meanError) best = each;
  }
  return best;
}

/** Trials as if this origin had not been. */
function without(values: Float64Array, origins: Origins, trials: readonly Trial[], k: number) {
  const lengths = origins.lengths.filter((_, i) => i !== k);
  const others: Origins = { ...origins, lengths };
  const fewer = trials.map(({ candidate, paths }): Trial => {
    const left = paths.filter((_, i) => i !== k);
    return { candidate, paths: left, meanError: meanAbsolute(errorsOf(values, others, left)) };
  });
  return { others, fewer: fewer.sort((a, b) => a.meanError - b.meanError) };
}

/**
 * What the best combination's errors are like where it was not chosen by them: at each origin those of the combination
 * that is best at the others. By its own errors a choice looks better than it is.
 */
export function honestErrors(
  values: Float64Array,
  origins: Origins,
  trials: readonly Trial[],
): readonly Float64Array[] {
  if (origins.lengths.length < 2) {
    return errorsOf(values, origins, bestCombination(values, origins, trials).paths);
  }
  const byCandidate = new Map(trials.map((trial) => [trial.candidate, trial]));
  return origins.lengths.map((length, k) => {
    const { others, fewer } = without(values, origins, trials, k);
    const { members } = bestCombination(values, others, fewer);
    const paths = members.map(({ candidate }) => byCandidate.get(candidate)!.paths[k]!);
    const path = combine(paths, members.map(({ weight }) => weight));
    return path.subarray(0, origins.steps).map((forecast, h) => values[length + h]! - forecast);
  });
}
