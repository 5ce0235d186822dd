/**
 * Geometry of the ring: which pane holds which minute, given the minute of the newest event (the head).
 *
 * 1. Three disjoint tiers: the head's minute and the 60 before it are one-minute panes; the 25 newest five-minute
 *    spans hold what is older, the 37 newest quarters of an hour what is older than those. A span at the border of
 *    two tiers is split between them: its pane in the coarser tier holds its expired part only.
 * 2. A minute's slot depends on the minute and the head alone. Slot = tier's base + (index mod tier's length).
 * 3. Whatever the head, the pane that contains head − 1 h lies in the first tier, head − 3 h at most in the second,
 *    head − 12 h at most in the third.
 *
 * Minutes are counted from the epoch and may be negative where a window reaches before it.
 */

const minutePanes = 61;
const fivePanes = 25;
const quarterPanes = 37;
const fiveBase = minutePanes;
const quarterBase = minutePanes + fivePanes;

/** Spans of which the ring gives history: the lengths of its two finer panes. */
export type SpanMinutes = 1 | 5;

/** Slots of a ring. */
export const slotCount = quarterBase + quarterPanes;

function positiveModulo(value: number, modulus: number): number {
  const rest = value % modulus;
  return rest < 0 ? rest + modulus : rest;
}

export function minuteSlot(minute: number): number {
  return positiveModulo(minute, minutePanes);
}

export function fiveSlot(five: number): number {
  return fiveBase + positiveModulo(five, fivePanes);
}

function quarterSlot(quarter: number): number {
  return quarterBase + positiveModulo(quarter, quarterPanes);
}

/** The oldest minute of the first tier. */
export function firstMinute(head: number): number {
  return head - (minutePanes - 1);
}

/** Index of the newest five-minute span that has a pane in the second tier. */
export function lastFive(head: number): number {
  return Math.floor((head - minutePanes) / 5);
}

/** Index of the oldest five-minute span in the second tier: from its start on, every five minutes are complete. */
export function firstFive(head: number): number {
  return lastFive(head) - (fivePanes - 1);
}

/** Index of the oldest span from whose start on the ring holds all spans of that length complete. */
export function firstSpan(minutes: SpanMinutes, head: number): number {
  return minutes === 1 ? firstMinute(head) : firstFive(head);
}

function lastQuarter(head: number): number {
  return Math.floor((firstFive(head) - 1) / 3);
}

/** Index of the oldest quarter of an hour in the third tier. */
export function firstQuarter(head: number): number {
  return lastQuarter(head) - (quarterPanes - 1);
}

/** The first minute that the ring holds. */
export function ringStartMinute(head: number): number {
  return firstQuarter(head) * 15;
}

/** The slot of the pane that holds `minute` ≤ head; -1 when it is older than the ring. */
export function slotOf(minute: number, head: number): number {
  if (minute >= firstMinute(head)) return minuteSlot(minute);
  const five = Math.floor(minute / 5);
  if (five >= firstFive(head)) return fiveSlot(five);
  const quarter = Math.floor(minute / 15);
  return quarter >= firstQuarter(head) ? quarterSlot(quarter) : -1;
}

/** Minutes of the pane that holds `minute`; minutes after the head count as one-minute panes. */
export function paneMinutes(minute: number, head: number): 1 | 5 | 15 {
  if (minute >= firstMinute(head)) return 1;
  return Math.floor(minute / 5) >= firstFive(head) ? 5 : 15;
}

/** The first minute of the pane that holds `minute`. */
export function paneStart(minute: number, head: number): number {
  const minutes = paneMinutes(minute, head);
  return Math.floor(minute / minutes) * minutes;
}

/** The first minute of the span whose pane is in `slot`. */
export function slotStart(slot: number, head: number): number {
  if (slot < fiveBase) return head - positiveModulo(head - slot, minutePanes);
  if (slot < quarterBase) {
    const last = lastFive(head);
    return (last - positiveModulo(last - (slot - fiveBase), fivePanes)) * 5;
  }
  const last = lastQuarter(head);
  return (last - positiveModulo(last - (slot - quarterBase), quarterPanes)) * 15;
}

/** How the ring changes when its head moves by one minute. */
export interface RingSteps {
  /** A span is about to leave the tier of panes of its length, of which it is the oldest. */
  leaving(minutes: SpanMinutes, span: number): void;
  /** The pane in `from` is merged into the one in `to`, and `from` is empty afterwards. */
  merge(from: number, to: number): void;
  drop(slot: number): void;
}

/** Moves the head from `head` to `head + 1`. */
export function stepRing(head: number, steps: RingSteps): void {
  const next = head + 1;
  const five = firstFive(head);
  if (firstFive(next) !== five) {
    steps.leaving(5, five);
    const quarter = firstQuarter(head);
    if (firstQuarter(next) !== quarter) steps.drop(quarterSlot(quarter));
    steps.merge(fiveSlot(five), quarterSlot(Math.floor(five / 3)));
  }
  const minute = firstMinute(head);
  steps.leaving(1, minute);
  steps.merge(minuteSlot(minute), fiveSlot(Math.floor(minute / 5)));
}

/** Calls `visit` with the slots that hold any part of span `span` ≥ firstSpan(minutes, head), oldest first. */
export function forSlotsOfSpan(
  minutes: SpanMinutes,
  span: number,
  head: number,
  visit: (slot: number) => void,
): void {
  if (minutes === 5 && span <= lastFive(head)) visit(fiveSlot(span));
  const end = Math.min((span + 1) * minutes, head + 1);
  for (let minute = Math.max(span * minutes, firstMinute(head)); minute < end; minute++) {
    visit(minuteSlot(minute));
  }
}
