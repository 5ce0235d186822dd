/** One partition's records on their way to the log: guarantees of `partition_lane.ts`. */

import assert from "node:assert/strict";
import { PartitionLane, type ReadBatch } from "../../runtime/topics/partition_lane.ts";

function batch(from: number, count: number): ReadBatch {
  const records = Array.from({ length: count }, (_, place) => ({ offset: from + place, value: null }));
  return { records, bytes: 10 * count, next: from + count, removed: null };
}

/** A lane whose sends end when the test says so. */
class Rig {
  readonly sends: { readonly from: number; readonly isWanted: () => boolean; done(): Promise<void> }[] = [];
  readonly failures: unknown[] = [];
  freed = 0;
  failure: Error | null = null;
  readonly lane = new PartitionLane({
    send: (batch, isWanted) => {
      if (this.failure !== null) return Promise.reject(this.failure);
      const { promise, resolve } = Promise.withResolvers<void>();
      const done = async () => {
        resolve();
        await settled();
      };
      this.sends.push({ from: batch.records[0]?.offset ?? batch.next, isWanted, done });
      return promise;
    },
    onSent: () => void this.freed++,
    onFailed: (thrown) => void this.failures.push(thrown),
  });

  get sent(): number[] {
    return this.sends.map(({ from }) => from);
  }
}

/** Everything that was due is done. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

Deno.test("a lane has one batch on its way at a time, and what is durable skips nothing", async () => {
  const { lane, sends, ...rig } = new Rig();
  for (const from of [0, 5, 10]) lane.add(batch(from, 5));
  await settled();
  assert.deepEqual(sends.map(({ from }) => from), [0]);
  assert.deepEqual([lane.durable, lane.heldBytes], [null, 150]);
  await sends[0]!.done();
  assert.deepEqual([lane.durable, lane.heldBytes], [5, 100]);
  assert.equal(sends.length, 2);
  await sends[1]!.done();
  await sends[2]!.done();
  await lane.rest;
  assert.deepEqual([lane.durable, lane.heldBytes], [15, 0]);
  lane.add(batch(15, 1));
  await settled();
  assert.equal(sends.length, 4, "it begins again");
  await sends[3]!.done();
  assert.equal(lane.durable, 16);
  assert.deepEqual(rig.failures, []);
});

Deno.test("a lane that restarts forgets what it held, and what was on its way makes nothing durable", async () => {
  const rig = new Rig();
  const { lane } = rig;
  lane.add(batch(0, 5));
  lane.add(batch(5, 5));
  await settled();
  lane.restart();
  assert.equal(lane.heldBytes, 50, "one is on its way");
  assert.equal(rig.sends[0]!.isWanted(), false);
  lane.add(batch(0, 3));
  await settled();
  assert.deepEqual(rig.sent, [0], "the old one ends first");
  await rig.sends[0]!.done();
  assert.deepEqual([lane.durable, lane.heldBytes, rig.freed], [null, 30, 1]);
  assert.deepEqual(rig.sent, [0, 0]);
  assert.equal(rig.sends[1]!.isWanted(), true);
  await rig.sends[1]!.done();
  assert.deepEqual([lane.durable, lane.heldBytes], [3, 0]);
});

Deno.test("a lane that is stopped sends nothing more, and rests when the last send has ended", async () => {
  const rig = new Rig();
  const { lane } = rig;
  lane.add(batch(0, 5));
  lane.add(batch(5, 5));
  await settled();
  lane.stop();
  lane.add(batch(10, 5));
  const rest = { is: false };
  void lane.rest.then(() => rest.is = true);
  await settled();
  assert.equal(rest.is, false);
  await rig.sends[0]!.done();
  assert.equal(rest.is, true);
  assert.deepEqual([rig.sent, lane.durable, lane.heldBytes], [[0], null, 0]);
});

Deno.test("a lane whose send throws tells so once and sends nothing more", async () => {
  const rig = new Rig();
  const { lane } = rig;
  rig.failure = new Error("The reader threw");
  lane.add(batch(0, 5));
  lane.add(batch(5, 5));
  await lane.rest;
  rig.failure = null;
  lane.add(batch(10, 5));
  await settled();
  assert.deepEqual(rig.failures, [new Error("The reader threw")]);
  assert.deepEqual([rig.sent, lane.durable, lane.heldBytes], [[], null, 0]);
});
