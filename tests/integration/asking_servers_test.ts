/** Nodes that ask each other, on real servers. */

import assert from "node:assert/strict";
import { EngineError } from "../../runtime/node/engine.ts";
import type { EmbeddedEngine } from "../../runtime/node/node.ts";
import { eventually } from "../services/eventually.ts";
import { skipUnlessServed } from "../services/servers.ts";
import { add, counted, deadlineMs } from "./engine_harness.ts";
import { ServerNodes, untilOwned } from "./server_nodes.ts";

const ids = Array.from({ length: 12 }, (_, n) => `c-${n}`);

function isOwn(engine: EmbeddedEngine, id: string): boolean {
  return engine.status().shards[engine.shardOf(id)]?.state === "running";
}

/** What both nodes answer for every counter. */
function totals(engine: EmbeddedEngine): Promise<number[]> {
  return Promise.all(ids.map(async (id) => (await counted(engine, id)).total));
}

Deno.test({
  name:
    "either of two nodes answers for all, with everything acknowledged by the other, and while shards move",
  ignore: skipUnlessServed("nodes that ask each other", ["kafka", "mysql"]),
  async fn() {
    await using cluster = new ServerNodes("asking");
    const first = await cluster.start("first");
    const second = await cluster.start("second");
    await Promise.all([untilOwned(first, 2), untilOwned(second, 2)]);
    assert.ok(ids.some((id) => isOwn(first, id)) && ids.some((id) => isOwn(second, id)));

    for (let round = 1; round <= 3; round++) {
      // Each by the one node, asked of the other at once: neither was told of the other's appends.
      for (const id of ids) await add(first, id, 1);
      assert.deepEqual(await totals(second), ids.map(() => 2 * round - 1));
      for (const id of ids) await add(second, id, 1);
      assert.deepEqual(await totals(first), ids.map(() => 2 * round));
    }

    await first.flush(deadlineMs);
    const { ids: listed } = await second.store.list("counter", null, 100);
    assert.deepEqual(listed.toSorted(), ids.toSorted(), "a flush by one node is of all shards");

    await checkCluster(first);
    await checkSuspended(first, second);
    await cluster.cutOff(second);
    await checkCutOff(first, second);

    // It goes while it is asked: nobody is told anything wrong.
    const asking = Promise.all(Array.from({ length: 5 }, () => totals(second)));
    await cluster.stop(first);
    for (const each of await asking) assert.deepEqual(each, ids.map(() => 6));
    const { rebalances } = await second.cluster(deadlineMs);
    const [last] = rebalances;
    assert.deepEqual([last?.gained.length, last?.lost, last?.kept.length], [2, [], 2]);
    await eventually("the end of the rebalance's phases", deadlineMs, async () => {
      const [{ claimingMs, replayingMs } = {}] = (await second.cluster(deadlineMs)).rebalances;
      return typeof claimingMs === "number" && typeof replayingMs === "number" ? true : null;
    });
  },
});

async function checkCluster(engine: EmbeddedEngine): Promise<void> {
  const { nodes, shards, missing } = await engine.cluster(deadlineMs);
  assert.deepEqual(missing, []);
  assert.deepEqual(nodes.map(({ isSelf, shards }) => [isSelf, shards]), [[true, 2], [false, 2]]);
  for (const { node, owner, epoch, lag } of shards) {
    assert.ok(
      nodes.some(({ name }) => name === node && owner?.startsWith(`${name}/host-`)),
      `${node} ${owner}`,
    );
    assert.ok(epoch >= 1);
    assert.equal(lag, 0, "everything was flushed");
  }
}

/** An actor of each node is suspended: either node lists both. */
async function checkSuspended(first: EmbeddedEngine, second: EmbeddedEngine): Promise<void> {
  const throwers = [first, second].map((engine) =>
    Array.from({ length: 50 }, (_, n) => `thrower-${n}`).find((id) => isOwn(engine, id))!
  );
  const batch = first.batch();
  for (const id of throwers) {
    for (let n = 0; n < 10; n++) batch.add("counter", id, { throws: "It is asked to" });
  }
  await batch.send();
  for (const engine of [first, second]) {
    const found = await eventually("both suspended actors", deadlineMs, async () => {
      const { items, missing } = await engine.suspended("", 10, deadlineMs);
      assert.deepEqual(missing, []);
      return items.length === 2 ? items : null;
    });
    assert.deepEqual(found.map(({ id }) => id), throwers.toSorted());
  }
}

/** The second cannot be reached by the first: it is named in time-outs and lists, and its own clients are answered. */
async function checkCutOff(first: EmbeddedEngine, second: EmbeddedEngine): Promise<void> {
  const id = ids.find((id) => isOwn(second, id))!;
  assert.equal((await counted(second, id)).total, 6);
  const asking = first.ask({ kind: "counter", id }, "state", {}, { consistency: "strict", deadlineMs: 500 });
  const error = await asking.then(() => null, (thrown: unknown) => thrown);
  assert.ok(error instanceof EngineError && error.code === "timeout", String(error));
  assert.match(
    error.message,
    /shard \d is at node \S+\/second, which has not answered; it could not be asked: /,
  );
  const { missing } = await first.suspended("", 10, 500);
  assert.match(missing.join(), /\/second: /);
}
