/** Seasons that compete: those that the data show, and those of the calendar. */

import { minCycles } from "./limits.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** What people and machines keep to; a year of hours is more than a fit looks at. */
const cyclesMs = [hourMs, dayMs, 7 * dayMs] as const;

/** Enough to hold a day and a week. */
const maxSeasons = 2;

/**
 * Sets of seasons, the shortest of each first; what was found comes first, be it nothing. A season that was not seen
 * `minCycles` times is none, and one of a few steps has no shape.
 */
export function seasonSets(
  found: readonly number[],
  stepMs: number,
  points: number,
): readonly (readonly number[])[] {
  const isUsable = (period: number) => period >= 4 && points >= minCycles * period;
  const own = found.filter((period) => period >= 2 && points >= minCycles * period).slice(0, maxSeasons);
  const calendar = cyclesMs.map((cycleMs) => cycleMs / stepMs).filter(Number.isInteger).filter(isUsable);
  const sets = [own, calendar.slice(0, 1), calendar.slice(0, maxSeasons)].filter((set, i) =>
    i === 0 || set.length > 0
  );
  const keys = new Set<string>();
  return sets.filter((set) => {
    const isNew = !keys.has(set.join());
    keys.add(set.join());
    return isNew;
  });
}
