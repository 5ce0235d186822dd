/** Autocorrelation of a whole series. */

import { type Finding, known, notKnown } from "../finding.ts";

/** `values` without their mean. */
export function centred(values: Float64Array): Float64Array {
  let sum = 0;
  for (const value of values) sum += value;
  const mean = sum / values.length;
  return values.map((value) => value - mean);
}

/** Whether all values are equal, up to what sums of doubles blur. */
export function isConstant(values: Float64Array): boolean {
  let least = Infinity;
  let greatest = -Infinity;
  for (const value of values) {
    if (value < least) least = value;
    if (value > greatest) greatest = value;
  }
  return greatest - least <= 1e-12 * Math.max(Math.abs(least), Math.abs(greatest));
}

/**
 * r_k = sum of (x_t - mean)(x_{t+k} - mean) / sum of (x_t - mean)², for k from 0 to `lags`: Box, Jenkins, Reinsel, "Time
 * Series Analysis", 4th ed., 2.1.6. The full-sample mean is in both factors, and the divisor is that of lag 0.
 */
export function autocorrelation(values: Float64Array, lags: number): Finding<Float64Array> {
  if (values.length < 2) return notKnown(`it has ${values.length} points, and 2 are needed`);
  if (isConstant(values)) return notKnown("it is constant");
  const x = centred(values);
  const n = x.length;
  const found = new Float64Array(Math.min(lags, n - 1) + 1);
  for (let lag = 0; lag < found.length; lag++) {
    let sum = 0;
    for (let t = lag; t < n; t++) sum += x[t]! * x[t - lag]!;
    found[lag] = sum;
  }
  const variance = found[0]!;
  if (!(variance > 0 && Number.isFinite(variance))) {
    return notKnown("its values are too large or too near to each other for sums of squares");
  }
  return known(found.map((sum) => sum / variance));
}
