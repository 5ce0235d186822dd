/** What the API tells of the inside of a node: the supervised tree, traces of actors, and what a time-out waited for. */

import { z } from "zod";
import { maxTracedUnits } from "../../runtime/core/limits.ts";
import { Problem } from "./problem.ts";
import { age, epoch, id, timeMs, whereabouts } from "./schema_parts.ts";

const place = {
  offset: z.int().meta({ description: "Of the frame in the shard's log." }),
  index: z.int().min(-1).meta({ description: "The entry's number in its frame; -1 for a timer." }),
  step: z.int().min(0).meta({ description: "0 for the message itself, then one for each local turn." }),
};

export const Trace = z.object({
  kind: z.string(),
  ...whereabouts,
  since: timeMs.meta({
    description:
      "Log time from which on every message is recorded. Of those before, only messages out of the " +
      "newest frames are known, and not what became of them.",
  }),
  messages: z.array(z.object({
    atMs: timeMs.meta({ description: "Log time." }),
    place: z.object({
      ...place,
      timer: z.string().nullable().meta({ description: "Of a timer: due/kind/id/name." }),
    }),
    sender: z.object({ kind: z.string(), id }).nullable().meta({
      description: "Null for a message from outside, and for a timer.",
    }),
    message: z.string().meta({
      description: `Its JSON text; longer ones end with … after ${maxTracedUnits} characters.`,
    }),
    outcome: z.string().nullable().meta({
      description: "What became of it; null where that was not recorded.",
      examples: ["folded", "parked", "threw: …", "dead-letter: too-far-ahead"],
    }),
  })).meta({ description: "The last ones, in the order in which they were folded." }),
  ...age,
}).meta({ id: "Trace" });

const backlog = {
  queuedFrames: z.int().min(0).nullable().meta({
    description:
      "Frames known to be in the shard's log and not folded; null before it runs for the first time.",
  }),
  oldestAgeMs: z.number().min(0).nullable().meta({
    description: "Log time since the oldest of them was stamped; null when none waits.",
  }),
};

const ShardDetails = z.object({
  shard: z.int().min(0),
  state: z.enum(["claiming", "running", "refused", "elsewhere"]),
  epoch,
  ...backlog,
  suspended: z.int().min(0).meta({ description: "Actors of it that are suspended." }),
});

/** A turn that lasts. */
const Turn = z.object({
  shard: z.int().min(0),
  forMs: z.number().min(0).meta({ description: "How long it has been in it, to a tenth of a second." }),
  place: z.object({
    topic: z.string().optional().meta({
      description:
        "Of a record that is folded directly, whose offset it is; left out of the shard's own log.",
    }),
    ...place,
  }).nullable().meta({
    description: "Null outside any turn: it answers a query, or makes a checkpoint.",
  }),
  entry: z.object({ kind: z.string(), id }).nullable().meta({
    description:
      "Whom the entry at the place is for: the actor itself, or, where step is above 0, the one whose message " +
      "began it. Null for a timer, and until it was looked up.",
  }),
}).meta({ id: "Turn" });

/** What a shard host says of itself. */
export const HostDetails = z.object({
  shards: z.array(ShardDetails),
  turn: Turn.nullable().meta({
    description:
      "What it has been doing for a tenth of a second or longer; null while nothing lasts so long.",
  }),
}).meta({ id: "HostDetails" });
export type HostDetails = z.infer<typeof HostDetails>;

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
  details: z.union([HostDetails, z.unknown()]).meta({
    description: "What it says of itself; of a shard host as in HostDetails.",
  }),
}).meta({ id: "Worker" });

const strategy = z.enum(["one_for_one", "one_for_all", "rest_for_one"]);

interface SupervisorAnswer extends Omit<z.infer<typeof Worker>, "kind" | "details"> {
  readonly kind: "supervisor";
  readonly strategy: z.infer<typeof strategy>;
  readonly children: readonly (z.infer<typeof Worker> | SupervisorAnswer)[];
}

export const Supervisor: z.ZodType<SupervisorAnswer> = z.object({
  ...supervised,
  kind: z.literal("supervisor"),
  strategy,
  children: z.array(z.union([Worker, z.lazy(() => Supervisor)])),
}).meta({ id: "Supervisor" });

const waited = { waitedMs: z.number().min(0) };
const target = z.object({ kind: z.string(), id });

const Waiting = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("ask"),
    target: target.nullable().meta({
      description: "Null where the shard itself was asked, for a checkpoint.",
    }),
    shard: z.int().min(0),
    node: z.string().nullable().meta({
      description: "The node that has the shard, where that is another one.",
    }),
    host: z.int().min(0).nullable().meta({
      description: "The thread of its node that folds it; null where that is not known.",
    }),
    state: z.enum(["claiming", "running", "queued", "unanswered", "elsewhere", "nowhere"]).meta({
      description:
        "claiming: a host takes the shard over; running: its host is in the turn of `turn`; queued: behind " +
        "`queuedFrames` frames; unanswered: nothing is known to be before it; elsewhere: `node` has the shard, and " +
        "has not said more; nowhere: no node is known to have it.",
    }),
    ...waited,
    ...backlog,
    turn: Turn.nullable(),
  }),
  z.object({
    type: z.literal("send"),
    target: target.nullable().meta({ description: "Null when the messages are for several actors." }),
    shards: z.array(z.int().min(0)),
    messages: z.int().min(0),
    state: z.enum(["gateway", "log", "part"]).meta({
      description:
        "gateway: behind an append that is under way; log: the log has them; part: the log has refused a part, and " +
        "may have another.",
    }),
    ...waited,
    outcome: z.literal("unknown").meta({
      description: "They may be durable all the same: repeat them under the same `Idempotency-Key`.",
    }),
  }),
  z.object({ type: z.literal("store"), ...waited }),
]);

/** The problem `no-answer-in-time`. */
export const LateProblem = Problem.extend({
  waiting: Waiting.meta({ description: "Where it was when the time was over." }),
}).meta({ id: "LateProblem", description: "RFC 9457 problem details of `no-answer-in-time`." });
