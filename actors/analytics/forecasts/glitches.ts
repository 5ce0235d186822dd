/**
 * Values that are taken for mistakes of the measuring, and replaced before anything is fitted: one of them would be the mean
 * of the whole series.
 *
 * As in `tsoutliers` of Hyndman & Khandakar, Journal of Statistical Software 27 (2008), what lies far from its neighbours
 * and its season is replaced by the line between those; other than there, the neighbours are medians of what lies before
 * and what lies after, each alone (Pearson, "Outliers in process control and model identification", IEEE Transactions on
 * Control Systems Technology 10 (2002), on filters by medians), so that the edge of a new level is none.
 *
 * 1. A value is as odd as it is far from the nearest of: the median before it, the median after it, and the values a cycle
 *    of the calendar before and after it. The last value has nothing after it: it counts when the next one is like it.
 * 2. Replaced are `maxGlitches` values at most, each `glitchRatio` times as odd as all others. What happened oftener is a
 *    habit, and left.
 */

import { fillGaps } from "../statistics/gaps.ts";
import { quantileOf } from "../statistics/quantile.ts";
import { glitchRatio, maxGlitches } from "./limits.ts";
import { calendarCycles } from "./season_sets.ts";

/** Values before, and after: more than a glitch has. */
const reach = 3;

function median(values: Float64Array): number {
  return quantileOf(values.toSorted(), 0.5);
}

function oddnessAt(values: Float64Array, t: number, cycles: readonly number[]): number {
  const before = values.subarray(Math.max(0, t - reach), t);
  const after = values.subarray(t + 1, t + 1 + reach);
  let nearest = Infinity;
  const compare = (value: number) => nearest = Math.min(nearest, Math.abs(values[t]! - value));
  if (before.length > 0) compare(median(before));
  if (after.length > 0) compare(median(after));
  for (const cycle of cycles) {
    if (t >= cycle) compare(values[t - cycle]!);
    if (t + cycle < values.length) compare(values[t + cycle]!);
  }
  return nearest;
}

/** The values, with glitches replaced. */
export function withoutGlitches(values: Float64Array, stepMs: number): Float64Array {
  const cycles = calendarCycles(stepMs);
  const oddness = values.map((_, t) => oddnessAt(values, t, cycles));
  const usual = oddness.toSorted().at(-1 - maxGlitches)!;
  // Where nothing is usual, as with a constant, nothing is unusual either.
  if (!(usual > 0)) return values;
  const kept = values.map((value, t) => oddness[t]! > glitchRatio * usual ? NaN : value);
  const known = kept.filter((value) => !Number.isNaN(value));
  if (Number.isNaN(kept[0]!)) kept[0] = known[0]!;
  if (Number.isNaN(kept.at(-1)!)) kept[kept.length - 1] = known.at(-1)!;
  fillGaps(kept);
  return kept;
}
