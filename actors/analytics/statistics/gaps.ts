/** Steps without a value, and series without them. */

import { type Finding, known, notKnown } from "../finding.ts";
import type { RegularSeries } from "../regular_series.ts";
import { maxFilledSteps, maxMissingShare, minPoints } from "./limits.ts";

export interface Gap {
  readonly startMs: number;
  readonly steps: number;
}

export interface Gaps {
  readonly steps: number;
  /** Of them without a value. */
  readonly missing: number;
  /** Runs of them. */
  readonly count: number;
  readonly longest: Gap | null;
}

function* runsOf({ values, startMs, stepMs }: RegularSeries): Generator<Gap & { readonly from: number }> {
  for (let at = 0; at < values.length; at++) {
    if (!Number.isNaN(values[at]!)) continue;
    const from = at;
    while (at < values.length && Number.isNaN(values[at]!)) at++;
    yield { from, startMs: startMs + from * stepMs, steps: at - from };
  }
}

export function findGaps(series: RegularSeries): Gaps {
  let [missing, count] = [0, 0];
  let longest: Gap | null = null;
  for (const { startMs, steps } of runsOf(series)) {
    count++;
    missing += steps;
    if (longest === null || steps > longest.steps) longest = { startMs, steps };
  }
  return { steps: series.values.length, missing, count, longest };
}

export interface Whole {
  readonly values: Float64Array;
  /** Of them made up, on the line between their neighbours. */
  readonly filled: number;
}

/**
 * What follows the last gap that is too long to be filled, up to the last value, with the shorter ones filled. Not known
 * when that is too little, or too much of it missing.
 */
export function wholeSeries(series: RegularSeries): Finding<Whole> {
  let from = 0;
  for (const run of runsOf(series)) {
    const isAtEnd = run.from + run.steps === series.values.length;
    if (run.steps > maxFilledSteps && !isAtEnd) from = run.from + run.steps;
  }
  const values = series.values.slice(from);
  let end = values.length;
  while (end > 0 && Number.isNaN(values[end - 1]!)) end--;
  let begin = 0;
  while (begin < end && Number.isNaN(values[begin]!)) begin++;
  const whole = values.subarray(begin, end);
  if (whole.length < minPoints) {
    const since = from > 0 ? ` since its last gap of more than ${maxFilledSteps} steps` : "";
    return notKnown(`it has ${whole.length} points${since}, and ${minPoints} are needed`);
  }
  const filled = fillGaps(whole);
  if (filled > maxMissingShare * whole.length) {
    return notKnown(
      `${filled} of its ${whole.length} steps have no value, and ${maxMissingShare * 100} % may be missing`,
    );
  }
  return known({ values: whole, filled });
}

/** In place, on the lines between neighbours; the first and the last value are there. Answers how many were missing. */
export function fillGaps(values: Float64Array): number {
  let filled = 0;
  for (let at = 1; at < values.length; at++) {
    if (!Number.isNaN(values[at]!)) continue;
    const before = at - 1;
    while (Number.isNaN(values[at]!)) at++;
    const step = (values[at]! - values[before]!) / (at - before);
    for (let i = before + 1; i < at; i++) values[i] = values[before]! + step * (i - before);
    filled += at - before - 1;
  }
  return filled;
}
