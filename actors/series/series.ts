/** The actor `series/<name>`: windows, total and history of one channel, `value`. */

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
import type { SlabPool } from "../analytics/slab.ts";
import type { WindowState } from "../analytics/window_state.ts";
import {
  admit,
  publishedWindows,
  type WindowCounts,
  windowCounts,
  windowQueries,
  windowStateType,
} from "../sensors/windowed_actor.ts";
import { keepsMinutes } from "./selection.ts";

/** The name of a series' only channel. */
export const seriesChannel = "value";
const seriesChannels: readonly string[] = [seriesChannel];

/** `[time or null, number or null, value]`, and 1 at the end of an import. */
const sampleMessage = z.union([
  z.tuple([TimeMs.nullable(), Sequence.nullable(), ChannelValue]),
  z.tuple([TimeMs.nullable(), Sequence.nullable(), ChannelValue, ImportMark]),
]);

const seriesMessage = z.union([sampleMessage]);

export type SampleMessage = z.infer<typeof sampleMessage>;
export type SeriesMessage = z.infer<typeof seriesMessage>;

export const seriesMessageType: MessageType<SeriesMessage> = {
  version: 1,
  schema: seriesMessage,
  accepts: (value): value is SeriesMessage => isEnvelope(value) && isChannelValue(value[2]),
};

function receive(state: WindowState, message: SeriesMessage, context: Context, counts: WindowCounts): void {
  const ts = message[0] ?? context.nowMs;
  const value = message[2];
  const verdict = admit(state, ts, message[1], seriesChannels, context, counts);
  if (verdict === "older") state.noteTooOld({ ts, seq: message[1]!, values: { [seriesChannel]: value } });
  if (verdict !== "counts") return;
  const isInRing = state.open(ts, context.nowMs);
  state.add(seriesChannel, value, ts, 0);
  if (isInRing || message.length === 4) return;
  state.noteLate({ ts, values: { [seriesChannel]: value } });
  counts.late.value++;
}

/**
 * @param pool where the panes of this thread's series live
 * @param counts what their turns count on this thread
 */
export function seriesDefinition(
  pool: SlabPool,
  counts: WindowCounts = windowCounts("series"),
): ActorDefinition<WindowState, SeriesMessage> {
  return defineActor({
    kind: "series",
    state: windowStateType(pool, keepsMinutes),
    message: seriesMessageType,
    receive: (state, message, context) => receive(state, message, context, counts),
    queries: windowQueries,
    published: publishedWindows,
  });
}
