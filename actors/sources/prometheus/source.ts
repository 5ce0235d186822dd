/**
 * The actor `source/<name>`: when a source is read, how far it was read, and how that went.
 *
 * 1. It has one request at the service `scrape` at a time, on its timer; a Prometheus server that it is behind of it asks
 *    again at once.
 * 2. A server is read from `backfill` ago on, each moment once, in order: what failed is asked for again. How far it was
 *    read is part of the state, so that a restart goes on there.
 * 3. An answer that was asked for before the source was configured anew counts for nothing.
 * 4. Only the configuration file may name files.
 * 5. Of remote write it keeps what is taken, and asks for nothing: `remote_write/following.ts` looks.
 */

import { z } from "zod";
import type { ActorDefinition, Context, MessageType, ServiceAnswer } from "../../../runtime/core/actor.ts";
import { defineActor } from "../../../runtime/core/registry.ts";
import { jsonState } from "../../../runtime/core/state.ts";
import { type Origin, origins, reconfigured } from "../../config/configured.ts";
import { durationMs } from "../../config/duration.ts";
import { importAgeMs, maxQueryPoints, samplesPerQuery, sendDeadlineMs } from "./limits.ts";
import { type Range, ScrapeAnswer, type ScrapeRequest } from "./scrape_messages.ts";
import {
  isRead,
  misnamed,
  namesFile,
  type ReadSpec,
  selectorsOf,
  type ServerSpec,
  SourceSpec,
  timeoutMs,
} from "./source_spec.ts";

const State = z.strictObject({
  spec: SourceSpec.nullable(),
  origin: z.enum(origins).nullable(),
  /** The request whose answer counts. */
  asked: z.int().nullable(),
  /** Of a server: the last moment that was read, epoch milliseconds, and the one that is asked for. */
  readToMs: z.number(),
  askedToMs: z.number(),
  /** Of a server: moments to be asked for at a time. */
  points: z.int(),
  /** The last answer. */
  last: ScrapeAnswer.nullable(),
  /** Why the last reading failed; null when it did not. */
  failure: z.string().nullable(),
  /** Readings that failed since the last that did not. */
  failures: z.int(),
  /** All readings. */
  readings: z.int(),
});
export type SourceState = z.output<typeof State>;

const Message = z.union([
  z.strictObject({ configure: SourceSpec.nullable(), origin: z.enum(origins) }),
  z.literal("read"),
]);
export type SourceMessage = z.output<typeof Message>;

const sourceMessageType: MessageType<SourceMessage> = {
  version: 1,
  schema: Message,
  accepts: (value): value is SourceMessage => Message.safeParse(value).success,
};

function initial(): SourceState {
  return {
    spec: null,
    origin: null,
    asked: null,
    readToMs: 0,
    askedToMs: 0,
    points: 1,
    last: null,
    failure: null,
    failures: 0,
    readings: 0,
  };
}

/** The last moment of a server's grid, whose moments are multiples of the step. */
function gridMs(ms: number, { step }: ServerSpec): number {
  const stepMs = durationMs(step);
  return Math.floor(ms / stepMs) * stepMs;
}

function pointsFor(series: number): number {
  return Math.max(1, Math.min(maxQueryPoints, Math.floor(samplesPerQuery / Math.max(1, series))));
}

/** What of a server is to be read next; null: nothing, it is read up to now. */
function rangeOf({ readToMs, points }: SourceState, spec: ServerSpec, nowMs: number): Range | null {
  const stepMs = durationMs(spec.step);
  const toMs = Math.min(readToMs + points * stepMs, gridMs(nowMs, spec));
  return toMs <= readToMs ? null : { fromMs: readToMs + stepMs, toMs, isImport: toMs < nowMs - importAgeMs };
}

function ask(state: SourceState, spec: ReadSpec, context: Context): void {
  const range = spec.type === "prometheus" ? rangeOf(state, spec, context.nowMs) : null;
  if (spec.type === "prometheus" && range === null) return;
  state.askedToMs = range?.toMs ?? 0;
  const body: ScrapeRequest = { spec, range, isFailing: state.failures > 0 };
  // Each selector is a query of its own.
  const queries = Math.max(1, spec.type === "prometheus" ? selectorsOf(spec).length : 1);
  state.asked = context.request("scrape", body, { deadlineMs: queries * timeoutMs(spec) + sendDeadlineMs });
}

/** What of two sources is the same, so that the second goes on where the first was. */
function identity(spec: SourceSpec | null): string {
  if (spec === null) return "";
  if (!isRead(spec)) return JSON.stringify(spec);
  const { every: _every, timeout: _timeout, bearer_token_file: _file, ...rest } = spec;
  return JSON.stringify(rest);
}

