/**
 * What an actor with windows answers.
 *
 * 1. A window is [from, to): `to` is the end of the pane that contains its end, `from` the start of the pane that
 *    contains its end − span. Its statistics are those of exactly the readings between them.
 * 2. The end is now, or the newest event time if that is later, or the time asked for. What lies before the ring
 *    is cut off: then `from` is the ring's start (or `to`, if all of it does).
 */

import type { Channel, LastReading, Total } from "./channel.ts";
import type { RingPane, RingPanes } from "./history.ts";
import { minuteMs, windowSpans } from "./limits.ts";
import { emptyPane, mergePane, type Pane, summarize, type Summary } from "./pane.ts";
import type { HistoryResolution } from "./resolution.ts";
import { firstSpan, paneMinutes, paneStart, ringStartMinute, slotCount, slotStart } from "./ring.ts";
import { type ListedReading, noHead, type WindowState } from "./window_state.ts";

export interface WindowAnswer extends Summary {
  /** Epoch milliseconds; the window is [from, to). */
  readonly from: number;
  readonly to: number;
  /** The channel's newest reading, if it lies in the window. */
  readonly last: LastReading | null;
}

/** An object by channel or window name; no name begins with "__", so none can be `__proto__`. */
function byName<T, V>(
  items: readonly T[],
  nameOf: (item: T) => string,
  valueOf: (item: T) => V,
): Record<string, V> {
  return Object.fromEntries(items.map((item) => [nameOf(item), valueOf(item)]));
}

function byChannel<V>(state: WindowState, valueOf: (channel: Channel) => V): Record<string, V> {
  return byName(state.channels, (channel) => channel.name, valueOf);
}

interface Bounds {
  readonly name: string;
  readonly fromMinute: number;
  readonly toMinute: number;
}

function windowBounds(endMs: number, head: number): Bounds[] {
  const endMinute = Math.floor(endMs / minuteMs);
  const toMinute = paneStart(endMinute, head) + paneMinutes(endMinute, head);
  return Object.entries(windowSpans).map(([name, spanMs]) => {
    const wanted = paneStart(Math.floor((endMs - spanMs) / minuteMs), head);
    const fromMinute = head === noHead ? wanted : Math.max(wanted, ringStartMinute(head));
    return { name, fromMinute: Math.min(fromMinute, toMinute), toMinute };
  });
}

interface FilledPane {
  readonly startMinute: number;
  readonly pane: Pane;
}

function filledPanes(channel: Channel, head: number): FilledPane[] {
  const filled: FilledPane[] = [];
  for (let slot = 0; slot < slotCount; slot++) {
    if (channel.isEmpty(slot)) continue;
    const pane = emptyPane();
    channel.read(slot, pane);
    filled.push({ startMinute: slotStart(slot, head), pane });
  }
  return filled;
}

function windowOf(panes: readonly FilledPane[], last: LastReading | null, bounds: Bounds): WindowAnswer {
  const { fromMinute, toMinute } = bounds;
  const merged = emptyPane();
  for (const { startMinute, pane } of panes) {
    if (startMinute >= fromMinute && startMinute < toMinute) mergePane(merged, pane);
  }
  const from = fromMinute * minuteMs;
  const to = toMinute * minuteMs;
  return {
    from,
    to,
    ...summarize(merged),
    last: last !== null && last.ts >= from && last.ts < to ? last : null,
  };
}

export interface WindowsAnswer {
  readonly total: Readonly<Record<string, Total>>;
  readonly channels: Readonly<Record<string, Readonly<Record<string, WindowAnswer>>>>;
}

/** All windows of all channels, ending at `atMs`, or now if that is null. */
export function answerWindows(state: WindowState, nowMs: number, atMs: number | null): WindowsAnswer {
  const { head } = state;
  const endMs = atMs ?? (head === noHead ? nowMs : Math.max(nowMs, state.newestMs));
  const bounds = windowBounds(endMs, head);
  return {
    total: byChannel(state, (channel) => channel.total),
    channels: byChannel(state, (channel) => {
      const panes = filledPanes(channel, head);
      return byName(bounds, ({ name }) => name, (each) => windowOf(panes, channel.last, each));
    }),
  };
}

export interface PanesAnswer extends RingPanes {
  /** Whether the actor's history has panes of this resolution, too. */
  readonly isKept: boolean;
}

/** The ring's panes of a resolution, from the time on from which it has all of them. */
export function answerPanes(state: WindowState, { minutes, stepMs }: HistoryResolution): PanesAnswer {
  const { head } = state;
  const isKept = minutes > 1 || state.keepsMinutes;
  if (head === noHead) return { stepMs, isKept, fromMs: null, channels: {} };
  const first = firstSpan(minutes, head);
  const channels = byChannel(state, (channel) => {
    const panes: RingPane[] = [];
    for (let span = first; span * minutes <= head; span++) {
      const pane = emptyPane();
      state.readSpan(channel, minutes, span, pane);
      if (pane.count > 0) panes.push([span * stepMs, pane.count, pane.sum, pane.m2, pane.min, pane.max]);
    }
    return panes;
  });
  return { stepMs, isKept, fromMs: Math.max(0, first) * stepMs, channels };
}

export interface ChannelOverview {
  readonly type: string;
  readonly last: LastReading | null;
  readonly total: Total;
}

export interface StateAnswer {
  readonly channels: Readonly<Record<string, ChannelOverview>>;
  /** Oldest and newest accepted event time; null before the first reading. */
  readonly firstTs: number | null;
  readonly lastTs: number | null;
  /** Readings older than the ring when they came, imports apart. */
  readonly late: { readonly count: number; readonly recent: readonly ListedReading[] };
  /** Repeats of a sequence number, which changed nothing. */
  readonly duplicates: number;
  /** Readings whose sequence number was too old to know whether it is a repeat: not counted anywhere. */
  readonly tooOld: { readonly count: number; readonly recent: readonly ListedReading[] };
  readonly memoryBytes: number;
}

export function answerState(state: WindowState): StateAnswer {
  const isEmpty = state.head === noHead;
  return {
    channels: byChannel(state, ({ typeName, last, total }) => ({ type: typeName, last, total })),
    firstTs: isEmpty ? null : state.oldestMs,
    lastTs: isEmpty ? null : state.newestMs,
    late: { count: state.lateCount, recent: state.late },
    duplicates: state.duplicates,
    tooOld: { count: state.tooOldCount, recent: state.tooOld },
    memoryBytes: state.memoryBytes,
  };
}
