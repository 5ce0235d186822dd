/**
 * M4's measures: Makridakis, Spiliotis & Assimakopoulos, International Journal of Forecasting 36 (2020), 3.
 *
 * sMAPE and MASE are means over a series' horizon, a method's scores the plain means over the series, and OWA the mean of
 * both, each divided by that of Naive2.
 */

export interface Scores {
  readonly smape: number;
  readonly mase: number;
}

/** Of one series: its training values, with a season of `period`, what came, and what was forecast. */
export function scoresOf(
  train: Float64Array,
  period: number,
  test: Float64Array,
  path: ArrayLike<number>,
): Scores {
  let naive = 0;
  for (let t = period; t < train.length; t++) naive += Math.abs(train[t]! - train[t - period]!);
  naive /= train.length - period;
  let [smape, error] = [0, 0];
  for (let h = 0; h < test.length; h++) {
    const off = Math.abs(test[h]! - path[h]!);
    const size = Math.abs(test[h]!) + Math.abs(path[h]!);
    smape += size === 0 ? 0 : 200 * off / size;
    error += off;
  }
  return { smape: smape / test.length, mase: error / test.length / naive };
}

export function meanScores(scores: readonly Scores[]): Scores {
  const mean = (of: keyof Scores) => scores.reduce((sum, each) => sum + each[of], 0) / scores.length;
  return { smape: mean("smape"), mase: mean("mase") };
}

export function owa({ smape, mase }: Scores, naive2: Scores): number {
  return (smape / naive2.smape + mase / naive2.mase) / 2;
}

export function seasonalNaive(train: Float64Array, period: number, steps: number): Float64Array {
  const first = train.length - period;
  return new Float64Array(steps).map((_, h) => train[first + h % period]!);
}

/** Whether the autocorrelation at the season stands out at 90 %, as M4's program tests it. */
function isSeasonal(train: Float64Array, period: number): boolean {
  const n = train.length;
  if (n < 3 * period) return false;
  const mean = train.reduce((sum, value) => sum + value, 0) / n;
  const r = new Float64Array(period + 1);
  for (let lag = 0; lag <= period; lag++) {
    for (let t = lag; t < n; t++) r[lag]! += (train[t]! - mean) * (train[t - lag]! - mean);
  }
  let squares = 1;
  for (let lag = 1; lag < period; lag++) squares += 2 * (r[lag]! / r[0]!) ** 2;
  return Math.abs(r[period]! / r[0]!) > 1.645 * Math.sqrt(squares / n);
}

/** The season's indices by the classical multiplicative decomposition, of mean 1. */
function seasonalIndices(train: Float64Array, period: number): Float64Array {
  const [sums, counts] = [new Float64Array(period), new Float64Array(period)];
  const half = period / 2;
  for (let t = half; t < train.length - half; t++) {
    let trend = (train[t - half]! + train[t + half]!) / 2;
    for (let i = t - half + 1; i < t + half; i++) trend += train[i]!;
    sums[t % period]! += train[t]! * period / trend;
    counts[t % period]!++;
  }
  const means = sums.map((sum, phase) => sum / counts[phase]!);
  const mean = means.reduce((sum, each) => sum + each, 0) / period;
  return means.map((each) => each / mean);
}

/** Naive2: the last value without its season, again and again, with the season put back; `period` is even. */
export function naive2(train: Float64Array, period: number, steps: number): Float64Array {
  const n = train.length;
  const indices = isSeasonal(train, period)
    ? seasonalIndices(train, period)
    : new Float64Array(period).fill(1);
  const last = train[n - 1]! / indices[(n - 1) % period]!;
  return new Float64Array(steps).map((_, h) => last * indices[(n + h) % period]!);
}
