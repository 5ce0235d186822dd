/**
 * Panes: mergeable statistics of the values of one span of event time.
 *
 * 1. count, min and max are exact; sum is exact as long as floating-point addition is (multiples of 1/8, say).
 * 2. Merging is associative and commutative but for rounding in the last digits of sum and m2.
 *
 * m2 is the sum of squared differences from the mean. Adding a value: Youngs & Cramer 1971, "Some results
 * relevant to choice of sum and sum-of-product algorithms", which is Welford's update written with the sum.
 * Merging: Chan, Golub & LeVeque 1979, "Updating formulae and a pairwise algorithm for computing sample variances".
 */

export interface Pane {
  count: number;
  sum: number;
  m2: number;
  min: number;
  max: number;
}

export function emptyPane(): Pane {
  return { count: 0, sum: 0, m2: 0, min: Infinity, max: -Infinity };
}

export function clearPane(pane: Pane): void {
  pane.count = 0;
  pane.sum = 0;
  pane.m2 = 0;
  pane.min = Infinity;
  pane.max = -Infinity;
}

/** A pane that nobody writes. */
export const noPane: Readonly<Pane> = Object.freeze(emptyPane());

export function copyPane(into: Pane, from: Readonly<Pane>): void {
  into.count = from.count;
  into.sum = from.sum;
  into.m2 = from.m2;
  into.min = from.min;
  into.max = from.max;
}

/** m2 after adding `value` to `count` ≥ 1 values; `sum` already contains it. */
export function m2AfterAdding(m2: number, count: number, sum: number, value: number): number {
  const difference = (count + 1) * value - sum;
  return m2 + (difference * difference) / (count * (count + 1));
}

/** m2 of two non-empty sets of values together. */
export function m2AfterMerging(
  m2: number,
  count: number,
  sum: number,
  otherM2: number,
  otherCount: number,
  otherSum: number,
): number {
  const delta = otherSum / otherCount - sum / count;
  return m2 + otherM2 + (delta * delta * count * otherCount) / (count + otherCount);
}

export function addValue(pane: Pane, value: number): void {
  pane.sum += value;
  if (pane.count > 0) pane.m2 = m2AfterAdding(pane.m2, pane.count, pane.sum, value);
  pane.count++;
  if (value < pane.min) pane.min = value;
  if (value > pane.max) pane.max = value;
}

export function mergePane(into: Pane, from: Readonly<Pane>): void {
  if (from.count === 0) return;
  into.m2 = into.count === 0
    ? from.m2
    : m2AfterMerging(into.m2, into.count, into.sum, from.m2, from.count, from.sum);
  into.count += from.count;
  into.sum += from.sum;
  if (from.min < into.min) into.min = from.min;
  if (from.max > into.max) into.max = from.max;
}

/** Makes `pane` the statistics of `count` times the same value. */
export function setConstantPane(pane: Pane, count: number, value: number): void {
  clearPane(pane);
  if (count === 0) return;
  pane.count = count;
  pane.sum = count * value;
  pane.min = value;
  pane.max = value;
}

/** Makes `pane` the statistics of `ones` ones and `count - ones` zeros. */
export function setBooleanPane(pane: Pane, count: number, ones: number): void {
  clearPane(pane);
  if (count === 0) return;
  pane.count = count;
  pane.sum = ones;
  pane.m2 = (ones * (count - ones)) / count;
  pane.min = ones === count ? 1 : 0;
  pane.max = ones > 0 ? 1 : 0;
}

/** What an answer says of a set of values; null where it is not defined. */
export interface Summary {
  readonly count: number;
  readonly min: number | null;
  readonly max: number | null;
  readonly mean: number | null;
  readonly stdSample: number | null;
  readonly stdPopulation: number | null;
}

/** Values near the end of the double range overflow sums and squares: such a statistic is not defined either. */
function finiteOrNull(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

export function summarize({ count, sum, m2, min, max }: Readonly<Pane>): Summary {
  if (count === 0) {
    return { count, min: null, max: null, mean: null, stdSample: null, stdPopulation: null };
  }
  return {
    count,
    min,
    max,
    mean: finiteOrNull(sum / count),
    stdSample: count < 2 ? null : finiteOrNull(Math.sqrt(m2 / (count - 1))),
    stdPopulation: finiteOrNull(Math.sqrt(m2 / count)),
  };
}
