/**
 * What can be said of a series as a whole.
 *
 * 1. What is not known says why; nothing is NaN.
 * 2. The verdict says in a sentence what the numbers come to.
 */

import { type Finding, known, notKnown } from "../finding.ts";
import type { RegularSeries } from "../regular_series.ts";
import { autocorrelation } from "./autocorrelation.ts";
import { type ChosenDickeyFuller, chosenDickeyFuller } from "./dickey_fuller.ts";
import { findGaps, type Gaps, type Whole, wholeSeries } from "./gaps.ts";
import { type Kpss, kpss } from "./kpss.ts";
import { ljungBoxLags, minCycles, significance, toldLags } from "./limits.ts";
import { type LjungBox, ljungBox } from "./ljung_box.ts";
import { type Moments, moments } from "./moments.ts";
import { findPeriods, type Season } from "./periods.ts";
import { findTrend, type Trend } from "./trend.ts";
import { verdictOf } from "./verdict.ts";

export interface Autocorrelation {
  /** Of lags 0, 1, 2 .. */
  readonly acf: readonly number[];
  readonly ljungBox: LjungBox;
  /** The Ljung-Box test says that it is more than noise. */
  readonly isCorrelated: boolean;
}

export interface Stationarity {
  readonly adf: ChosenDickeyFuller;
  readonly kpss: Kpss;
  /**
   * "stationary": the first test refuses a unit root, the second does not refuse a level that stays. "not-stationary":
   * the other way round. "trend" and "unsure": both refuse, or neither does.
   */
  readonly verdict: "stationary" | "not-stationary" | "changing-level" | "unsure";
}

export interface Seasonality {
  /** The shortest first. */
  readonly seasons: readonly Season[];
  /** The longest season that so many points can show. */
  readonly longestPossible: number;
}

export interface Metadata {
  /** Epoch milliseconds; the end is not included. */
  readonly startMs: number;
  readonly endMs: number;
  readonly stepMs: number;
  readonly gaps: Gaps;
  /** Steps that were filled in before all below was found. */
  readonly filled: number;
  readonly moments: Finding<Moments>;
  readonly autocorrelation: Finding<Autocorrelation>;
  readonly stationarity: Finding<Stationarity>;
  readonly seasonality: Finding<Seasonality>;
  readonly trend: Finding<Trend>;
  readonly verdict: string;
}

function findMoments({ values }: RegularSeries): Finding<Moments> {
  const present = [...values.filter((value) => !Number.isNaN(value))];
  if (present.length === 0) return notKnown("it has no values");
  const found = moments(present);
  return Object.values(found).every((value) => value === null || Number.isFinite(value))
    ? known(found)
    : notKnown("its values are too large for sums of squares");
}

function findAutocorrelation(values: Float64Array): Finding<Autocorrelation> {
  const r = autocorrelation(values, toldLags);
  if (!r.known) return r;
  const test = ljungBox(values, ljungBoxLags);
  if (!test.known) return test;
  return known({ acf: [...r.value], ljungBox: test.value, isCorrelated: test.value.pValue < significance });
}

function findStationarity(values: Float64Array): Finding<Stationarity> {
  const adf = chosenDickeyFuller(values);
  if (!adf.known) return adf;
  const level = kpss(values);
  if (!level.known) return level;
  const refusesRoot = adf.value.pValue < significance;
  const refusesLevel = level.value.pValue < significance;
  const verdict = refusesRoot
    ? refusesLevel ? "changing-level" : "stationary"
    : refusesLevel
    ? "not-stationary"
    : "unsure";
  return known({ adf: adf.value, kpss: level.value, verdict });
}

function findSeasonality(values: Float64Array): Finding<Seasonality> {
  return known({ seasons: findPeriods(values), longestPossible: Math.floor(values.length / minCycles) });
}

/** What follows from a whole series, or why nothing does. */
function from<T>(whole: Finding<Whole>, find: (values: Float64Array) => Finding<T>): Finding<T> {
  return whole.known ? find(whole.value.values) : whole;
}

/** Infinite values are taken for missing ones. */
export function describe(series: RegularSeries): Metadata {
  const values = series.values.map((value) => Number.isFinite(value) ? value : NaN);
  const finite = { ...series, values };
  const whole = wholeSeries(finite);
  const found = {
    startMs: series.startMs,
    endMs: series.startMs + values.length * series.stepMs,
    stepMs: series.stepMs,
    gaps: findGaps(finite),
    filled: whole.known ? whole.value.filled : 0,
    moments: findMoments(finite),
    autocorrelation: from(whole, findAutocorrelation),
    stationarity: from(whole, findStationarity),
    seasonality: from(whole, findSeasonality),
    trend: from(whole, findTrend),
  };
  return { ...found, verdict: verdictOf(found) };
}
