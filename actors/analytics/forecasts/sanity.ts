/** Which paths a series lets one believe in. */

import { quantileOf } from "../statistics/quantile.ts";
import { recentPoints, sanePadding, usualShare } from "./limits.ts";

interface Range {
  readonly least: number;
  readonly greatest: number;
}

function padded(values: readonly number[]): Range {
  const [least, greatest] = [Math.min(...values), Math.max(...values)];
  const padding = sanePadding * (greatest - least);
  return { least: least - padding, greatest: greatest + padding };
}

function isWithin(value: number, { least, greatest }: Range): boolean {
  return value >= least && value <= greatest;
}

/**
 * Of one series: no value may be far beyond all that were seen, and the middle of a path not far beyond what is usual, or
 * was of late. A few values that are out of all proportion widen the first range, and not the second; that one lets a
 * path through that has a peak where its season has one.
 */
export class Sanity {
  readonly #seen: Range;
  readonly #usual: Range;

  /** @param values one at least */
  constructor(values: Float64Array) {
    const sorted = values.toSorted();
    this.#seen = padded([sorted[0]!, sorted.at(-1)!]);
    const recent = values.slice(-recentPoints).sort();
    this.#usual = padded([
      quantileOf(sorted, (1 - usualShare) / 2),
      quantileOf(sorted, (1 + usualShare) / 2),
      quantileOf(recent, 0.5),
    ]);
  }

  allows(path: Float64Array): boolean {
    return path.every((value) => isWithin(value, this.#seen)) &&
      isWithin(quantileOf(path.toSorted(), 0.5), this.#usual);
  }
}
