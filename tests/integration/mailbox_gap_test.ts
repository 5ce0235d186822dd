/** A node whose mailbox has lost records that it had not folded for good: what becomes of their shards, and of the others. */

import assert from "node:assert/strict";
import { shardOf } from "../../runtime/core/murmur2.ts";
import { eventually } from "../services/eventually.ts";
import type { Node } from "../services/node.ts";
import { skipUnlessServed } from "../services/servers.ts";
import { ClusterStage } from "./cluster_stage.ts";

const shards = 4;
const deadlineMs = 60_000;

/** One in each shard. */
const ids = Array.from({ length: shards }, (_, shard) => {
  let n = 0;
  while (shardOf(`s${n}`, shards) !== shard) n++;
  return `s${n}`;
});

/** No checkpoint is made of what comes within a minute. */
const flags = ["--shards", `${shards}`, "--checkpoint-ms", "60000"];

interface Reply {
  readonly status: number;
  readonly body: ReturnType<typeof JSON.parse>;
}

async function ask(url: string, init: RequestInit = {}): Promise<Reply> {
  const response = await fetch(url, init);
  return { status: response.status, body: JSON.parse(await response.text()) };
}

function post({ url }: Node, readers: readonly string[]): Promise<Reply> {
  const body = JSON.stringify(readers.map((id) => ({ id, values: { t: 1 } })));
  return ask(`${url}/readings`, { method: "POST", headers: { "content-type": "application/json" }, body });
}

/** Each body is a frame of each shard, and so a record of its partition. */
async function accept(node: Node, bodies: number, readers = ids): Promise<void> {
  for (let sent = 0; sent < bodies; sent++) {
    const { status, body } = await post(node, readers);
    assert.equal(status, 202, JSON.stringify(body));
  }
}

function windows({ url }: Node, shard: number): Promise<Reply> {
  return ask(`${url}/sensors/${ids[shard]}/windows`);
}

async function checkCount(node: Node, shard: number, count: number): Promise<void> {
  const { status, body } = await windows(node, shard);
  assert.equal(status, 200, JSON.stringify(body));
  assert.equal(body.total.t.count, count);
}

/** The mailbox's records from its `keep` last on remain. */
async function loseRecords({ topics }: ClusterStage, keep: ReadonlyMap<number, number>): Promise<void> {
  const topic = `${topics.prefix}.mailbox`;
  const ends = await topics.admin.fetchTopicOffsets(topic);
  const partitions = ends.filter(({ partition }) => keep.has(partition)).map(({ partition, high }) => ({
    partition,
    offset: `${Number(high) - keep.get(partition)!}`,
  }));
  await topics.admin.deleteTopicRecords({ topic, partitions });
}

/** All that it had not checkpointed is gone of the first, and a part of it of the second. */
const kept = new Map([[0, 0], [1, 1]]);

async function refusesTwoShards(node: Node): Promise<void> {
  const { body: ready } = await eventually("503 of /readyz", deadlineMs, async () => {
    const reply = await ask(`${node.adminUrl}/readyz`);
    return reply.status === 503 ? reply : null;
  });
  const words =
    /Shard [01] cannot read its log: .* from offset \d+: the log begins at \d+ .* Restore the log, or /;
  assert.match(JSON.stringify(ready), words);
  assert.equal((await ask(`${node.adminUrl}/healthz`)).status, 200, "it lives, for the other shards");
  for (const shard of kept.keys()) {
    const { status, body } = await windows(node, shard);
    assert.equal(status, 503, JSON.stringify(body));
    assert.match(body.detail, words);
  }
  const told = node.errors.split("\n").filter((line) => line.includes("Its actors are not available"));
  assert.equal(told.length, kept.size, node.errors);
  for (const line of told) assert.match(line, words);
}

Deno.test({
  name: "a node whose mailbox lost records refuses their shards with a sentence each, and folds the others",
  ignore: skipUnlessServed("The test of a mailbox that lost records", ["kafka", "mysql"]),
  async fn() {
    await using stage = await ClusterStage.open();
    await using first = await stage.startNode({}, flags);
    await accept(first, 2);
    assert.equal((await first.stop()).code, 0, first.errors);

    await using second = await stage.startNode({}, flags);
    await accept(second, 3);
    for (const shard of ids.keys()) await checkCount(second, shard, 5);
    await second.kill();
    await loseRecords(stage, kept);

    await using third = await stage.startNode({}, flags);
    await refusesTwoShards(third);
    const others = ids.filter((_, shard) => !kept.has(shard));
    await accept(third, 1, others);
    for (const id of others) await checkCount(third, ids.indexOf(id), 6);
    assert.equal((await third.stop()).code, 0, third.errors);
  },
});
