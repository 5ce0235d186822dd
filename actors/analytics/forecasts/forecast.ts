/**
 * Forecasts of a series: by the methods that did best on it, with intervals from how far they were off.
 *
 * 1. One path for all: what is answered, and what the bench scores, comes from `chooseForecaster` and `forecast`.
 * 2. `Fitted` and `Forecast` are plain JSON, and hold no NaN and no infinity.
 * 3. A method that fails when its turn comes gives its weight to the others; when all fail, the season or the last value is
 *    repeated. Both are told in `fallbacks`.
 * 4. lower95 ≤ lower80 ≤ path ≤ upper80 ≤ upper95, at every step.
 * 5. The same series gives the same forecast.
 * 6. One value, or two, out of all proportion change nothing.
 * 7. Measures are of the horizon that is forecast: where a back-test of so many steps was not possible there are none.
 */

import { type Finding, known, notKnown } from "../finding.ts";
import type { RegularSeries } from "../regular_series.ts";
import { isConstant } from "../statistics/autocorrelation.ts";
import { wholeSeries } from "../statistics/gaps.ts";
import { findPeriods } from "../statistics/periods.ts";
import { seasonSets } from "./season_sets.ts";
import { learnedPoints, meanAbsolute, originsFor, tryAll } from "./backtest.ts";
import { type Candidate, candidatesFor, familyOf, nameOf, Workbench } from "./candidates.ts";
import { bestCombination, combine, honestErrors, type Member } from "./combination.ts";
import type { CandidateOutcome, Family } from "./families.ts";
import { type ErrorModel, errorModel, laterModel, walkModel } from "./intervals.ts";
import { withoutGlitches } from "./glitches.ts";
import { maxHorizonShare, maxPoints } from "./limits.ts";
import { type Extreme, extremesOf, quantileBands } from "./simulation.ts";

export interface Fitted {
  /** In words: one method, or several with their weights. */
  readonly method: string;
  readonly members: readonly Member[];
  readonly seasons: readonly number[];
  /** What it was chosen for, and how many of them the back-test had. */
  readonly horizonSteps: number;
  readonly testedSteps: number;
  readonly errors: ErrorModel;
  /** In-sample mean absolute error of the seasonal naive method, or of the naive one: what 1 is for MASE. */
  readonly naiveError: number;
  /** In the back-test, over `testedSteps`; null when there was too little for one. */
  readonly mase: number | null;
  readonly coverage80: number | null;
  readonly coverage95: number | null;
  readonly origins: number;
  /** Points that it was fitted to. */
  readonly points: number;
  /** Candidates whose numbers ran away in the back-test. */
  readonly failed: number;
  readonly candidates: readonly { readonly family: Family; readonly outcome: CandidateOutcome }[];
}

export interface Forecast {
  readonly method: string;
  readonly startMs: number;
  readonly stepMs: number;
  readonly path: readonly number[];
  readonly lower80: readonly number[];
  readonly upper80: readonly number[];
  readonly lower95: readonly number[];
  readonly upper95: readonly number[];
  /** Of the horizon as a whole. */
  readonly max: Extreme;
  readonly min: Extreme;
  readonly avg: Extreme;
  /** Steps that the back-test forecast at a time: as many as the path has, if there is enough of the series. */
  readonly testedSteps: number;
  /** In the back-test; null when it had fewer steps than the path. */
  readonly mase: number | null;
  readonly coverage80: number | null;
  readonly coverage95: number | null;
  /** Candidates whose numbers ran away in the back-test. */
  readonly failed: number;
  /** Methods that failed now. */
  readonly fallbacks: readonly Family[];
}

/** The last points, without gaps and glitches; not known when there are too few. */
function prepare(series: RegularSeries): Finding<Float64Array> {
  const values = series.values.slice(-maxPoints).map((value) => Number.isFinite(value) ? value : NaN);
  const whole = wholeSeries({ ...series, values });
  if (!whole.known) return whole;
  const size = Math.max(...whole.value.values.map(Math.abs));
  return size < 1e150
    ? known(withoutGlitches(whole.value.values, series.stepMs))
    : notKnown("its values are too large for sums of squares");
}

