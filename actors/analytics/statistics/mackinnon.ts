/**
 * The distribution of the Dickey-Fuller t ratio with a constant, by response surfaces.
 *
 * p-values: MacKinnon, "Approximate Asymptotic Distribution Functions for Unit-Root and Cointegration Tests", Journal of
 * Business & Economic Statistics 12 (1994), tables 3 and 4, one variable, constant. Critical values: MacKinnon,
 * "Critical Values for Cointegration Tests", Queen's Economics Department Working Paper 1227 (2010), table 2.
 */

import { normalBelow } from "./distributions.ts";

/** Where the polynomial for small p ends, and beyond which p is 0 or 1. */
const star = -1.61;
const least = -18.83;
const greatest = 2.74;

const smallP = [2.1659, 1.4412, 3.8269e-2] as const;
const largeP = [1.7339, 9.3202e-1, -1.2745e-1, -1.0368e-2] as const;

const surfaces = {
  "1%": [-3.43035, -6.5393, -16.786, -79.433],
  "5%": [-2.86154, -2.8903, -4.234, -40.040],
  "10%": [-2.56677, -1.5384, -2.809, 0],
} as const;

function polynomial(coefficients: readonly number[], x: number): number {
  return coefficients.reduceRight((sum, coefficient) => sum * x + coefficient, 0);
}

/** The probability of a t ratio as low as this, if there is a unit root. */
export function unitRootPValue(statistic: number): number {
  if (statistic > greatest) return 1;
  if (statistic < least) return 0;
  return normalBelow(polynomial(statistic <= star ? smallP : largeP, statistic));
}

export interface CriticalValues {
  readonly "1%": number;
  readonly "5%": number;
  readonly "10%": number;
}

/** Of a regression over `observations` rows. */
export function unitRootCriticalValues(observations: number): CriticalValues {
  const at = (level: keyof CriticalValues) => polynomial(surfaces[level], 1 / observations);
  return { "1%": at("1%"), "5%": at("5%"), "10%": at("10%") };
}
