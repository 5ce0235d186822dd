/**
 * The test of Kwiatkowski, Phillips, Schmidt and Shin, Journal of Econometrics 54 (1992): a large statistic speaks against
 * a level that stays. Bartlett's kernel; the number of lags by Hobijn, Franses and Ooms, Econometric Institute report
 * 9802/A (1998).
 */

import { type Finding, known, notKnown } from "../finding.ts";
import { centred, isConstant } from "./autocorrelation.ts";

export interface Kpss {
  readonly statistic: number;
  /** Interpolated in the table, and held within it. */
  readonly pValue: number;
  /** The statistic lies outside the table: p is at most 0.01, or at least 0.1. */
  readonly isClipped: boolean;
  readonly lags: number;
}

/** Table 1 of the paper, for a level: critical values and their p. */
const table = [[0.347, 0.1], [0.463, 0.05], [0.574, 0.025], [0.739, 0.01]] as const;

function lagProduct(x: Float64Array, lag: number): number {
  let sum = 0;
  for (let t = lag; t < x.length; t++) sum += x[t]! * x[t - lag]!;
  return sum;
}

function automaticLags(residuals: Float64Array): number {
  const n = residuals.length;
  const covered = Math.floor(n ** (2 / 9));
  let s0 = lagProduct(residuals, 0) / n;
  let s1 = 0;
  for (let lag = 1; lag <= covered; lag++) {
    const product = lagProduct(residuals, lag) / (n / 2);
    s0 += product;
    s1 += lag * product;
  }
  const gamma = 1.1447 * Math.cbrt((s1 / s0) ** 2);
  return Math.min(Math.floor(gamma * Math.cbrt(n)), n - 1);
}

function longRunVariance(residuals: Float64Array, lags: number): number {
  let sum = lagProduct(residuals, 0);
  for (let lag = 1; lag <= lags; lag++) sum += 2 * lagProduct(residuals, lag) * (1 - lag / (lags + 1));
  return sum / residuals.length;
}

function pValueOf(statistic: number): number {
  const [[lowest, most]] = table;
  if (statistic <= lowest) return most;
  for (const [i, [to, pTo]] of table.entries()) {
    if (i === 0 || statistic > to) continue;
    const [from, pFrom] = table[i - 1]!;
    return pFrom + (pTo - pFrom) * (statistic - from) / (to - from);
  }
  return 0.01;
}

export function kpss(values: Float64Array): Finding<Kpss> {
  if (values.length < 4) return notKnown(`it has ${values.length} points, and 4 are needed`);
  if (isConstant(values)) return notKnown("it is constant");
  const residuals = centred(values);
  const n = residuals.length;
  const lags = automaticLags(residuals);
  let partial = 0;
  let squares = 0;
  for (const residual of residuals) {
    partial += residual;
    squares += partial * partial;
  }
  const statistic = squares / (n * n) / longRunVariance(residuals, lags);
  if (!(Number.isFinite(statistic) && statistic >= 0)) return notKnown("it has no long-run variance");
  const isClipped = statistic < table[0][0] || statistic > table[3][0];
  return known({ statistic, pValue: pValueOf(statistic), isClipped, lags });
}
