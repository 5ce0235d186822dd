/** The statistics beside those of other programs: `tests/data/reference/README.md` says which, and defines each. */

import assert from "node:assert/strict";
import { classicalAdditive } from "../../actors/analytics/decomposition/classical_additive.ts";
import { type Decomposition, stl, strengths } from "../../actors/analytics/decomposition/stl.ts";
import type { Finding } from "../../actors/analytics/finding.ts";
import { autocorrelation } from "../../actors/analytics/statistics/autocorrelation.ts";
import {
  chosenDickeyFuller,
  type DickeyFuller,
  dickeyFuller,
} from "../../actors/analytics/statistics/dickey_fuller.ts";
import { kpss } from "../../actors/analytics/statistics/kpss.ts";
import { ljungBox } from "../../actors/analytics/statistics/ljung_box.ts";
import { moments } from "../../actors/analytics/statistics/moments.ts";
import reference from "../data/reference/statistics.json" with { type: "json" };

/** Relative; absolute below 1. */
function assertNear(found: number | null, wanted: number | null, tolerance: number, what: string): void {
  if (found === null || wanted === null) return assert.equal(found, wanted, what);
  const allowed = tolerance * Math.max(1, Math.abs(wanted));
  assert.ok(Math.abs(found - wanted) <= allowed, `${what}: ${found}, and ${wanted} is right`);
}

function assertAllNear(
  found: ArrayLike<number>,
  wanted: readonly (number | null)[],
  tolerance: number,
  what: string,
): void {
  assert.equal(found.length, wanted.length, what);
  for (const [i, value] of wanted.entries()) {
    if (value === null) assert.ok(Number.isNaN(found[i]), `${what} at ${i}`);
    else assertNear(found[i]!, value, tolerance, `${what} at ${i}`);
  }
}

const closed = 1e-9;
const fitted = 1e-6;

function valueOf<T>(finding: Finding<T>, what: string): T {
  if (!finding.known) assert.fail(`${what} is not known: ${finding.reason}`);
  return finding.value;
}

interface Unit {
  readonly statistic: number;
  readonly pvalue: number;
  readonly usedlag: number;
  readonly nobs: number;
  readonly critical_values: Readonly<Record<string, number>>;
}

function assertUnitRoot(found: DickeyFuller, wanted: Unit, what: string): void {
  assert.equal(found.lags, wanted.usedlag, `${what} lags`);
  assert.equal(found.observations, wanted.nobs, `${what} rows`);
  assertNear(found.statistic, wanted.statistic, fitted, `${what} statistic`);
  assertNear(found.pValue, wanted.pvalue, fitted, `${what} p`);
  for (const [level, value] of Object.entries(found.criticalValues)) {
    assertNear(value, wanted.critical_values[level]!, closed, `${what} at ${level}`);
  }
}

interface Parts {
  readonly seasonal_strength: number;
  readonly trend_strength: number;
  readonly trend?: readonly (number | null)[];
  readonly seasonal?: readonly (number | null)[];
  readonly resid?: readonly (number | null)[];
  readonly seasonal_one_period?: readonly number[];
}

function assertParts(found: Decomposition, wanted: Parts, tolerance: number, what: string): void {
  const { trend, seasonal } = strengths(found);
  assertNear(seasonal, wanted.seasonal_strength, tolerance, `${what} seasonal strength`);
  assertNear(trend, wanted.trend_strength, tolerance, `${what} trend strength`);
  if (wanted.trend !== undefined) assertAllNear(found.trend, wanted.trend, tolerance, `${what} trend`);
  if (wanted.seasonal !== undefined) {
    assertAllNear(found.seasonal, wanted.seasonal, tolerance, `${what} season`);
  }
  if (wanted.resid !== undefined) {
    assertAllNear(found.remainder, wanted.resid, tolerance, `${what} remainder`);
  }
  const period = wanted.seasonal_one_period;
  if (period !== undefined) {
    assertAllNear(found.seasonal.subarray(0, period.length), period, tolerance, `${what} season`);
  }
}

for (const series of reference.series) {
  const values = Float64Array.from(series.values);
  Deno.test(`the statistics of ${series.name} are those of the reference`, () => {
    const { mean, min, max, stdSample, stdPopulation } = moments(series.values);
    assertNear(mean, series.mean, closed, "mean");
    assert.deepEqual([min, max], [series.min, series.max]);
    assertNear(stdSample, series.std_sample, closed, "std of a sample");
    assertNear(stdPopulation, series.std_population, closed, "std of a population");
    const [acf, box, chosen, five, level] = [
      autocorrelation(values, 20),
      ljungBox(values, 10),
      chosenDickeyFuller(values),
      dickeyFuller(values, 5),
      kpss(values),
    ];
    if (series.name === "constant") {
      for (const each of [acf, box, chosen, five, level]) {
        assert.deepEqual(each, { known: false, reason: "it is constant" });
      }
      return;
    }
    assertAllNear(valueOf(acf, "acf"), series.acf, closed, "acf");
    assertNear(valueOf(box, "Ljung-Box").statistic, series.ljung_box.statistic, 1e-7, "Ljung-Box");
    assertNear(valueOf(box, "Ljung-Box").pValue, series.ljung_box.pvalue, 1e-7, "Ljung-Box p");
    const aic = series.adf_aic as Unit & { readonly icbest: number };
    assertUnitRoot(valueOf(chosen, "ADF"), aic, "ADF");
    assertNear(valueOf(chosen, "ADF").aic, aic.icbest, fitted, "AIC");
    assertUnitRoot(valueOf(five, "ADF, 5 lags"), series.adf_lag5 as Unit, "ADF, 5 lags");
    const wanted = series.kpss as {
      statistic: number;
      pvalue: number;
      pvalue_clipped: boolean;
      lags: number;
    };
    const { statistic, pValue, isClipped, lags } = valueOf(level, "KPSS");
    assertNear(statistic, wanted.statistic, closed, "KPSS");
    assertNear(pValue, wanted.pvalue, closed, "KPSS p");
    assert.deepEqual([isClipped, lags], [wanted.pvalue_clipped, wanted.lags], "KPSS");
  });

  const { period } = series;
  if (period === null) continue;
  Deno.test(`the decompositions of ${series.name} are those of the reference`, () => {
    assertParts(stl(values, period), series.stl as unknown as Parts, fitted, "STL");
    assertParts(
      classicalAdditive(values, period),
      series.classical_additive as unknown as Parts,
      closed,
      "classical",
    );
  });
}
