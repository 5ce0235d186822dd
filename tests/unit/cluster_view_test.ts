/** What a node tells of the cluster; the numbers are those of `cluster_view.ts` and `rebalances.ts`. */

import assert from "node:assert/strict";
import type { ShardReport } from "../../runtime/node/host_protocol.ts";
import { clusterStatus, type ClusterViewParts, topicLag } from "../../runtime/node/cluster_view.ts";
import { maxRebalances } from "../../runtime/node/limits.ts";
import { Rebalances } from "../../runtime/node/rebalances.ts";

const one = { name: "a/node-0/1", url: "http://a:9464" };
const two = { name: "a/node-1/2", url: "http://a:9465" };
const position = { offset: 7, index: 0 };
const row = {
  shard: 1,
  epoch: 3,
  owner: "a/node-1",
  positions: { mailbox: position, readings: { offset: 4, index: 0 } },
  commit: 9,
  committedAtMs: 5,
};

function parts(changes: Partial<ClusterViewParts> = {}): ClusterViewParts {
  return {
    self: one,
    shardCount: 2,
    store: { rows: () => Promise.resolve([row]) },
    log: {
      extent: (shard) => Promise.resolve({ begin: 0, end: 10 + shard }),
      extents: () => Promise.resolve([{ begin: 3, end: 9 }, { begin: 0, end: 20 }]),
    },
    topics: ["readings"],
    table: () => Promise.resolve({ nodes: [two, one], owners: [null, 0] }),
    rebalances: () => [],
    ...changes,
  };
}

Deno.test("clusterStatus() joins the agreement, the store's rows and the log's ends", async () => {
  const { nodes, shards, missing } = await clusterStatus(parts(), 1000);
  assert.deepEqual(nodes, [{ ...one, isSelf: true, shards: 0 }, { ...two, isSelf: false, shards: 1 }]);
  assert.deepEqual(shards, [
    {
      shard: 0,
      node: null,
      owner: null,
      epoch: 0,
      position: {},
      lag: 10,
      topicLags: { readings: 6 },
      checkpointAtMs: null,
    },
    {
      shard: 1,
      node: two.name,
      owner: "a/node-1",
      epoch: 3,
      position: { mailbox: 7, readings: 4 },
      lag: 3,
      topicLags: { readings: 15 },
      checkpointAtMs: 5,
    },
  ]);
  assert.deepEqual(missing, []);
});

Deno.test("topicLag() adds up what the shards of a node have not folded of what a topic still has", async () => {
  assert.equal(await topicLag(parts(), "readings", (shard) => shard === 1), 15);
  assert.equal(await topicLag(parts(), "readings", () => true), 6 + 15);
});

Deno.test("clusterStatus() of a node alone has all shards", async () => {
  const { nodes, shards } = await clusterStatus(parts({ table: null }), 1000);
  assert.deepEqual(nodes, [{ ...one, isSelf: true, shards: 2 }]);
  assert.deepEqual(shards.map(({ node }) => node), [one.name, one.name]);
});

Deno.test("clusterStatus() leaves out what is not told in time, and says so (1)", async () => {
  const away = parts({
    store: { rows: () => Promise.reject(new Error("MySQL is away")) },
    log: {
      extent: () => new Promise(() => {}),
      extents: () => Promise.reject(new Error("Kafka is away")),
    },
    table: () => Promise.reject(new Error("Kafka is away")),
  });
  const { nodes, shards, missing } = await clusterStatus(away, 10);
  assert.deepEqual(nodes, [{ ...one, isSelf: true, shards: 0 }]);
  const none = { node: null, owner: null, epoch: 0, position: {}, checkpointAtMs: null };
  const unknown = { ...none, lag: null, topicLags: { readings: null } };
  assert.deepEqual(shards, [{ shard: 0, ...unknown }, { shard: 1, ...unknown }]);
  assert.deepEqual(missing.toSorted(), [
    "what the store has of the shards: MySQL is away",
    "where the log ends: no answer within 10 ms",
    "where the topic readings ends: Kafka is away",
    "which node has which shard: Kafka is away",
  ]);
});

const gauges = { epoch: 1, folded: 0, queuedFrames: 0, oldestStampMs: null, actors: 0, actorBytes: 0 };
const report = { ...gauges, openRequests: 0, suspended: new Map(), keysFull: false, refusal: null };

function rig() {
  const time = { nowMs: 100 };
  const rebalances = new Rebalances({ nowMs: () => time.nowMs, wallMs: () => 1_000_000 + time.nowMs });
  const agree = (number: number, own: number[]) => rebalances.agreed({ number, own, durationMs: 40 });
  const tell = (shard: number, state: ShardReport["state"], isReplaying: boolean) =>
    rebalances.reported({ ...report, shard, state, isReplaying });
  const phases = () => rebalances.list().map(({ claimingMs, replayingMs }) => [claimingMs, replayingMs]);
  return { agree, phases, rebalances, tell, time };
}

Deno.test("Rebalances tell what was gained, lost and kept, and how long it took (1, 2)", () => {
  const { agree, phases, rebalances, tell, time } = rig();
  agree(1, [0, 1]);
  time.nowMs = 110;
  tell(0, "running", true);
  tell(1, "claiming", false);
  assert.deepEqual(phases(), [[null, null]]);
  time.nowMs = 125;
  tell(1, "running", true);
  assert.deepEqual(phases(), [[25, null]]);
  tell(0, "running", false);
  time.nowMs = 160;
  tell(1, "refused", false);
  assert.deepEqual(phases(), [[25, 35]]);

  time.nowMs = 200;
  agree(2, [1, 2]);
  const [latest] = rebalances.list();
  const moves = { gained: [2], lost: [0], kept: [1] };
  assert.deepEqual(latest, {
    number: 2,
    atMs: 1_000_200,
    ...moves,
    agreeingMs: 40,
    claimingMs: null,
    replayingMs: null,
  });
  time.nowMs = 210;
  agree(3, [1]);
  assert.deepEqual(phases(), [[0, 0], [10, 0], [25, 35]], "a shard that goes again is not waited for");
});

Deno.test("Rebalances keeps the last ones, the newest first", () => {
  const { agree, rebalances } = rig();
  for (let number = 1; number <= maxRebalances + 2; number++) agree(number, []);
  const numbers = rebalances.list().map(({ number }) => number);
  assert.deepEqual([numbers.length, numbers[0], numbers.at(-1)], [maxRebalances, maxRebalances + 2, 3]);
});
