/**
 * The classical additive decomposition: Hyndman & Athanasopoulos, "Forecasting: Principles and Practice", 3rd ed., 3.4.
 *
 * The trend is a centred moving average of a whole period (of 2 × period where it is even), NaN in the first and last half
 * period, as is the remainder; the season the mean of what is left, by phase, shifted to mean 0.
 */

import type { Decomposition } from "./decomposition.ts";

function movingAverage(values: Float64Array, period: number): Float64Array {
  const n = values.length;
  const half = Math.floor(period / 2);
  const trend = new Float64Array(n).fill(NaN);
  // An even period has no middle: its two ends count half.
  const endWeight = period % 2 === 0 ? 0.5 : 1;
  for (let t = half; t < n - half; t++) {
    let sum = endWeight * (values[t - half]! + values[t + half]!);
    for (let i = t - half + 1; i < t + half; i++) sum += values[i]!;
    trend[t] = sum / period;
  }
  return trend;
}

function phaseMeans(detrended: Float64Array, period: number): Float64Array {
  const [sums, counts] = [new Float64Array(period), new Float64Array(period)];
  for (let t = 0; t < detrended.length; t++) {
    if (Number.isNaN(detrended[t]!)) continue;
    sums[t % period]! += detrended[t]!;
    counts[t % period]!++;
  }
  const means = sums.map((sum, phase) => sum / counts[phase]!);
  const mean = means.reduce((sum, each) => sum + each, 0) / period;
  return means.map((each) => each - mean);
}

/** @param values at least two periods of them, all finite */
export function classicalAdditive(values: Float64Array, period: number): Decomposition {
  const trend = movingAverage(values, period);
  const season = phaseMeans(values.map((value, t) => value - trend[t]!), period);
  const seasonal = values.map((_, t) => season[t % period]!);
  const remainder = values.map((value, t) => value - trend[t]! - seasonal[t]!);
  return { trend, seasonal, remainder };
}
