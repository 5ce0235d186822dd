/**
 * Resolutions of the history: panes of which length make its rows, and which rows may still be put as a whole.
 *
 * 1. A row is *open* while all of it lies in the ring's panes of that length or shorter ones, or ahead of the head.
 *    A head only grows, so a row closes once.
 * 2. While a minute's quarter-hour row is open, its hour row is: the tier of minutes ends two hours before the other.
 */

import { minuteMs } from "./limits.ts";
import { firstSpan, type SpanMinutes } from "./ring.ts";

export interface HistoryResolution {
  /** Length of a pane. */
  readonly minutes: SpanMinutes;
  readonly stepMs: number;
  readonly panesPerRow: number;
  /** What one row spans. */
  readonly rowMs: number;
}

function resolution(minutes: SpanMinutes, panesPerRow: number): HistoryResolution {
  const stepMs = minutes * minuteMs;
  return { minutes, stepMs, panesPerRow, rowMs: stepMs * panesPerRow };
}

/** Kept for every actor: a row an hour. */
export const fiveMinuteHistory = resolution(5, 12);

/**
 * Kept for selected actors: a row a quarter of an hour. The ring has single minutes of the last hour alone: a row
 * of a whole hour would close a minute after that hour, and every late reading would be an increment.
 */
export const oneMinuteHistory = resolution(1, 15);

/** Index of the row that holds `minute`. */
export function rowOfMinute({ minutes, panesPerRow }: HistoryResolution, minute: number): number {
  return Math.floor(minute / (minutes * panesPerRow));
}

export function firstOpenRow({ minutes, panesPerRow }: HistoryResolution, head: number): number {
  return Math.ceil(firstSpan(minutes, head) / panesPerRow);
}

export function isOpenRow({ minutes, panesPerRow }: HistoryResolution, row: number, head: number): boolean {
  return row * panesPerRow >= firstSpan(minutes, head);
}
