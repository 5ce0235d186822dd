/** Where a partition is read: guarantees of `partition_cursor.ts`, and with the lane's that nothing is skipped. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { PartitionCursor } from "../../runtime/topics/partition_cursor.ts";
import { PartitionLane } from "../../runtime/topics/partition_lane.ts";

const took = (removed: readonly [first: number, last: number] | null) => ({
  removed: removed === null ? null : { first: removed[0], last: removed[1] },
});

Deno.test("a cursor takes what it expects, and after a join what was committed", () => {
  const cursor = new PartitionCursor(null, 7);
  assert.deepEqual([cursor.start, cursor.expected], [7, 7]);
  assert.deepEqual(cursor.take({ from: 7, first: 7, next: 12 }, 0), took(null));
  // Compaction leaves gaps between what was asked for and the first record.
  assert.deepEqual(cursor.take({ from: 12, first: 15, next: 20 }, 0), took(null));
  cursor.committed = 12;
  cursor.joined();
  assert.deepEqual([cursor.start, cursor.expected], [12, 12]);
  // A topic that was made anew, or a group that was set back.
  assert.deepEqual(cursor.take({ from: 3, first: 3, next: 5 }, 0), took(null));
  assert.equal(cursor.expected, 5);
});

Deno.test("PartitionCursor knows where the group went on, though more was committed since", () => {
  const cursor = new PartitionCursor(46, 0);
  cursor.committed = 54;
  assert.deepEqual([cursor.joinedAt, cursor.start], [46, 54]);
  cursor.joined();
  assert.deepEqual([cursor.joinedAt, cursor.start], [54, 54]);
});

Deno.test("a cursor tells what was removed from the partition's begin", () => {
  const cursor = new PartitionCursor(10, 0);
  assert.deepEqual(cursor.take({ from: 30, first: 31, next: 40 }, 30), took([10, 29]));
  assert.equal(cursor.expected, 40);
  // By the time the partition was asked for its begin, more had gone.
  assert.deepEqual(cursor.take({ from: 50, first: 50, next: 60 }, 55), took([40, 49]));
});

Deno.test("a cursor seeks once what it misses, and then counts it as removed", () => {
  const cursor = new PartitionCursor(10, 0);
  assert.equal(cursor.take({ from: 30, first: 30, next: 40 }, 5), "seek");
  assert.equal(cursor.expected, 10);
  assert.deepEqual(cursor.take({ from: 10, first: 10, next: 30 }, 5), took(null));
  assert.equal(cursor.take({ from: 50, first: 50, next: 60 }, 5), "seek");
  assert.deepEqual(cursor.take({ from: 50, first: 52, next: 60 }, 5), took([30, 49]));
  assert.equal(cursor.take({ from: 70, first: 70, next: 80 }, 5), "seek", "of another gap");
});

Deno.test("a cursor skips control records that come next, or came again after it sought them", () => {
  const cursor = new PartitionCursor(10, 0);
  assert.equal(cursor.skip(10, 12), true);
  assert.equal(cursor.skip(11, 12), false);
  assert.equal(cursor.skip(14, 15), false);
  assert.equal(cursor.take({ from: 15, first: 15, next: 16 }, 0), "seek");
  assert.equal(cursor.skip(14, 15), true);
  assert.equal(cursor.expected, 15);
});

const step = fc.record({
  what: fc.constantFrom("fetch", "fetch", "fetch", "send", "send", "commit", "join", "late join"),
  count: fc.integer({ min: 1, max: 9 }),
});

Deno.test("what is durable skips nothing, wherever the library joins anew and goes on", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const sent = new Set<number>();
      const ending: (() => void)[] = [];
      const lane = new PartitionLane({
        send: async ({ records }) => {
          const { promise, resolve } = Promise.withResolvers<void>();
          ending.push(resolve);
          await promise;
          for (const { offset } of records) sent.add(offset);
        },
        onSent() {},
        onFailed: (thrown) => assert.fail(String(thrown)),
      });
      const cursor = new PartitionCursor(null, 0);
      /** Of the library. */
      let position = 0;
      const fetch = (count: number, from = position) => {
        const next = from + count;
        position = next;
        const taken = cursor.take({ from, first: from, next }, 0);
        if (taken === "seek") return void (position = cursor.expected);
        assert.equal(taken.removed, null);

        const records = Array.from({ length: count }, (_, place) => ({ offset: from + place, value: null }));
        lane.add({ records, bytes: count, next, removed: null });
      };
      const join = () => {
        lane.restart();
        cursor.joined();
        position = cursor.start;
      };
      for (const { what, count } of steps) {
        const before = position;
        if (what === "fetch") fetch(count);
        if (what === "send") ending.shift()?.();
        if (what === "commit") cursor.committed = lane.durable ?? cursor.start;
        if (what === "join") join();
        if (what === "late join") {
          // What was fetched before is handed over after it, and the library goes on from there.
          join();
          fetch(count, before);
        }
        for (let turn = 0; turn < 10; turn++) await Promise.resolve();
        for (let offset = 0; offset < (lane.durable ?? 0); offset++) {
          assert.ok(sent.has(offset), `${offset} of ${lane.durable}`);
        }
      }
      lane.stop();
      for (const end of ending) end();
      await lane.rest;
    }),
    { numRuns: 300 },
  );
});
