import assert from "node:assert/strict";
import { Practice } from "../../runtime/node/practice.ts";

function endAt(shard: number, offset: number, topic?: string) {
  const place = { ...(topic !== undefined && { topic }), offset, index: 3, timer: 0, step: 0 };
  return { shard, death: { epoch: 5, place } };
}

Deno.test("Practice has what was folded since a shard was first heard of, and nothing before (1)", () => {
  const practice = new Practice();
  assert.deepEqual(practice.ranges, {});
  practice.folded(2, 100);
  assert.deepEqual(practice.ranges, { 2: { after: 100, last: 100 } });
  practice.folded(2, 130);
  // A host that takes the shard over begins at its checkpoint.
  practice.folded(2, 120);
  assert.deepEqual(practice.ranges, { 2: { after: 100, last: 120 } });
});

Deno.test("Practice has nothing up to a frame in whose turn a host died (2)", () => {
  const practice = new Practice();
  practice.folded(0, 10);
  practice.folded(0, 20);
  practice.ended(null);
  practice.ended(endAt(0, 30, "ENTRY"));
  assert.deepEqual(practice.ranges, { 0: { after: 10, last: 20 } });
  practice.ended(endAt(0, 25));
  practice.ended(endAt(1, 7));
  assert.deepEqual(practice.ranges, { 0: { after: 25, last: 25 }, 1: { after: 7, last: 7 } });
  practice.folded(0, 40);
  practice.folded(1, 5);
  assert.deepEqual(practice.ranges, { 0: { after: 25, last: 40 }, 1: { after: 7, last: 7 } });
  practice.ended(endAt(0, 12));
  assert.deepEqual(practice.ranges[0], { after: 25, last: 40 });
});

Deno.test("Practice forgets a shard that leaves", () => {
  const practice = new Practice();
  practice.folded(0, 10);
  practice.left(0);
  assert.deepEqual(practice.ranges, {});
});
