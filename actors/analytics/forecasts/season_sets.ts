/** Seasons that compete: those that the data show, and those of the calendar. */

import { minCycles } from "./limits.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** What people and machines keep to; a year of hours is more than a fit looks at. */
const cyclesMs = [hourMs, dayMs, 7 * dayMs] as const;

/** Whole steps of them. */
export function calendarCycles(stepMs: number): readonly number[] {
  return cyclesMs.map((cycleMs) => cycleMs / stepMs).filter((steps) =>
    Number.isInteger(steps) && steps >= leastCycle
  );
}

/** One of fewer steps has no shape. */
const leastCycle = 4;

/** Enough to hold a day and a week. */
const maxSeasons = 2;

/**
 * Sets of seasons, the shortest of each first; what was found comes first, be it nothing. A season that was not seen
 * `minCycles` times is none.
 */
export function seasonSets(
  found: readonly number[],
  stepMs: number,
  points: number,
): readonly (readonly number[])[] {
  const wasSeen = (period: number) => points >= minCycles * period;
  const own = found.filter((period) => period >= 2 && wasSeen(period)).slice(0, maxSeasons);
  const calendar = calendarCycles(stepMs).filter(wasSeen);
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
