/**
 * Holt and Winters' additive seasonal smoothing with a damped trend: Hyndman et al., "Forecasting with Exponential
 * Smoothing" (2008), 2.3; its start from the classical decomposition of the first cycles, 2.6.1. Parameters minimise the
 * squared one-step errors by a bounded search along one parameter after the other.
 */

import { classicalAdditive } from "../decomposition/classical_additive.ts";

interface Parameters {
  alpha: number;
  beta: number;
  gamma: number;
  phi: number;
}

interface Start {
  readonly level: number;
  readonly trend: number;
  readonly season: Float64Array;
}

interface Run {
  readonly squares: number;
  readonly level: number;
  readonly trend: number;
  readonly season: Float64Array;
}

/** Cycles that the start is made of. */
const startCycles = 3;

function startOf(values: Float64Array, period: number): Start {
  const cycles = Math.min(startCycles, Math.floor(values.length / period));
  const first = values.subarray(0, cycles * period);
  const { seasonal } = classicalAdditive(first, period);
  const meanOf = (cycle: number) => {
    let sum = 0;
    for (let t = 0; t < period; t++) sum += first[cycle * period + t]!;
    return sum / period;
  };
  const trend = cycles < 2 ? 0 : (meanOf(cycles - 1) - meanOf(0)) / ((cycles - 1) * period);
  return { level: meanOf(0) - trend * (period + 1) / 2, trend, season: seasonal.slice(0, period) };
}

function run(
  values: Float64Array,
  period: number,
  start: Start,
  { alpha, beta, gamma, phi }: Parameters,
): Run {
  const season = start.season.slice();
  let { level, trend } = start;
  let squares = 0;
  for (let t = 0; t < values.length; t++) {
    const phase = t % period;
    const expected = level + phi * trend;
    const error = values[t]! - expected - season[phase]!;
    squares += error * error;
    level = expected + alpha * error;
    trend = phi * trend + alpha * beta * error;
    season[phase]! += gamma * error;
  }
  return { squares, level, trend, season };
}

/** Candidates of each parameter. */
const grids: Readonly<Record<keyof Parameters, readonly number[]>> = {
  alpha: [0.01, 0.05, 0.15, 0.3, 0.5, 0.7, 0.9, 0.99],
  beta: [0.0001, 0.01, 0.05, 0.2],
  gamma: [0.001, 0.05, 0.15, 0.3, 0.5, 0.8],
  phi: [0.8, 0.9, 0.98],
};
const rounds = 2;

/** The next `steps` values, of two cycles of values at least. */
export function holtWinters(values: Float64Array, period: number, steps: number): Float64Array {
  const start = startOf(values, period);
  const parameters: Parameters = { alpha: 0.3, beta: 0.01, gamma: 0.15, phi: 0.98 };
  let best = run(values, period, start, parameters);
  for (let round = 0; round < rounds; round++) {
    for (const name of ["alpha", "gamma", "beta", "phi"] as const) {
      for (const value of grids[name]) {
        const found = run(values, period, start, { ...parameters, [name]: value });
        if (!(found.squares < best.squares)) continue;
        parameters[name] = value;
        best = found;
      }
    }
  }
  const { phi } = parameters;
  const path = new Float64Array(steps);
  let [sum, factor] = [0, 1];
  for (let h = 0; h < steps; h++) {
    factor *= phi;
    sum += factor;
    path[h] = best.level + sum * best.trend + best.season[(values.length + h) % period]!;
  }
  return path;
}
