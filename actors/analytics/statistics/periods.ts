/**
 * Seasons found from the data.
 *
 * 1. Candidates are frequencies at which the periodogram of the series without its linear trend stands out of red noise
 *    with the same lag-1 autocorrelation (Torrence & Compo, Bulletin of the American Meteorological Society 79 (1998),
 *    eq. 16), so far that one in a thousand series without a season has one such frequency.
 *    Where few cycles were seen, their frequency is too low for that: hills of the autocorrelation that red noise would not
 *    have are candidates, too.
 * 2. A candidate becomes a period where the autocorrelation has a hill near it: a peak of the periodogram alone is no
 *    season (Vlachos, Yu & Castelli, "On Periodicity Detection and Structural Periodic Similarity", SDM 2005).
 * 3. Of periods so found the one wins whose phase means explain most of the variance, adjusted for how many they are. One
 *    more is told beside it, a day within a week, or a week over days: a divisor that explains a good part of that alone,
 *    or what is found in the same way when the first is gone.
 */

import { classicalAdditive } from "../decomposition/classical_additive.ts";
import { strengths } from "../decomposition/decomposition.ts";
import { autocorrelation, centred } from "./autocorrelation.ts";
import { normalQuantile } from "./distributions.ts";
import { minCycles, minDivisorShare, minSameShare, minSeasonStrength, seasonSignificance } from "./limits.ts";
import { periodogram } from "./periodogram.ts";

export interface Season {
  /** Points. */
  readonly period: number;
  /** max(0, 1 - var(remainder) / var(seasonal + remainder)) of the classical decomposition. */
  readonly strength: number;
}

/** A period, and the share of the variance that the means of its phases explain. */
interface Explaining {
  readonly period: number;
  readonly share: number;
}

/** The residuals of a least-squares line. */
function withoutLine(values: Float64Array): Float64Array {
  const n = values.length;
  const x = centred(values);
  const middle = (n - 1) / 2;
  let products = 0;
  for (let t = 0; t < n; t++) products += (t - middle) * x[t]!;
  const slope = 12 * products / (n * (n * n - 1));
  return x.map((value, t) => value - slope * (t - middle));
}

/** How far above the red noise's spectrum a peak must stand, for `frequencies` of them. */
function peakFactor(frequencies: number): number {
  // A periodogram's ordinate is its expectation times a chi-square of 2 degrees halved: an exponential variable.
  return -Math.log(1 - (1 - seasonSignificance) ** (1 / frequencies));
}

function candidates(x: Float64Array, r1: number): readonly number[] {
  const n = x.length;
  const power = periodogram(x);
  let mean = 0;
  for (let k = 1; k < power.length; k++) mean += power[k]! / (power.length - 1);
  const a = Math.max(0, r1);
  const factor = peakFactor(power.length - 1);
  const found: number[] = [];
  for (let k = minCycles; k < power.length; k++) {
    const noise = mean * (1 - a * a) / (1 + a * a - 2 * a * Math.cos(2 * Math.PI * k / n));
    if (power[k]! > factor * noise) found.push(k);
  }
  return found;
}

/** The highest lag of the hill that the frequency `k` points to; null when there is none. */
function hillNear(r: Float64Array, n: number, k: number): number | null {
  const from = Math.max(2, Math.floor(n / (k + 1)));
  const to = Math.min(r.length - 2, Math.ceil(n / (k - 1)));
  let best = from;
  for (let lag = from; lag <= to; lag++) if (r[lag]! > r[best]!) best = lag;
  const isHill = best > from - 1 && r[best]! >= r[best - 1]! && r[best]! >= r[best + 1]!;
  return isHill && r[best]! > 2 / Math.sqrt(n) ? best : null;
}

function phaseMeans(x: Float64Array, period: number): Float64Array {
  const [sums, counts] = [new Float64Array(period), new Float64Array(period)];
  for (let t = 0; t < x.length; t++) {
    sums[t % period]! += x[t]!;
    counts[t % period]!++;
  }
  return sums.map((sum, phase) => sum / counts[phase]!);
}

/** Share of the variance that the means of the phases explain, adjusted for their number; may be below zero. */
function explained(x: Float64Array, period: number): number {
  const n = x.length;
  let [all, rest] = [0, 0];
  for (const value of x) all += value * value;
  for (const value of withoutSeason(x, period)) rest += value * value;
  return 1 - (rest / (n - period)) / (all / (n - 1));
}

