/**
 * Whether a series rises or falls, robustly.
 *
 * The slope is Theil and Sen's, the median of the slopes of all pairs (Sen, Journal of the American Statistical
 * Association 63 (1968)); its significance that of Mann and Kendall's test, whose variance is enlarged for series
 * that remember their last value (Yue & Wang, Water Resources Management 18 (2004)), estimated without the slope.
 */

import { median } from "simple-statistics";
import { type Finding, known, notKnown } from "../finding.ts";
import { autocorrelation, isConstant } from "./autocorrelation.ts";
import { normalBelow } from "./distributions.ts";
import { maxSlopePoints, significance } from "./limits.ts";

export interface Trend {
  readonly direction: "rising" | "falling" | "none";
  /** Per step. */
  readonly slope: number;
  readonly pValue: number;
}

/** Means of neighbours, so that `maxSlopePoints` are left at most, and how many were averaged. */
function thinned(values: Float64Array): { readonly means: Float64Array; readonly size: number } {
  const size = Math.ceil(values.length / maxSlopePoints);
  const means = new Float64Array(Math.floor(values.length / size));
  for (let i = 0; i < means.length; i++) {
    let sum = 0;
    for (let t = i * size; t < (i + 1) * size; t++) sum += values[t]!;
    means[i] = sum / size;
  }
  return { means, size };
}

/** Of a series without gaps. */
export function findTrend(values: Float64Array): Finding<Trend> {
  if (values.length < 4) return notKnown(`it has ${values.length} points, and 4 are needed`);
  if (isConstant(values)) return known({ direction: "none", slope: 0, pValue: 1 });
  const { means: x, size } = thinned(values);
  const n = x.length;
  const slopes: number[] = [];
  let score = 0;
  for (let i = 0; i < n; i++) {
    for (let j = i + 1; j < n; j++) {
      slopes.push((x[j]! - x[i]!) / (j - i));
      score += Math.sign(x[j]! - x[i]!);
    }
  }
  const slope = median(slopes) / size;
  if (!Number.isFinite(slope)) return notKnown("its values are too large for differences");
  const variance = n * (n - 1) * (2 * n + 5) / 18 * inflation(x.map((value, t) => value - slope * size * t));
  const z = (score - Math.sign(score)) / Math.sqrt(variance);
  const pValue = 2 * normalBelow(-Math.abs(z));
  const isSure = pValue < significance && slope !== 0;
  return known({ direction: !isSure ? "none" : slope > 0 ? "rising" : "falling", slope, pValue });
}

/** By how much the variance of the score grows when each value remembers the last one. */
function inflation(residuals: Float64Array): number {
  const correlations = autocorrelation(residuals, 1);
  const r1 = correlations.known ? correlations.value[1]! : 0;
  const a = Math.min(Math.max(0, r1), 0.99);
  return (1 + a) / (1 - a);
}
