/**
 * What nodes ask each other, as JSON over HTTP on the port of the operator's machines. Both sides validate: the other may
 * be of another version.
 *
 *     POST <url>/node/ask         Question           → Reply
 *     POST <url>/node/suspended   SuspendedQuestion  → SuspendedReply
 *
 * The cluster's secret goes with it as a bearer token. A status other than 200 says nothing of the question: the caller
 * looks anew for whom to ask.
 */

import { z } from "zod";
import { maxPeerDeadlineMs } from "./limits.ts";

export const askPath = "/node/ask";
export const suspendedPath = "/node/suspended";

const shard = z.int().min(0);
const deadlineMs = z.number().positive().max(maxPeerDeadlineMs);
const nullableNumber = z.number().nullable();

const ShardRequest = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("ask"),
    kind: z.string(),
    id: z.string(),
    query: z.string(),
    arguments: z.unknown(),
  }),
  z.object({ type: z.literal("trace"), kind: z.string(), id: z.string(), limit: z.int().min(0) }),
  z.object({ type: z.literal("records") }),
  z.object({ type: z.literal("barrier") }),
]);

export const Question = z.object({
  shard,
  /** What the asker knows to be appended: everything below this offset must be folded. */
  folded: z.int().min(0),
  request: ShardRequest,
  /** How long the asker waits. */
  deadlineMs,
  /** Everything that the log holds by now must be folded. */
  isStrict: z.boolean(),
});
export type Question = z.infer<typeof Question>;

const Turn = z.object({
  shard,
  forMs: z.number(),
  place: z.object({
    topic: z.string().exactOptional(),
    offset: z.number(),
    index: z.number(),
    step: z.number(),
  }).nullable(),
  entry: z.object({ kind: z.string(), id: z.string() }).nullable(),
});

/** As `AskWaiting`. */
const Waiting = z.object({
  type: z.literal("ask"),
  target: z.object({ kind: z.string(), id: z.string() }).nullable(),
  shard,
  node: z.string().nullable(),
  host: nullableNumber,
  state: z.enum(["claiming", "running", "queued", "unanswered", "elsewhere", "nowhere"]),
  waitedMs: z.number(),
  queuedFrames: nullableNumber,
  oldestAgeMs: nullableNumber,
  turn: Turn.nullable(),
});

const ageMs = z.number().min(0);
const sentence = z.string();

export const Reply = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("answered"),
    json: z.string(),
    epoch: z.int(),
    positions: z.record(z.string(), z.number()),
    nowMs: z.number(),
    suspended: z.object({ sinceMs: z.number(), detail: z.string(), parked: z.int() }).nullable(),
    ageMs,
  }),
  z.object({ type: z.literal("absent"), ageMs }),
  z.object({ type: z.literal("unknown"), sentence, ageMs }),
  z.object({ type: z.literal("invalid"), sentence, ageMs }),
  z.object({ type: z.literal("failed"), sentence, ageMs }),
  /** The shard is not this node's: ask the one that has it. */
  z.object({ type: z.literal("moved"), ageMs }),
  /** The shard is refused, and answers nothing. */
  z.object({ type: z.literal("refused"), sentence }),
  /** The asker's `EngineError`. */
  z.object({
    type: z.literal("error"),
    code: z.enum(["starting", "stopping", "overloaded", "unavailable", "timeout"]),
    sentence,
    retryAfterS: z.number(),
    waiting: Waiting.nullable(),
  }),
]);
export type Reply = z.infer<typeof Reply>;

export const SuspendedQuestion = z.object({
  /** Only those behind this one, as `kind/id`. */
  after: z.string(),
  limit: z.int().min(1),
  deadlineMs,
});
export type SuspendedQuestion = z.infer<typeof SuspendedQuestion>;

export const SuspendedReply = z.object({
  items: z.array(z.object({ kind: z.string(), id: z.string(), sinceMs: z.number() })),
});
