/** What all kinds of actors with windows share: state type, queries, and which readings are let in. */

import { z } from "zod";
import type { Context, Publication, Query } from "../../runtime/core/actor.ts";
import { maxAheadMs } from "../../runtime/core/limits.ts";
import type { StateType } from "../../runtime/core/state.ts";
import type { ActorCounter } from "../../runtime/node/actor_module.ts";
import type { SlabPool } from "../analytics/slab.ts";
import { decodeState, encodeCold, encodeHot, stateVersion } from "../analytics/snapshot.ts";
import { maxActorChannels, minuteMs } from "../analytics/limits.ts";
import { fiveMinuteHistory, oneMinuteHistory } from "../analytics/resolution.ts";
import { parseTimeArgument, timeForms } from "./timestamp.ts";
import { answerPanes, answerState, answerWindows, type WindowsAnswer } from "../analytics/window_answer.ts";
import { WindowState } from "../analytics/window_state.ts";

/** States whose panes live in `pool`. */
export function windowStateType(pool: SlabPool): StateType<WindowState> {
  return {
    ...windowRows,
    version: stateVersion,
    create: (id) => new WindowState(id, pool),
    encode: encodeHot,
    decode: (id, version, hot, cold) => decodeState(new WindowState(id, pool), version, hot, cold),
  };
}

/** What states with windows of any kind share. */
export const windowRows = {
  cold: {
    isDue: (state, nowMs) => state.isColdDue(nowMs),
    encode: encodeCold,
  },
  bytes: (state) => state.memoryBytes,
  release: (state) => state.release(),
} satisfies Partial<StateType<WindowState>>;

const noArguments = z.strictObject({});

const windowsArguments = z.strictObject({
  at: z.unknown().optional().transform((value, context) => {
    if (value === undefined) return null;
    const atMs = parseTimeArgument(value);
    if (atMs !== null) return atMs;
    context.addIssue({ code: "custom", message: `${JSON.stringify(value)} is no time: ${timeForms}` });
    return z.NEVER;
  }),
});

export const windowQueries = {
  state: {
    arguments: noArguments,
    answer: (state) => answerState(state),
  },
  windows: {
    arguments: windowsArguments,
    answer: (state, { at }: z.output<typeof windowsArguments>, { nowMs }) => answerWindows(state, nowMs, at),
  },
  panes: {
    arguments: noArguments,
    answer: (state) => answerPanes(state, fiveMinuteHistory),
  },
  minutePanes: {
    arguments: noArguments,
    answer: (state) => answerPanes(state, oneMinuteHistory),
  },
} satisfies Record<string, Query<WindowState>>;

/** Channels whose values stand as single fields: a table shows no more columns. */
const maxFieldChannels = 8;

/** What others read of a sensor's or a series' windows; fields as `temperature.1h.mean`. */
export const publishedWindows: Publication = {
  query: "windows",
  fields({ channels }: WindowsAnswer) {
    const fields: Record<string, string | number> = {};
    for (const [channel, windows] of Object.entries(channels).slice(0, maxFieldChannels)) {
      const hour = windows["1h"];
      if (hour === undefined) continue;
      const { count, mean, min, max, last } = hour;
      for (const [name, value] of Object.entries({ count, mean, min, max })) {
        if (value !== null) fields[`${channel}.1h.${name}`] = value;
      }
      if (last !== null) {
        fields[`${channel}.last`] = typeof last.value === "boolean" ? Number(last.value) : last.value;
      }
    }
    return fields;
  },
};

/** What turns of a kind count for `/metrics`, refolds included. */
export interface WindowCounts {
  readonly late: ActorCounter;
  readonly duplicates: ActorCounter;
  readonly tooOld: ActorCounter;
}

export function windowCounts(kind: string): WindowCounts {
  return {
    late: { help: `Readings of ${kind} actors that were older than their rings.`, value: 0 },
    duplicates: { help: `Readings of ${kind} actors dropped as repeats of their number.`, value: 0 },
    tooOld: {
      help: `Readings of ${kind} actors dropped as their number is too far below the last.`,
      value: 0,
    },
  };
}

/** Whether the time is too far ahead of the log; what has it is a dead letter then. */
export function isAhead(ts: number, context: Context): boolean {
  if (ts <= context.nowMs + maxAheadMs) return false;
  context.deadLetter(
    "too-far-ahead",
    `A message to ${context.self.kind}/${context.self.id} has the time ${new Date(ts).toISOString()}, ` +
      `${Math.ceil((ts - context.nowMs) / 1000)} s ahead of the log (${
        new Date(context.nowMs).toISOString()
      }); ` +
      `${maxAheadMs / minuteMs} minutes are accepted. Check the sender's clock.`,
  );
  return true;
}

function refuseChannels(context: Context): void {
  context.deadLetter(
    "too-many-channels",
    `A reading of ${context.self.kind}/${context.self.id} names new channels beyond the ${maxActorChannels} ` +
      `that an actor may have. Are identities or times part of the channels' names?`,
  );
}

/** "older": its number is below the window of numbers, and it is to be listed. "refused": it is a dead letter. */
export type Verdict = "counts" | "repeat" | "older" | "refused";

/**
 * Decides whether a reading of the channels `names` counts, and notes it if it does. A reading that does not count
 * changes no statistic and creates no channel.
 */
export function admit(
  state: WindowState,
  ts: number,
  sequence: number | null,
  names: readonly string[],
  context: Context,
  counts: WindowCounts,
): Verdict {
  if (sequence !== null) {
    const verdict = state.judgeSequence(sequence);
    if (verdict === "repeat") {
      state.duplicates++;
      counts.duplicates.value++;
      return "repeat";
    }
    if (verdict === "older") {
      counts.tooOld.value++;
      return "older";
    }
  }
  if (isAhead(ts, context)) return "refused";
  if (state.wouldOverflow(names)) {
    refuseChannels(context);
    return "refused";
  }
  if (sequence !== null) state.markSequence(sequence);
  return "counts";
}
