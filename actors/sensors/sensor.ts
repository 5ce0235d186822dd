/**
 * The actor `sensor/<id>`: windows, totals and history of any number of channels.
 *
 * 1. A reading counts once: repeats of its number change nothing but `duplicates`.
 * 2. A reading counts for all its channels or for none.
 */

import { z } from "zod";
import { type ActorDefinition, type Context, type MessageType } from "../../runtime/core/actor.ts";
import { defineActor } from "../../runtime/core/registry.ts";
import { ChannelValues, ImportMark, isChannelValues, isEnvelope, Sequence, TimeMs } from "./message_parts.ts";
import type { SlabPool } from "../analytics/slab.ts";
import type { WindowState } from "../analytics/window_state.ts";
import { admit, type WindowCounts, windowCounts, windowQueries, windowStateType } from "./windowed_actor.ts";

/** `[time or null, number or null, values by channel]`, and 1 at the end of an import. */
const readingMessage = z.union([
  z.tuple([TimeMs.nullable(), Sequence.nullable(), ChannelValues]),
  z.tuple([TimeMs.nullable(), Sequence.nullable(), ChannelValues, ImportMark]),
]);

const sensorMessage = z.union([readingMessage]);

export type ReadingMessage = z.infer<typeof readingMessage>;
export type SensorMessage = z.infer<typeof sensorMessage>;

export const sensorMessageType: MessageType<SensorMessage> = {
  version: 1,
  schema: sensorMessage,
  accepts: (value): value is SensorMessage => isEnvelope(value) && isChannelValues(value[2]),
};

function receive(state: WindowState, message: SensorMessage, context: Context, counts: WindowCounts): void {
  const ts = message[0] ?? context.nowMs;
  const values = message[2];
  if (!admit(state, ts, message[1], values, context, counts)) return;
  const isInRing = state.open(ts, context.nowMs);
  let hint = 0;
  // deno-lint-ignore guard-for-in -- objects from JSON inherit nothing enumerable; keys() would allocate
  for (const name in values) state.add(name, values[name]!, ts, hint++);
  if (isInRing || message.length === 4) return;
  state.noteLate({ ts, values });
  counts.late.value++;
}

/**
 * @param pool where the panes of this thread's sensors live
 * @param counts what their turns count on this thread
 */
export function sensorDefinition(
  pool: SlabPool,
  counts: WindowCounts = windowCounts("sensor"),
): ActorDefinition<WindowState, SensorMessage> {
  return defineActor({
    kind: "sensor",
    state: windowStateType(pool),
    message: sensorMessageType,
    receive: (state, message, context) => receive(state, message, context, counts),
    queries: windowQueries,
  });
}