function strengthOf(values: Float64Array, period: number): number {
  return strengths(classicalAdditive(values, period)).seasonal;
}

function divisorsOf(period: number): readonly number[] {
  return Array.from({ length: Math.floor(period / 2) - 1 }, (_, i) => i + 2)
    .filter((divisor) => period % divisor === 0);
}

/** The divisor that explains most of `x`, and at least `share`; null: none does. */
function within(x: Float64Array, period: number, share: number): Explaining | null {
  let best: Explaining | null = null;
  for (const divisor of divisorsOf(period)) {
    const own = explained(x, divisor);
    if (own >= share && (best === null || own > best.share)) best = { period: divisor, share: own };
  }
  return best;
}

/** A period of which another is a multiple explains as much as it, when it is the season. */
function withoutMultiples(x: Float64Array, found: Explaining): Explaining {
  for (const divisor of divisorsOf(found.period)) {
    const share = explained(x, divisor);
    if (share >= minSameShare * found.share) return { period: divisor, share };
  }
  return found;
}

/**
 * Lags at which the autocorrelation has a hill that red noise would not have: Bartlett's standard error for it,
 * sqrt((1 + a²) / (1 - a²) / n) (Box, Jenkins, Reinsel, 4th ed., 2.1.6), times the normal quantile for so many lags.
 */
function hills(r: Float64Array, n: number): readonly number[] {
  const a = Math.min(0.9999, Math.max(0, r[1]!));
  const quantile = normalQuantile(1 - seasonSignificance / r.length);
  const found: number[] = [];
  for (let lag = 2; lag < r.length - 1; lag++) {
    const limit = quantile * Math.sqrt((1 + a * a) / (1 - a * a) / (n - lag));
    if (r[lag]! * n / (n - lag) > limit && isTop(r, lag)) found.push(lag);
  }
  return found;
}

/** Nothing near is higher: what lies within an eighth of the lag. */
function isTop(r: Float64Array, lag: number): boolean {
  const reach = Math.max(1, Math.floor(lag / 8));
  for (let i = Math.max(1, lag - reach); i <= Math.min(r.length - 1, lag + reach); i++) {
    if (r[i]! > r[lag]!) return false;
  }
  return true;
}

/** The period that explains most of `x`, with what it explains; null: there is no season. */
function strongest(x: Float64Array): Explaining | null {
  const n = x.length;
  const correlations = autocorrelation(x, Math.floor(n / minCycles) + 1);
  if (!correlations.known) return null;
  const r = correlations.value;
  const periods = new Set(hills(r, n));
  for (const k of candidates(x, r[1]!)) periods.add(hillNear(r, n, k) ?? n);
  let best: Explaining | null = null;
  for (const period of periods) {
    if (n < minCycles * period) continue;
    const share = explained(x, period);
    if (best === null || share > best.share) best = { period, share };
  }
  return best === null ? null : withoutMultiples(x, best);
}

/** `x` without the means of its phases. */
function withoutSeason(x: Float64Array, period: number): Float64Array {
  const means = phaseMeans(x, period);
  return x.map((value, t) => value - means[t % period]!);
}

/**
 * The seasons of a series without gaps, the shortest first; none where there is none, or too little of it.
 *
 * @param values at equal steps, all finite
 */
export function findPeriods(values: Float64Array): readonly Season[] {
  if (values.length < 4 * minCycles) return [];
  const x = withoutLine(values);
  const first = strongest(x);
  if (first === null) return [];
  const periods = new Set([first.period]);
  const shorter = within(x, first.period, minDivisorShare * first.share);
  if (shorter !== null) periods.add(shorter.period);
  else {
    // What a strong season hid: with it gone, the rest remembers less of its last value, and longer seasons stand out.
    const second = strongest(withoutSeason(x, first.period));
    if (second !== null && second.share >= minSeasonStrength) periods.add(second.period);
  }
  return [...periods].sort((a, b) => a - b)
    .map((period) => ({ period, strength: strengthOf(values, period) }))
    .filter(({ strength }) => strength >= minSeasonStrength);
}
