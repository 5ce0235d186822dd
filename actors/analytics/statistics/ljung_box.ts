/** Whether a series is more than noise. */

import { type Finding, known } from "../finding.ts";
import { autocorrelation } from "./autocorrelation.ts";
import { chiSquareTail } from "./distributions.ts";

export interface LjungBox {
  readonly lags: number;
  readonly statistic: number;
  readonly pValue: number;
}

/** Q = n(n + 2) sum of r_k² / (n - k), k from 1 to `lags`: Ljung & Box, Biometrika 65 (1978). */
export function ljungBox(values: Float64Array, lags: number): Finding<LjungBox> {
  const n = values.length;
  const correlations = autocorrelation(values, lags);
  if (!correlations.known) return correlations;
  const r = correlations.value;
  let sum = 0;
  for (let k = 1; k < r.length; k++) sum += r[k]! * r[k]! / (n - k);
  const statistic = n * (n + 2) * sum;
  return known({ lags: r.length - 1, statistic, pValue: chiSquareTail(statistic, r.length - 1) });
}
