/** The actor `series/<name>`: windows, total and history of its values, and what rules want of it besides. */

import { z } from "zod";
import { type ActorDefinition, type Context, type MessageType } from "../../runtime/core/actor.ts";
import { defineActor } from "../../runtime/core/registry.ts";
import {
  ChannelValue,
  ImportMark,
  isChannelValue,
  isEnvelope,
  Sequence,
  TimeMs,
} from "../sensors/message_parts.ts";
import type { ActorCounter } from "../../runtime/node/actor_module.ts";
import type { SlabPool } from "../analytics/slab.ts";
import {
  admit,
  publishedWindows,
  type WindowCounts,
  windowCounts,
  windowQueries,
} from "../sensors/windowed_actor.ts";
import { maxRuleName, maxRulesPerSeries } from "./limits.ts";
import { selection, type SeriesState, seriesStateType } from "./series_state.ts";

/** The channel of a series' own values. */
export const seriesChannel = "value";
/** The channel of a counter's growth per second, where a rule asks for it. */
export const rateChannel = "rate";
const seriesChannels: readonly string[] = [seriesChannel, rateChannel];

/** `[time or null, number or null, value]`, and 1 at the end of an import. */
const sampleMessage = z.union([
  z.tuple([TimeMs.nullable(), Sequence.nullable(), ChannelValue]),
  z.tuple([TimeMs.nullable(), Sequence.nullable(), ChannelValue, ImportMark]),
]);

/** What a rule wants of the series from now on; nothing at all: the rule is forgotten. */
const selectMessage = z.strictObject({ select: selection, by: z.string().min(1).max(maxRuleName) });

const seriesMessage = z.union([sampleMessage, selectMessage]);

export type SampleMessage = z.infer<typeof sampleMessage>;
export type SelectMessage = z.infer<typeof selectMessage>;
export type SeriesMessage = z.infer<typeof seriesMessage>;

export const seriesMessageType: MessageType<SeriesMessage> = {
  version: 1,
  schema: seriesMessage,
  accepts: (value): value is SeriesMessage =>
    isEnvelope(value) ? isChannelValue(value[2]) : selectMessage.safeParse(value).success,
};

function isSelect(message: SeriesMessage): message is SelectMessage {
  return !Array.isArray(message);
}

function select(state: SeriesState, { select, by }: SelectMessage, context: Context): void {
  if (state.select(by, select)) return;
  context.deadLetter(
    "too-many-rules",
    `The rule ${by} selects the series ${state.id}, of which ${maxRulesPerSeries} rules want something already. ` +
      "Let fewer rules match it.",
  );
}

function receive(state: SeriesState, message: SeriesMessage, context: Context, counts: SeriesCounts): void {
  if (isSelect(message)) return select(state, message, context);
  const ts = message[0] ?? context.nowMs;
  const value = message[2];
  const verdict = admit(state, ts, message[1], seriesChannels, context, counts);
  if (verdict === "older") state.noteTooOld({ ts, seq: message[1]!, values: { [seriesChannel]: value } });
  if (verdict !== "counts") return;
  const isInRing = state.open(ts, context.nowMs);
  state.add(seriesChannel, value, ts, 0);
  const growth = state.growth(ts, Number(value));
  if (growth !== null) state.add(rateChannel, growth, ts, 1);
  // A counter is only known by its growth.
  const scored = state.wants("rate") ? growth : Number(value);
  if (scored !== null && state.score(ts, scored)?.isAnomaly) counts.anomalies.value++;
  if (isInRing || message.length === 4) return;
  state.noteLate({ ts, values: { [seriesChannel]: value } });
  counts.late.value++;
}

/** What turns of series count for `/metrics`, refolds included. */
export interface SeriesCounts extends WindowCounts {
  readonly anomalies: ActorCounter;
}

export function seriesCounts(): SeriesCounts {
  return {
    ...windowCounts("series"),
    anomalies: { help: "Anomalies found in series of which a rule asks for a score.", value: 0 },
  };
}

const { state: stateQuery } = windowQueries;

/**
 * @param pool where the panes of this thread's series live
 * @param counts what their turns count on this thread
 */
export function seriesDefinition(
  pool: SlabPool,
  counts: SeriesCounts = seriesCounts(),
): ActorDefinition<SeriesState, SeriesMessage> {
  return defineActor<SeriesState, SeriesMessage>({
    kind: "series",
    state: seriesStateType(pool),
    message: seriesMessageType,
    receive: (state, message, context) => receive(state, message, context, counts),
    queries: {
      ...windowQueries,
      state: {
        ...stateQuery,
        answer: (state: SeriesState) => ({ ...stateQuery.answer(state), rules: state.rules }),
      },
      anomalies: {
        arguments: z.strictObject({}),
        answer: ({ anomalies }: SeriesState) => ({ anomalies }),
      },
    },
    published: publishedWindows,
  });
}
