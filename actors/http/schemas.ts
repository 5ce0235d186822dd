/** What the API answers, as zod schemas: the OpenAPI document is made of them, and the tests hold answers to them. */

import { z } from "zod";
import { rejectionCodes } from "./problem.ts";

const id = z.string().meta({ description: "The actor's id.", examples: ["42959"] });
const epoch = z.int().min(0).meta({ description: "Ownership number of the actor's shard." });
const positions = z.record(z.string(), z.int()).meta({
  description: "By log or topic, the last offset that the answer reflects.",
  examples: [{ mailbox: 8123 }],
});
const timeMs = z.number().meta({ description: "Epoch milliseconds." });

/** On answers that may not reflect everything acknowledged. */
const age = {
  consistency: z.enum(["local", "cached"]).optional().meta({ description: "Absent from a strict answer." }),
  ageMs: z.number().min(0).optional().meta({ description: "How old the answer may be." }),
};

const place = { id, epoch, position: positions };

export const Accepted = z.object({
  accepted: z.int().min(0).meta({ description: "Items that are durable now." }),
  rejected: z.array(z.object({
    index: z.int().min(0).meta({ description: "Place of the item in the body, from 0." }),
    code: z.enum(rejectionCodes),
    sentence: z.string().meta({ description: "What is wrong with it, for a person." }),
  })),
}).meta({ id: "Accepted" });

export const Page = z.object({
  items: z.array(z.object({ id })),
  next: z.string().nullable().meta({ description: "Pass as `after` for the next page; null on the last." }),
}).meta({ id: "Page" });

export const State = z.looseObject({ ...place, ...age }).meta({
  id: "State",
  description: "The actor's state beside its place in the log.",
});

const Last = z.object({ ts: timeMs, value: z.union([z.number(), z.boolean()]) });

const statistics = {
  count: z.int().min(0),
  min: z.number().nullable(),
  max: z.number().nullable(),
  mean: z.number().nullable(),
  stdSample: z.number().nullable().meta({ description: "Standard deviation over n - 1." }),
  stdPopulation: z.number().nullable().meta({ description: "Standard deviation over n." }),
};

const Window = z.object({
  from: timeMs,
  to: timeMs,
  ...statistics,
  last: Last.nullable().meta({ description: "The channel's newest reading, if it lies in the window." }),
});

export const Windows = z.object({
  ...place,
  total: z.record(z.string(), z.object({ count: z.int().min(0), sum: z.number() })).meta({
    description: "By channel, over everything ever folded.",
  }),
  channels: z.record(z.string(), z.record(z.enum(["1h", "3h", "12h"]), Window)).meta({
    description: "By channel and window. A window is exact for the time from `from` to `to`.",
  }),
  ...age,
}).meta({ id: "Windows" });

const Point = z.object({ start: timeMs, sum: z.number(), ...statistics });

export const History = z.object({
  ...place,
  channel: z.string(),
  from: timeMs,
  to: timeMs,
  stepMs: z.number(),
  points: z.array(Point).meta({ description: "One for each step that has values, oldest first." }),
  ...age,
}).meta({ id: "History" });

export const ActorAnswer = z.object({
  kind: z.string(),
  id,
  query: z.string(),
  epoch,
  position: positions,
  answer: z.unknown().meta({ description: "What the query of this kind answers." }),
  suspended: z.object({
    since: timeMs,
    detail: z.string().meta({ description: "Why." }),
    parked: z.int().min(0).meta({ description: "How many messages wait for it." }),
  }).nullable().optional().meta({
    description: "Null while it takes its messages. Absent from a cached answer.",
  }),
  ...age,
}).meta({ id: "ActorAnswer" });

export const Resumed = z.object({ parked: z.enum(["replay", "discard"]) }).meta({ id: "Resumed" });

export const SuspendedActors = z.object({
  items: z.array(z.object({ kind: z.string(), id, since: timeMs })),
  next: z.string().nullable().meta({ description: "Pass as `after` for the next page; null on the last." }),
}).meta({ id: "SuspendedActors" });

