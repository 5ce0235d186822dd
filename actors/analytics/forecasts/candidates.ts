/**
 * The methods that compete. A candidate is a name; the workbench makes its path of values, and keeps what several of
 * them need.
 *
 * 1. A path is finite and within reason (`sanity.ts`), or null: methods whose numbers run away have lost.
 */

import { mstl, type MultipleDecomposition } from "../decomposition/mstl.ts";
import { arimaPath } from "./arima_guarded.ts";
import { continueAutoregression, fitAutoregression } from "./autoregression.ts";
import type { Family } from "./families.ts";
import { holtWinters } from "./holt_winters.ts";
import { maxArimaPoints } from "./limits.ts";
import { Sanity } from "./sanity.ts";
import { ahead, damped, simple, theta } from "./smoothing.ts";

/** How what is left without season is continued. */
const continuations = {
  "simple smoothing": (values: Float64Array, steps: number) => ahead(simple(values), steps),
  "damped trend": (values: Float64Array, steps: number) => ahead(damped(values), steps),
  "theta": theta,
  "autoregression": (values: Float64Array, steps: number) =>
    continueAutoregression(fitAutoregression(values, maxOrder), values, steps),
  "autoregression of differences": differenced,
} as const satisfies Partial<Record<Family, (values: Float64Array, steps: number) => Float64Array>>;
type Continuation = keyof typeof continuations;

const maxOrder = 30;
const continuationNames = Object.keys(continuations) as readonly Continuation[];

function differenced(values: Float64Array, steps: number): Float64Array {
  const differences = values.subarray(1).map((value, i) => value - values[i]!);
  const model = { ...fitAutoregression(differences, maxOrder), mean: 0 };
  let last = values.at(-1)!;
  return continueAutoregression(model, differences, steps).map((step) => last += step);
}

export type Candidate =
  | { readonly type: "last-value" }
  | { readonly type: "seasonal-naive"; readonly period: number }
  | { readonly type: "holt-winters"; readonly period: number }
  | {
    readonly type: "decomposed";
    /** None: the values themselves are continued. */
    readonly periods: readonly number[];
    readonly isLog: boolean;
    readonly continuation: Continuation | "arima";
  };

export function familyOf(candidate: Candidate): Family {
  switch (candidate.type) {
    case "last-value":
      return "last value";
    case "seasonal-naive":
      return "seasonal naive";
    case "holt-winters":
      return "Holt-Winters";
    case "decomposed":
      return candidate.continuation;
  }
}

export function nameOf(candidate: Candidate): string {
  switch (candidate.type) {
    case "last-value":
      return "last value";
    case "seasonal-naive":
      return `seasonal naive (${candidate.period})`;
    case "holt-winters":
      return `Holt-Winters (${candidate.period})`;
    case "decomposed": {
      const { periods, isLog, continuation } = candidate;
      const base = periods.length === 0 ? continuation : `MSTL (${periods.join(", ")}) with ${continuation}`;
      return isLog ? `${base}, of logarithms` : base;
    }
  }
}

/**
 * All that compete over a series. To repeat a season takes one cycle before the first origin of the back-test, to take a
 * series apart by it takes two.
 *
 * @param sets seasons that may be the series', each the shortest first; at most two in a set
 * @param learned the same, of those seen twice before the first origin
 */
export function candidatesFor(
  sets: readonly (readonly number[])[],
  learned: readonly (readonly number[])[],
  points: number,
  isPositive: boolean,
): readonly Candidate[] {
  const repeated = [...new Set(sets.flat())];
  const periods = [...new Set(learned.flat())];
  const continued = (each: readonly number[], isLog: boolean) =>
    continuationNames.map((continuation): Candidate => ({
      type: "decomposed",
      periods: each,
      isLog,
      continuation,
    }));
  const arima: Candidate = { type: "decomposed", periods: learned[0]!, isLog: false, continuation: "arima" };
  return [
    { type: "last-value" },
    ...repeated.map((period): Candidate => ({ type: "seasonal-naive", period })),
    ...periods.slice(0, 1).map((period): Candidate => ({ type: "holt-winters", period })),
    ...learned.flatMap((each) => [
      ...continued(each, false),
      ...isPositive && each.length > 0 ? continued(each, true) : [],
    ]),
    ...points <= maxArimaPoints ? [arima] : [],
  ];
}

interface Base {
  /** Without season. */
  readonly adjusted: Float64Array;
  readonly seasonals: readonly { readonly period: number; readonly values: Float64Array }[];
}

/** Values of which paths are made. */
export class Workbench {
  readonly #bases = new Map<string, Base>();
  readonly #sanity: Sanity;

  constructor(readonly values: Float64Array) {
    this.#sanity = new Sanity(values);
  }

  /** The next `steps` values by a candidate, or null. */
  path(candidate: Candidate, steps: number): Float64Array | null {
    const path = this.#path(candidate, steps);
    return path !== null && this.#sanity.allows(path) ? path : null;
  }

  #path(candidate: Candidate, steps: number): Float64Array | null {
    const { values } = this;
    switch (candidate.type) {
      case "last-value":
        return new Float64Array(steps).fill(values.at(-1)!);
      case "seasonal-naive": {
        const first = values.length - candidate.period;
        return new Float64Array(steps).map((_, h) => values[first + h % candidate.period]!);
      }
      case "holt-winters":
        return holtWinters(values, candidate.period, steps);
      case "decomposed":
        return this.#decomposed(candidate, steps);
    }
  }

  #decomposed(
    { periods, isLog, continuation }: Extract<Candidate, { type: "decomposed" }>,
    steps: number,
  ): Float64Array | null {
    const { adjusted, seasonals } = this.#base(periods, isLog);
    const path = continuation === "arima"
      ? arimaPath(adjusted.slice(-maxArimaPoints), steps)
      : continuations[continuation](adjusted, steps);
    if (path === null) return null;
    for (const { period, values } of seasonals) {
      const first = values.length - period;
      for (let h = 0; h < steps; h++) path[h]! += values[first + h % period]!;
    }
    return isLog ? path.map(Math.exp) : path;
  }

  #base(periods: readonly number[], isLog: boolean): Base {
    const key = `${periods.join()}${isLog}`;
    const known = this.#bases.get(key);
    if (known !== undefined) return known;
    const values = isLog ? this.values.map(Math.log) : this.values;
    const base = periods.length === 0 ? { adjusted: values, seasonals: [] } : adjust(values, periods);
    this.#bases.set(key, base);
    return base;
  }
}

function adjust(values: Float64Array, periods: readonly number[]): Base {
  const { trend, seasonals, remainder }: MultipleDecomposition = mstl(values, periods);
  return {
    adjusted: trend.map((value, t) => value + remainder[t]!),
    seasonals: seasonals.map((each, i) => ({ period: periods[i]!, values: each })),
  };
}
