/**
 * The actor `sensor/<id>`: windows, totals and history of any number of channels.
 *
 * 1. A reading counts once: repeats of its number change nothing but `duplicates`.
 * 2. A reading counts for all its channels or for none.
 * 3. A recovery is counted, and changes nothing else.
 */

import { z } from "zod";
import { type ActorDefinition, type Context, type MessageType } from "../../runtime/core/actor.ts";
import { defineActor } from "../../runtime/core/registry.ts";
import {
  ChannelNames,
  ChannelValue,
  isChannelValue,
  isSequence,
  isTimeOrNull,
  namesOf,
  Sequence,
  TimeMs,
} from "./message_parts.ts";
import type { SlabPool } from "../analytics/slab.ts";
import type { Value } from "../analytics/channel.ts";
import type { Values, WindowState } from "../analytics/window_state.ts";
import {
  admit,
  isAhead,
  publishedWindows,
  type WindowCounts,
  windowCounts,
  windowQueries,
  windowStateType,
} from "./windowed_actor.ts";

/** Where the values begin in a message. */
const firstValue = 4;

/**
 * `[time or null, number or null, 1 for an import, names, value, value, ...]`: flat, because a text of names and plain
 * values take `JSON.parse` two thirds of the time of an object in an array, and less with more channels.
 */
const readingMessage = z.tuple(
  [TimeMs.nullable(), Sequence.nullable(), z.literal([0, 1]), ChannelNames],
  ChannelValue,
).refine((message) => message.length - firstValue === message[3].split(",").length, {
  message: "There are as many values as names",
});

/** First in a message that tells of a recovery. */
const recovered = "recovered";

/** `["recovered", time or null]`: what was wrong at the sensor is not any more. */
const recoveredMessage = z.tuple([z.literal(recovered), TimeMs.nullable()]);

const sensorMessage = z.union([readingMessage, recoveredMessage]);

export type ReadingMessage = [
  timeMs: number | null,
  sequence: number | null,
  isImport: 0 | 1,
  names: string,
  ...values: Value[],
];
export type RecoveredMessage = [typeof recovered, timeMs: number | null];
export type SensorMessage = ReadingMessage | RecoveredMessage;

export function recoveredAt(timeMs: number | null): RecoveredMessage {
  return [recovered, timeMs];
}

function isRecovered(value: unknown): value is RecoveredMessage {
  return Array.isArray(value) && value.length === 2 && value[0] === recovered && isTimeOrNull(value[1]);
}

/** The verdict of the schema. */
function isReading(value: unknown): value is ReadingMessage {
  if (!Array.isArray(value) || value.length <= firstValue) return false;
  const [ts, sequence, isImport, text] = value;
  if (!isTimeOrNull(ts) || (sequence !== null && !isSequence(sequence))) return false;
  if ((isImport !== 0 && isImport !== 1) || typeof text !== "string") return false;
  if (namesOf(text)?.length !== value.length - firstValue) return false;
  for (let at = firstValue; at < value.length; at++) if (!isChannelValue(value[at])) return false;
  return true;
}

export const sensorMessageType: MessageType<SensorMessage> = {
  version: 1,
  schema: sensorMessage,
  accepts: (value) => isReading(value) || isRecovered(value),
};

/** The message that carries these values. */
export function readingOf(
  timeMs: number | null,
  sequence: number | null,
  values: Values,
  isImport: boolean,
): ReadingMessage {
  let [names, count] = ["", 0];
  // deno-lint-ignore guard-for-in -- objects from JSON inherit nothing enumerable; keys() would allocate
  for (const name in values) {
    names = names === "" ? name : `${names},${name}`;
    count++;
  }
  // Most have one channel. An array that grows by `push` has room for many more (V8: half as many again, and 16), and a
  // frame holds hundreds of messages.
  const head = [timeMs, sequence, isImport ? 1 : 0, names] as const;
  if (count === 1) return [...head, values[names]!];
  const message: ReadingMessage = [...head];
  // deno-lint-ignore guard-for-in -- as above
  for (const name in values) message.push(values[name]!);
  return message;
}

/** The values by name, for a list that people read. */
function valuesOf(names: readonly string[], message: ReadingMessage): Values {
  return Object.fromEntries(names.map((name, index) => [name, message[firstValue + index] as Value]));
}

function noteRecovery(state: WindowState, timeMs: number | null, context: Context): void {
  const ts = timeMs ?? context.nowMs;
  if (isAhead(ts, context)) return;
  state.recoveredCount++;
  state.recoveredMs = Math.max(state.recoveredMs, ts);
}

function receive(state: WindowState, message: SensorMessage, context: Context, counts: WindowCounts): void {
  if (message[0] === recovered) return noteRecovery(state, message[1], context);
  const ts = message[0] ?? context.nowMs;
  const sequence = message[1];
  const names = namesOf(message[3]);
  if (names === null) throw new Error(`A reading has the channels ${JSON.stringify(message[3])}`);
  const verdict = admit(state, ts, sequence, names, context, counts);
  if (verdict === "older") state.noteTooOld({ ts, seq: sequence!, values: valuesOf(names, message) });
  if (verdict !== "counts") return;
  const isInRing = state.open(ts, context.nowMs);
  for (let i = 0; i < names.length; i++) state.add(names[i]!, message[firstValue + i] as Value, ts, i);
  if (isInRing || message[2] === 1) return;
  state.noteLate({ ts, values: valuesOf(names, message) });
  counts.late.value++;
}

/** What its answers show besides those of all kinds with windows. */
function recoveriesOf({ recoveredCount, recoveredMs }: WindowState) {
  return { recovered: { count: recoveredCount, last: recoveredCount === 0 ? null : recoveredMs } };
}

const { state: stateQuery, windows: windowsQuery } = windowQueries;

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
    queries: {
      ...windowQueries,
      state: {
        ...stateQuery,
        answer: (state) => ({ ...stateQuery.answer(state), ...recoveriesOf(state) }),
      },
      windows: {
        ...windowsQuery,
        answer: (state, args, context) => ({
          ...windowsQuery.answer(state, args, context),
          ...recoveriesOf(state),
        }),
      },
    },
    published: publishedWindows,
  });
}
