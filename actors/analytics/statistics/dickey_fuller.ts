/**
 * The augmented Dickey-Fuller test with a constant: Said & Dickey, Biometrika 71 (1984). The differences dx_t are
 * regressed on x_{t-1}, 1 and dx_{t-1} .. dx_{t-lags}; a t ratio of x_{t-1} far below zero speaks against a unit root.
 */

import { type Finding, known, notKnown } from "../finding.ts";
import { isConstant } from "./autocorrelation.ts";
import { decompose, lastRatio, residualSquares } from "./least_squares.ts";
import { type CriticalValues, unitRootCriticalValues, unitRootPValue } from "./mackinnon.ts";

export interface DickeyFuller {
  readonly statistic: number;
  readonly pValue: number;
  readonly lags: number;
  /** Rows of the regression. */
  readonly observations: number;
  readonly criticalValues: CriticalValues;
}

export interface ChosenDickeyFuller extends DickeyFuller {
  /** Akaike's criterion of the chosen number of lags, on the sample of the longest. */
  readonly aic: number;
}

/** Schwert's rule: 12 (n / 100)^(1/4), Journal of Business & Economic Statistics 7 (1989). */
function schwertLags(points: number): number {
  const rule = Math.ceil(12 * (points / 100) ** 0.25);
  return Math.max(0, Math.min(Math.floor(points / 2) - 2, rule));
}

function differences(values: Float64Array): Float64Array {
  return values.subarray(1).map((value, i) => value - values[i]!);
}

/** The constant, and the lagged differences: of the rows from `skipped` differences on. */
function columnsOf(dx: Float64Array, lags: number, skipped: number): Float64Array[] {
  const rows = dx.length - skipped;
  return [
    new Float64Array(rows).fill(1),
    ...Array.from({ length: lags }, (_, lag) => dx.slice(skipped - lag - 1, dx.length - lag - 1)),
  ];
}

function checked(values: Float64Array, lags: number): string | null {
  if (values.length < 2 * lags + 4) return `it has ${values.length} points, and ${2 * lags + 4} are needed`;
  return isConstant(values) ? "it is constant" : null;
}

/** With exactly so many lagged differences. */
export function dickeyFuller(values: Float64Array, lags: number): Finding<DickeyFuller> {
  const problem = checked(values, lags);
  if (problem !== null) return notKnown(problem);
  const dx = differences(values);
  const observations = dx.length - lags;
  // The level comes last: its coefficient then stands alone in the last row of R.
  const columns = [...columnsOf(dx, lags, lags), values.slice(lags, values.length - 1)];
  const statistic = lastRatio(decompose(columns, dx.slice(lags)));
  if (!Number.isFinite(statistic)) return notKnown("its steps follow from each other without any chance");
  return known({
    statistic,
    pValue: unitRootPValue(statistic),
    lags,
    observations,
    criticalValues: unitRootCriticalValues(observations),
  });
}

/**
 * With the number of lags, from 0 to `maxLags`, that has the least AIC, -2 log L + 2k. All are compared on the sample of
 * the longest; the chosen one is fitted again on all rows that it can use.
 */
export function chosenDickeyFuller(
  values: Float64Array,
  maxLags = schwertLags(values.length),
): Finding<ChosenDickeyFuller> {
  const problem = checked(values, maxLags);
  if (problem !== null) return notKnown(problem);
  const dx = differences(values);
  const level = values.slice(maxLags, values.length - 1);
  const decomposed = decompose([level, ...columnsOf(dx, maxLags, maxLags)], dx.slice(maxLags));
  const n = dx.length - maxLags;
  let best = { lags: 0, aic: Infinity };
  for (let lags = 0; lags <= maxLags; lags++) {
    const parameters = lags + 2;
    const squares = residualSquares(decomposed, parameters);
    const aic = n * (Math.log(2 * Math.PI) + Math.log(squares / n) + 1) + 2 * parameters;
    if (aic < best.aic) best = { lags, aic };
  }
  const found = dickeyFuller(values, best.lags);
  return found.known && Number.isFinite(best.aic)
    ? known({ ...found.value, aic: best.aic })
    : found.known
    ? notKnown("its steps follow from each other without any chance")
    : found;
}