function begin(state: SourceState, spec: SourceSpec, before: SourceSpec | null, context: Context): void {
  if (identity(spec) !== identity(before)) {
    Object.assign(state, { last: null, failure: null, failures: 0, readings: 0 });
    if (spec.type === "prometheus") {
      state.readToMs = gridMs(context.nowMs - durationMs(spec.backfill), spec);
      state.points = pointsFor(spec.max);
    }
  }
  if (!isRead(spec)) return context.cancelTimer("read");
  ask(state, spec, context);
  // Sources that are configured in one moment are not read in one moment for ever.
  const phaseMs = Math.ceil(context.random() * durationMs(spec.every));
  context.setTimer("read", context.nowMs + Math.max(1, phaseMs), "read");
}

function configure(state: SourceState, given: SourceSpec | null, origin: Origin, context: Context): void {
  const { id } = context.self;
  if (given !== null && origin !== "file" && namesFile(given)) {
    context.deadLetter("names-file", `The source ${id} names a file, which only the configuration file may.`);
    return;
  }
  const sentence = given === null ? null : misnamed(id, given);
  if (sentence !== null) {
    context.deadLetter("misnamed", `The source ${id} is not taken: ${sentence}.`);
    return;
  }
  const next = reconfigured(state, given, origin);
  if (next === null) {
    if (origin === "http") {
      context.deadLetter("of-file", `The source ${id} is of the configuration file: change it there.`);
    }
    return;
  }
  const before = state.spec;
  state.origin = next.origin;
  if (JSON.stringify(before) === JSON.stringify(next.spec)) return;
  state.spec = next.spec;
  state.asked = null;
  if (next.spec !== null) return begin(state, next.spec, before, context);
  Object.assign(state, { ...initial(), origin: next.origin });
  context.cancelTimer("read");
}

function receive(state: SourceState, message: SourceMessage, context: Context): void {
  if (message !== "read") {
    const { configure: given, origin } = message;
    // Whoever sends it may leave out what has a default.
    return configure(state, given === null ? null : SourceSpec.parse(given), origin, context);
  }
  const { spec } = state;
  if (spec === null || !isRead(spec)) return;
  context.setTimer("read", context.nowMs + durationMs(spec.every), "read");
  // One that is under way has time until its deadline.
  if (state.asked === null) ask(state, spec, context);
}

function failed(state: SourceState, sentence: string): void {
  state.failure = sentence;
  state.failures++;
}

function read(state: SourceState, spec: SourceSpec, answer: ScrapeAnswer, context: Context): void {
  state.last = answer;
  const { failure } = answer;
  if (failure !== null) {
    const isTooMuch = failure.code === "too-large" || failure.code === "timeout";
    if (isTooMuch) state.points = Math.max(1, state.points >> 1);
    return failed(state, failure.sentence);
  }
  state.failure = null;
  state.failures = 0;
  if (spec.type !== "prometheus") return;
  state.readToMs = state.askedToMs;
  // Twice as many at most: the next moments may have more series.
  state.points = Math.min(2 * state.points, pointsFor(answer.series));
  ask(state, spec, context);
}

function answered(state: SourceState, answer: ServiceAnswer, context: Context): void {
  const { spec } = state;
  if (spec === null || answer.request !== state.asked) return;
  state.asked = null;
  state.readings++;
  if (answer.type === "failed") return failed(state, answer.detail);
  const found = ScrapeAnswer.safeParse(answer.value);
  if (!found.success) return failed(state, "The answer is of another version");
  read(state, spec, found.data, context);
}

/** What `GET /sources/{name}` shows. */
function shown({ spec, origin, readToMs, last, failure, failures, readings }: SourceState, nowMs: number) {
  return {
    spec,
    origin,
    isUp: last === null && failure === null ? null : failure === null,
    last,
    failure,
    failures,
    readings,
    // Of a server.
    readTo: spec?.type === "prometheus" ? new Date(readToMs).toISOString() : null,
    behindMs: spec?.type === "prometheus" ? Math.max(0, gridMs(nowMs, spec) - readToMs) : null,
  };
}

export function sourceDefinition(): ActorDefinition<SourceState, SourceMessage> {
  return defineActor({
    kind: "source",
    state: jsonState<SourceState>({ schema: State, initial }),
    message: sourceMessageType,
    receive,
    answered,
    queries: {
      state: {
        arguments: z.strictObject({}),
        answer: (state: SourceState, _args: unknown, { nowMs }) => shown(state, nowMs),
      },
    },
  });
}
