/** What the API answers, as zod schemas: the OpenAPI document is made of them, and the tests hold answers to them. */

import { z } from "zod";
import { rejectionCodes } from "./problem.ts";
import { age, epoch, id, timeMs, whereabouts } from "./schema_parts.ts";
import { Supervisor } from "./inside_schemas.ts";

export const Accepted = z.object({
  accepted: z.int().min(0).meta({ description: "Items that are durable now." }),
  rejected: z.array(z.object({
    index: z.int().min(0).meta({ description: "Place of the item in the body, from 0." }),
    code: z.enum(rejectionCodes),
    sentence: z.string().meta({ description: "What is wrong with it, for a person." }),
  })),
}).meta({ id: "Accepted" });

export const Imported = z.object({
  accepted: z.int().min(0).meta({ description: "Values that are durable now." }),
  rejected: z.array(z.object({
    line: z.int().min(1).meta({ description: "Number of the line in the body, from 1." }),
    code: z.enum(rejectionCodes),
    sentence: z.string().meta({ description: "What is wrong with it, for a person." }),
  })),
  forgotten: z.int().min(0).meta({
    description: "Accepted values that are older than history is kept: only totals go on counting them.",
  }),
}).meta({ id: "Imported" });

export const Page = z.object({
  items: z.array(z.object({ id })),
  next: z.string().nullable().meta({ description: "Pass as `after` for the next page; null on the last." }),
}).meta({ id: "Page" });

const recovered = z.object({
  count: z.int().min(0),
  last: timeMs.nullable().meta({ description: "The newest time of one; null without any." }),
}).optional().meta({ description: "Of a sensor: recoveries that it was told of." });

export const State = z.looseObject({
  ...whereabouts,
  recovered,
  ...age,
}).meta({
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
  ...whereabouts,
  total: z.record(z.string(), z.object({ count: z.int().min(0), sum: z.number() })).meta({
    description: "By channel, over everything ever folded.",
  }),
  channels: z.record(z.string(), z.record(z.enum(["1h", "3h", "12h"]), Window)).meta({
    description: "By channel and window. A window is exact for the time from `from` to `to`.",
  }),
  recovered,
  ...age,
}).meta({ id: "Windows" });

const Point = z.object({ start: timeMs, sum: z.number(), ...statistics });

export const History = z.object({
  ...whereabouts,
  channel: z.string(),
  from: timeMs,
  to: timeMs,
  stepMs: z.number(),
  points: z.array(Point).meta({ description: "One for each step that has values, oldest first." }),
  ...age,
}).meta({ id: "History" });

export const ActorAnswer = z.object({
  kind: z.string(),
  ...whereabouts,
  query: z.string(),
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
  missing: z.array(z.string()).meta({
    description: "Nodes that did not say which actors of theirs are suspended, each with the reason.",
  }),
}).meta({ id: "SuspendedActors" });

export const Actors = z.object({
  tree: Supervisor,
  kinds: z.array(z.object({ kind: z.string(), count: z.int().min(0) })),
  shards: z.array(z.object({
    shard: z.int().min(0),
    host: z.int().nullable().meta({ description: "The thread that folds it; null when another node does." }),
    state: z.enum(["claiming", "running", "refused", "elsewhere"]).meta({
      description: "elsewhere: it is another node's, which knows more of it.",
    }),
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
  topic: z.string().meta({
    description: "Where the message is: `mailbox`, or topic/partition of a foreign topic's record.",
  }),
  offset: z.int(),
  kind: z.string().meta({
    description: "Empty for a record that is no message: `message` is how it begins.",
  }),
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
  tree: Supervisor,
  moving: z.array(z.object({
    kind: z.string(),
    id,
    last: z.record(z.string(), Last.nullable()).meta({ description: "By channel." }),
    windows1h: z.record(z.string(), Window).meta({ description: "By channel." }),
  })),
}).meta({ id: "LiveEvent" });

export type LiveEvent = z.infer<typeof LiveEvent>;
