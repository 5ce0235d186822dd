/** All nodes and shards, as one node knows them. */

import type { z } from "zod";
import type { ClusterShard } from "../../runtime/node/cluster_view.ts";
import type { Engine } from "../../runtime/node/engine.ts";
import type { Rebalance } from "../../runtime/node/rebalances.ts";
import { Cluster } from "./cluster_schemas.ts";
import { jsonResponse } from "./json_response.ts";
import { clusterDeadlineMs } from "./limits.ts";
import { noQuery, type Route, route } from "./route.ts";

type Answer = z.infer<typeof Cluster>;

export function clusterRoutes(engine: Engine): Route[] {
  return [route({
    method: "get",
    path: "/cluster",
    operationId: "get-cluster",
    tag: "operation",
    summary: "The nodes, which of them has which shard, and how shards moved.",
    description: "Any node answers, of all of them; the rebalances are those that it heard of itself.",
    access: "token",
    segments: {},
    query: noQuery,
    success: {
      status: 200,
      description: "What is known.",
      mediaType: "application/json",
      schema: Cluster,
    },
    problems: [],
    answer: async () => {
      const { nodes, shards, rebalances, missing } = await engine.cluster(clusterDeadlineMs);
      return jsonResponse({
        nodes,
        shards: shards.map(shown),
        rebalances: rebalances.map(told),
        missing,
      });
    },
  })];
}

function shown(
  { checkpointAtMs: checkpointAt, topicLags, ...shard }: ClusterShard,
): Answer["shards"][number] {
  return { ...shard, topicLags: { ...topicLags }, checkpointAt };
}

function told({ atMs: at, gained, lost, kept, ...phases }: Rebalance): Answer["rebalances"][number] {
  return { at, gained: [...gained], lost: [...lost], kept: [...kept], ...phases };
}
