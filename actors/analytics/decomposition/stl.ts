/**
 * STL, a seasonal-trend decomposition based on loess: Cleveland, Cleveland, McRae & Terpenning, Journal of Official
 * Statistics 6 (1990).
 *
 * 1. values = trend + seasonal + remainder, at every place.
 * 2. Windows and iterations are the paper's defaults unless told otherwise; with a jump of 1 the result is that of the
 *    authors' program.
 */

import { median } from "simple-statistics";
import type { Decomposition } from "./decomposition.ts";
import { fitAt, type Loess, type Places, smooth } from "./loess.ts";

export { type Decomposition, type Strengths, strengths } from "./decomposition.ts";

export interface StlOptions {
  /** Cycles that a season's change is smoothed over; odd, 7 at least. */
  readonly seasonalWindow?: number;
  /** Odd; the paper's rule unless told otherwise. */
  readonly trendWindow?: number;
  /** Places between two fits. */
  readonly jump?: number;
  /** Outliers count less. */
  readonly isRobust?: boolean;
}

const innerIterations = 5;
const robustIterations = { inner: 2, outer: 15 } as const;

function odd(value: number): number {
  const whole = Math.ceil(value);
  return whole % 2 === 1 ? whole : whole + 1;
}

class Stl {
  readonly #period: number;
  readonly #seasonal: Loess;
  readonly #trendLoess: Loess;
  readonly #lowPass: Loess;
  readonly #weights: Float64Array;
  readonly #detrended: Float64Array;
  /** The cycle-subseries smoothed, a period longer at each end. */
  readonly #cycles: Float64Array;
  readonly #averaged: Float64Array;
  readonly #low: Float64Array;
  readonly trend: Float64Array;
  readonly seasonal: Float64Array;
  robustness: Float64Array | null = null;

  constructor(readonly values: Float64Array, period: number, options: StlOptions) {
    const { seasonalWindow = 7, jump = 1 } = options;
    const n = values.length;
    this.#period = period;
    const trendWindow = options.trendWindow ?? odd(1.5 * period / (1 - 1.5 / seasonalWindow));
    // The season's own fits are as many as a period has cycles: jumps would save nothing.
    this.#seasonal = { window: seasonalWindow, degree: 1, jump: 1 };
    this.#trendLoess = { window: trendWindow, degree: 1, jump };
    this.#lowPass = { window: odd(period + 1), degree: 1, jump };
    this.#weights = new Float64Array(n);
    this.#detrended = new Float64Array(n);
    this.#cycles = new Float64Array(n + 2 * period);
    this.#averaged = new Float64Array(n + 2 * period);
    this.#low = new Float64Array(n);
    this.trend = new Float64Array(n);
    this.seasonal = new Float64Array(n);
  }

  #places(values: Float64Array, robustness = this.robustness): Places {
    return { values, from: 0, count: this.values.length, stride: 1, robustness, weights: this.#weights };
  }

  #smoothCycles(): void {
    const period = this.#period;
    const n = this.values.length;
    const seasonal = this.#seasonal;
    for (let phase = 0; phase < period; phase++) {
      const count = Math.floor((n - phase - 1) / period) + 1;
      const places: Places = { ...this.#places(this.#detrended), from: phase, stride: period, count };
      smooth(places, seasonal, this.#cycles, phase + period, period);
      const width = Math.min(seasonal.window, count);
      const put = (cycle: number, fit: number, otherwise: number) => {
        const cycles = this.#cycles;
        cycles[phase + cycle * period] = Number.isNaN(fit) ? cycles[phase + otherwise * period]! : fit;
      };
      put(0, fitAt(places, seasonal, -1, 0, width - 1), 1);
      put(count + 1, fitAt(places, seasonal, count, count - width, count - 1), count);
    }
  }

  /** The cycles' moving averages of a period, twice, and of three, smoothed. */
  #smoothLow(): void {
    const n = this.values.length;
    const period = this.#period;
    average(this.#cycles, n + 2 * period, period, this.#averaged);
    average(this.#averaged, n + period + 1, period, this.#averaged);
    average(this.#averaged, n + 2, 3, this.#averaged);
    smooth(this.#places(this.#averaged, null), this.#lowPass, this.#low);
  }

  iterate(times: number): void {
    const { values, trend, seasonal } = this;
    const n = values.length;
    for (let time = 0; time < times; time++) {
      for (let t = 0; t < n; t++) this.#detrended[t] = values[t]! - trend[t]!;
      this.#smoothCycles();
      this.#smoothLow();
      for (let t = 0; t < n; t++) seasonal[t] = this.#cycles[t + this.#period]! - this.#low[t]!;
      for (let t = 0; t < n; t++) this.#detrended[t] = values[t]! - seasonal[t]!;
      smooth(this.#places(this.#detrended), this.#trendLoess, trend);
    }
  }

  remainder(): Float64Array {
    return this.values.map((value, t) => value - this.trend[t]! - this.seasonal[t]!);
  }
}

/** Means of `window` neighbours of the first `count` values; `out` may be `values`. */
function average(values: Float64Array, count: number, window: number, out: Float64Array): void {
  let sum = 0;
  for (let i = 0; i < window; i++) sum += values[i]!;
  for (let i = 0; i + window <= count; i++) {
    const first = values[i]!;
    const next = i + window < count ? values[i + window]! : 0;
    out[i] = sum / window;
    sum += next - first;
  }
}

/** Bisquare weights of remainders, against six times their median. */
function robustnessOf(remainder: Float64Array): Float64Array {
  const sizes = remainder.map(Math.abs);
  const limit = 6 * median([...sizes]);
  return sizes.map((size) => {
    if (size <= 0.001 * limit) return 1;
    return size <= 0.999 * limit ? (1 - (size / limit) ** 2) ** 2 : 0;
  });
}

/** @param values at least two periods of them, all finite */
export function stl(values: Float64Array, period: number, options: StlOptions = {}): Decomposition {
  const fit = new Stl(values, period, options);
  if (options.isRobust === true) {
    for (let outer = 0; outer <= robustIterations.outer; outer++) {
      fit.iterate(robustIterations.inner);
      fit.robustness = robustnessOf(fit.remainder());
    }
  } else {
    fit.iterate(innerIterations);
  }
  return { trend: fit.trend, seasonal: fit.seasonal, remainder: fit.remainder() };
}