function naiveError(values: Float64Array, period: number): number {
  let sum = 0;
  for (let t = period; t < values.length; t++) sum += Math.abs(values[t]! - values[t - period]!);
  return sum / (values.length - period);
}

/** A normal distribution's deviation is sqrt(π / 2) times its mean absolute value. */
function naiveScaleOf(meanError: number): number {
  return Math.sqrt(Math.PI / 2) * meanError;
}

function methodOf(members: readonly Member[]): string {
  if (members.length === 1) return nameOf(members[0]!.candidate);
  return members.map(({ candidate, weight }) => `${Math.round(weight * 100)} % ${nameOf(candidate)}`).join(
    " + ",
  );
}

function coverageOf(
  errors: readonly Float64Array[],
  { scales, factors }: ErrorModel,
  level: 80 | 95,
): number {
  let [inside, count] = [0, 0];
  for (const each of errors) {
    for (const [h, error] of each.entries()) {
      if (Math.abs(error) <= factors[level] * scales[h]!) inside++;
      count++;
    }
  }
  return inside / count;
}

export interface ChoiceOptions {
  readonly horizonSteps: number;
  /** The shortest first; found from the data unless told. */
  readonly seasons?: readonly number[];
}

function horizonProblem(steps: number, points: number): string | null {
  if (!Number.isInteger(steps) || steps < 1) return `a horizon of ${steps} steps is none`;
  const most = Math.floor(points * maxHorizonShare);
  return steps <= most
    ? null
    : `${steps} steps ahead are asked for, and ${points} points tell of ${most} at most`;
}

/** Lets all candidates compete on the series itself. */
export function chooseForecaster(series: RegularSeries, options: ChoiceOptions): Finding<Fitted> {
  const prepared = prepare(series);
  if (!prepared.known) return prepared;
  const values = prepared.value;
  const problem = horizonProblem(options.horizonSteps, values.length);
  if (problem !== null) return notKnown(problem);
  if (isConstant(values)) return known(plainFit(values, [], options.horizonSteps));
  const found = options.seasons ?? findPeriods(values).map(({ period }) => period);
  const sets = seasonSets(found, series.stepMs, values.length);
  const seasons = sets[0]!;
  const origins = originsFor(values.length, options.horizonSteps);
  if (origins === null) return known(plainFit(values, seasons, options.horizonSteps));
  const learned = seasonSets(found, series.stepMs, learnedPoints(values.length, options.horizonSteps));
  const candidates = candidatesFor(sets, learned, values.length, values.every((value) => value > 0));
  const trials = tryAll(values, candidates, origins);
  if (trials.length === 0) return known(plainFit(values, seasons, options.horizonSteps));
  const best = bestCombination(values, origins, trials);
  const errors = honestErrors(values, origins, trials);
  const naive = naiveError(values, seasons[0] ?? 1);
  const chosen = new Set(best.members.map(({ candidate }) => candidate));
  const tried = new Set(trials.map(({ candidate }) => candidate));
  const outcomeOf = (candidate: Candidate) =>
    chosen.has(candidate) ? "chosen" : tried.has(candidate) ? "beaten" : "failed";
  const model = errorModel(errors, options.horizonSteps, naiveScaleOf(naive));
  return known({
    method: methodOf(best.members),
    members: best.members,
    seasons,
    horizonSteps: options.horizonSteps,
    testedSteps: origins.steps,
    errors: model,
    naiveError: naive,
    mase: naive > 0 ? meanAbsolute(errors) / naive : null,
    coverage80: coverageOf(errors, model, 80),
    coverage95: coverageOf(errors, model, 95),
    origins: errors.length,
    points: values.length,
    failed: candidates.length - trials.length,
    candidates: candidates.map((each) => ({ family: familyOf(each), outcome: outcomeOf(each) })),
  });
}

function plainCandidate(seasons: readonly number[]): Candidate {
  const period = seasons.at(-1);
  return period === undefined ? { type: "last-value" } : { type: "seasonal-naive", period };
}

