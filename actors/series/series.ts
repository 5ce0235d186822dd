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
import type { PanesAnswer, WindowsAnswer } from "../analytics/window_answer.ts";
import {
  admit,
  publishedWindows,
  type WindowCounts,
  windowCounts,
  windowQueries,
} from "../sensors/windowed_actor.ts";
import { rateChannel, type SeriesChannel, seriesChannel, seriesChannels } from "./channels.ts";
import { maxRuleName, maxRulesPerSeries } from "./limits.ts";
import { selection, type SeriesState, seriesStateType } from "./series_state.ts";

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
  if (state.isUnrated(ts)) counts.unrated.value++;
  const growth = state.growth(ts, Number(value));
  if (growth !== null) state.add(rateChannel, growth, ts, 1);
  const scored = state.analysed === rateChannel ? growth : Number(value);
  if (scored !== null && state.score(ts, scored)?.isAnomaly) counts.anomalies.value++;
  if (isInRing || message.length === 4) return;
  state.noteLate({ ts, values: { [seriesChannel]: value } });
  counts.late.value++;
}

/** What turns of series count for `/metrics`, refolds included. */
export interface SeriesCounts extends WindowCounts {
  readonly anomalies: ActorCounter;
  readonly unrated: ActorCounter;
}

export function seriesCounts(): SeriesCounts {
  return {
    ...windowCounts("series"),
    anomalies: { help: "Anomalies found in series of which a rule asks for a score.", value: 0 },
    unrated: {
      help:
        "Values without a growth in series of which a rule asks for a rate: one as new, or newer, came before.",
      value: 0,
    },
  };
}

const { state: stateQuery, windows: windowsQuery, minutePanes: minutesQuery } = windowQueries;

const nothing = z.strictObject({});

/** What values are found in. */
export interface AnalysedWindows {
  readonly channel: SeriesChannel;
  /** Null: the channel has no values. */
  readonly windows: WindowsAnswer["channels"][string] | null;
}

/** What metadata and forecasts are found in: of all channels, the minutes that the actor has itself. */
export interface AnalysedMinutes {
  readonly channel: SeriesChannel;
  readonly ring: PanesAnswer;
}

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
      analysedWindows: {
        arguments: nothing,
        answer: (state: SeriesState, _, query): AnalysedWindows => {
          const { channels } = windowsQuery.answer(state, { at: null }, query);
          return { channel: state.analysed, windows: channels[state.analysed] ?? null };
        },
      },
      analysedMinutes: {
        arguments: nothing,
        answer: (state: SeriesState): AnalysedMinutes => ({
          channel: state.analysed,
          ring: minutesQuery.answer(state),
        }),
      },
      anomalies: {
        arguments: nothing,
        answer: ({ anomalies }: SeriesState) => ({ anomalies }),
      },
    },
    published: publishedWindows,
  });
}
