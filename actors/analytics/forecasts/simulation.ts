/**
 * Bands around a path, and of the greatest, least and mean value of a whole horizon.
 *
 * The latter do not follow from the bands of single steps, as errors of neighbouring steps go together: they are
 * quantiles over simulated paths, whose errors have the model's scales and correlation.
 */

import { quantileOf } from "../statistics/quantile.ts";
import type { ErrorModel, Level } from "./intervals.ts";
import { simulatedPaths } from "./limits.ts";

export interface Extreme {
  readonly value: number;
  readonly lower80: number;
  readonly upper80: number;
  readonly lower95: number;
  readonly upper95: number;
}

export function quantileBands(path: Float64Array, { scales, factors }: ErrorModel) {
  const band = (level: Level, sign: 1 | -1) =>
    Array.from(path, (value, h) => value + sign * factors[level] * scales[h]!);
  return { lower80: band(80, -1), upper80: band(80, 1), lower95: band(95, -1), upper95: band(95, 1) };
}

/** What the normal distribution has at 80 %: the model's factor is another where its errors are not normal. */
const normal80 = 1.2815515655446004;

/** Normal numbers, always the same: mulberry32 and Box and Muller's method. */
function normalNumbers(): () => number {
  let state = 0x9e3779b9;
  const uniform = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (((mixed ^ (mixed >>> 14)) >>> 0) + 0.5) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}

function extreme(value: number, simulated: Float64Array): Extreme {
  const sorted = simulated.sort();
  const at = (share: number) => quantileOf(sorted, share);
  return {
    value,
    lower95: Math.min(value, at(0.025)),
    lower80: Math.min(value, at(0.1)),
    upper80: Math.max(value, at(0.9)),
    upper95: Math.max(value, at(0.975)),
  };
}

function spanOf(path: Float64Array) {
  let [least, greatest, sum] = [Infinity, -Infinity, 0];
  for (const value of path) {
    least = Math.min(least, value);
    greatest = Math.max(greatest, value);
    sum += value;
  }
  return { least, greatest, mean: sum / path.length };
}

export function extremesOf(path: Float64Array, { scales, factors, correlation }: ErrorModel) {
  const random = normalNumbers();
  const [least, greatest, mean] = [0, 1, 2].map(() => new Float64Array(simulatedPaths));
  const widening = factors[80] / normal80;
  const fresh = Math.sqrt(1 - correlation * correlation);
  const simulated = new Float64Array(path.length);
  for (let i = 0; i < simulatedPaths; i++) {
    let error = random();
    for (let h = 0; h < path.length; h++) {
      if (h > 0) error = correlation * error + fresh * random();
      simulated[h] = path[h]! + widening * scales[h]! * error;
    }
    const span = spanOf(simulated);
    least![i] = span.least;
    greatest![i] = span.greatest;
    mean![i] = span.mean;
  }
  const expected = spanOf(path);
  return {
    max: extreme(expected.greatest, greatest!),
    min: extreme(expected.least, least!),
    avg: extreme(expected.mean, mean!),
  };
}