/** Without a back-test: the season, or the last value, again. */
function plainFit(values: Float64Array, seasons: readonly number[], steps: number): Fitted {
  const candidate = plainCandidate(seasons);
  const naive = naiveError(values, seasons[0] ?? 1);
  return {
    method: nameOf(candidate),
    members: [{ candidate, weight: 1 }],
    seasons,
    horizonSteps: steps,
    testedSteps: 0,
    errors: walkModel(naiveScaleOf(naive), steps),
    naiveError: naive,
    mase: null,
    coverage80: null,
    coverage95: null,
    origins: 0,
    points: values.length,
    failed: 0,
    candidates: [{ family: familyOf(candidate), outcome: "chosen" }],
  };
}

interface Drawn {
  readonly path: Float64Array;
  readonly fallbacks: readonly Family[];
}

function draw(values: Float64Array, { members, seasons }: Fitted, steps: number): Drawn {
  const bench = new Workbench(values);
  const paths: Float64Array[] = [];
  const weights: number[] = [];
  const fallbacks: Family[] = [];
  for (const { candidate, weight } of members) {
    const path = bench.path(candidate, steps);
    if (path === null) {
      fallbacks.push(familyOf(candidate));
      continue;
    }
    paths.push(path);
    weights.push(weight);
  }
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  if (total > 0) return { path: combine(paths, weights.map((weight) => weight / total)), fallbacks };
  const usable = seasons.filter((period) => period <= values.length);
  const last = new Float64Array(steps).fill(values.at(-1)!);
  return { path: bench.path(plainCandidate(usable), steps) ?? last, fallbacks };
}

/** Steps of the series' end that have no value. */
function missingAtEnd({ values }: RegularSeries): number {
  return values.length - 1 - values.findLastIndex(Number.isFinite);
}

/**
 * The values that follow a series' last step, as many as the fit is for, which may be somewhat older than its last points.
 * Where the newest steps have no value they are drawn, too, and left out, as they are past; not known when they are more
 * than that.
 */
export function forecast(fitted: Fitted, series: RegularSeries): Finding<Forecast> {
  const prepared = prepare(series);
  if (!prepared.known) return prepared;
  const values = prepared.value;
  const { method, errors, horizonSteps, testedSteps, mase, coverage80, coverage95, failed } = fitted;
  const problem = horizonProblem(horizonSteps, values.length);
  if (problem !== null) return notKnown(problem);
  const missing = missingAtEnd(series);
  if (missing >= horizonSteps) {
    return notKnown(`its last ${missing} steps have no value, and ${horizonSteps} are to be forecast`);
  }
  const { path: drawn, fallbacks } = draw(values, fitted, missing + horizonSteps);
  const path = drawn.subarray(missing);
  const ahead = laterModel(errors, missing);
  return known({
    method,
    startMs: series.startMs + series.values.length * series.stepMs,
    stepMs: series.stepMs,
    path: [...path],
    ...quantileBands(path, ahead),
    ...extremesOf(path, ahead),
    testedSteps,
    ...testedSteps === horizonSteps
      ? { mase, coverage80, coverage95 }
      : { mase: null, coverage80: null, coverage95: null },
    failed,
    fallbacks,
  });
}

export interface Judgement {
  /** Steps of the forecast that have values by now. */
  readonly steps: number;
  readonly meanError: number;
  /** Shares of them inside the bands. */
  readonly inside80: number;
  readonly inside95: number;
}

/** How an earlier forecast did; null when nothing came of its time. */
export function judgeForecast(
  earlier: Pick<Forecast, "startMs" | "path" | "lower80" | "upper80" | "lower95" | "upper95">,
  actual: RegularSeries,
): Judgement | null {
  const first = Math.round((earlier.startMs - actual.startMs) / actual.stepMs);
  let [steps, errors, inside80, inside95] = [0, 0, 0, 0];
  for (const [h, expected] of earlier.path.entries()) {
    const value = actual.values[first + h];
    if (value === undefined || !Number.isFinite(value)) continue;
    steps++;
    errors += Math.abs(value - expected);
    if (value >= earlier.lower80[h]! && value <= earlier.upper80[h]!) inside80++;
    if (value >= earlier.lower95[h]! && value <= earlier.upper95[h]!) inside95++;
  }
  if (steps === 0) return null;
  return { steps, meanError: errors / steps, inside80: inside80 / steps, inside95: inside95 / steps };
}
