/** What `GET /cluster` answers. */

import { z } from "zod";
import { epoch, positions, timeMs } from "./schema_parts.ts";

const shard = z.int().min(0);
const durationMs = z.number().min(0);
const phaseMs = durationMs.nullable();

const Node = z.object({
  name: z.string().meta({ description: "Of one life of its process.", examples: ["host-a/node-0/3f9a2c"] }),
  url: z.string().meta({ description: "Where other nodes reach it; empty where none is set." }),
  isSelf: z.boolean().meta({ description: "It answers this." }),
  shards: z.int().min(0).meta({ description: "How many it may claim." }),
});

const Shard = z.object({
  shard,
  node: z.string().nullable().meta({
    description: "The node that may claim it; null while none may, or where that is not known.",
  }),
  owner: z.string().nullable().meta({ description: "Who claimed it last; null where nobody did." }),
  epoch,
  position: positions.meta({ description: "By log or topic, the last offset in a confirmed checkpoint." }),
  lag: z.int().min(0).nullable().meta({
    description: "Frames of its log that are in no confirmed checkpoint; null where that is not known.",
  }),
  topicLags: z.record(z.string(), z.int().min(0).nullable()).meta({
    description:
      "By topic that is folded directly, its records that are in none; null where that is not known.",
  }),
  checkpointAt: timeMs.nullable().meta({
    description:
      "When it made its last checkpoint, or was claimed, by the store's clock; null where that is not known.",
  }),
});

const shards = z.array(shard);

const Rebalance = z.object({
  number: z.int().min(0).meta({ description: "Counts those that this node heard of." }),
  at: timeMs,
  gained: shards,
  lost: shards,
  kept: shards.meta({ description: "They went on as if nothing were, after `agreeingMs`." }),
  agreeingMs: durationMs.meta({
    description: "How long the nodes took to agree; meanwhile nothing was read.",
  }),
  claimingMs: phaseMs.meta({
    description: "Then, until each gained shard was claimed; null while that lasts.",
  }),
  replayingMs: phaseMs.meta({
    description: "Then, until each gained shard had folded what its log held; null while that lasts.",
  }),
});

export const Cluster = z.object({
  nodes: z.array(Node).meta({ description: "By name." }),
  shards: z.array(Shard).meta({ description: "By number." }),
  rebalances: z.array(Rebalance).meta({
    description: "The last ones that this node heard of, the newest first.",
  }),
  missing: z.array(z.string()).meta({ description: "What could not be learned in time, and why." }),
}).meta({ id: "Cluster" });