const supervised = {
  id: z.string(),
  state: z.string().meta({
    description: "starting, running, waiting (for its restart), stopping, stopped and the like.",
  }),
  forMs: z.number().meta({ description: "How long it has been in this state, milliseconds." }),
  remainingMs: z.number().nullable().meta({
    description: "Until it is started again; null when nothing is set.",
  }),
  restarts: z.int().min(0),
  lastError: z.string().nullable().meta({ description: "Why it ended last." }),
};

const Worker = z.object({
  ...supervised,
  kind: z.literal("worker"),
  details: z.unknown().meta({
    description:
      "What it says of itself: of a host its shards, of a compute thread its job and how many wait.",
  }),
});

const supervisorOf = <Child extends z.ZodType>(child: Child) =>
  z.object({
    ...supervised,
    kind: z.literal("supervisor"),
    strategy: z.enum(["one_for_one", "one_for_all", "rest_for_one"]),
    children: z.array(child),
  });

export const Actors = z.object({
  tree: supervisorOf(supervisorOf(Worker)).meta({
    description: "The node's threads, as they are supervised: hosts, which fold, and compute, for long sums.",
  }),
  kinds: z.array(z.object({ kind: z.string(), count: z.int().min(0) })),
  shards: z.array(z.object({
    shard: z.int().min(0),
    host: z.int().meta({ description: "The thread that folds it." }),
    state: z.enum(["claiming", "running", "refused"]),
    epoch,
    folded: z.int().meta({ description: "Last offset folded." }),
    appended: z.int().meta({ description: "Last offset known to be in the log." }),
    oldestWaitingMs: timeMs.nullable(),
    sentence: z.string().nullable().meta({ description: "Why it is refused." }),
  })),
}).meta({ id: "Actors" });

export const DeadLetterAnswer = z.object({
  id: z.string(),
  shard: z.int().min(0),
  topic: z.string(),
  offset: z.int(),
  kind: z.string(),
  actorId: z.string(),
  reason: z.string().meta({ description: "A short label, such as threw, invalid, too-far-ahead." }),
  detail: z.string(),
  stack: z.string().nullable(),
  message: z.string().meta({ description: "The message as JSON text." }),
  messageVersion: z.int().min(0).meta({ description: "The version of the kind's messages that it is of." }),
  atMs: timeMs,
  replays: z.int().min(0).meta({ description: "How often it was sent again and folded or died." }),
  replayedAtMs: timeMs.nullable().meta({
    description: "When it was folded after all; null while it is dead.",
  }),
}).meta({ id: "DeadLetter" });

export const DeadLetters = z.object({ items: z.array(DeadLetterAnswer), next: z.string().nullable() }).meta({
  id: "DeadLetters",
});

export const Replayed = z.object({ replays: z.int().min(1) }).meta({ id: "Replayed" });

export const Health = z.object({ status: z.literal("ok") }).meta({ id: "Health" });

export const Ready = z.object({ status: z.literal("ready") }).meta({ id: "Ready" });

export const Document = z.looseObject({ openapi: z.string() }).meta({ id: "Document" });

export const LiveEvent = z.object({
  atMs: timeMs,
  ready: z.boolean(),
  waitingFor: z.string().nullable(),
  accepted: z.int().meta({ description: "Messages accepted since the start." }),
  messages: z.int().meta({ description: "Messages folded since the start." }),
  ratePerSecond: z.number().meta({ description: "Messages accepted a second, over the last interval." }),
  deadLetters: z.int(),
  shards: Actors.shape.shards,
  moving: z.array(z.object({
    kind: z.string(),
    id,
    last: z.record(z.string(), Last.nullable()).meta({ description: "By channel." }),
    windows1h: z.record(z.string(), Window).meta({ description: "By channel." }),
  })),
}).meta({ id: "LiveEvent" });

export type LiveEvent = z.infer<typeof LiveEvent>;
