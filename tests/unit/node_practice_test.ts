import assert from "node:assert/strict";
import { Practice } from "../../runtime/node/practice.ts";

function report(shard: number, epoch: number, folded: number, isReplaying = false) {
  return { shard, state: "running", epoch, folded, isReplaying } as const;
}

function deathAt(offset: number, topic?: string) {
  const place = { ...(topic !== undefined && { topic }), offset, index: 3, timer: 0, step: 0 };
  return { epoch: 5, place };
}

Deno.test("Practice has what was folded since a shard's owner had folded what it found (1)", () => {
  const practice = new Practice();
  practice.reported({ ...report(2, 0, -1), state: "claiming" });
  practice.reported(report(2, 4, 90, true));
  assert.deepEqual(practice.ranges, {});
  practice.reported(report(2, 4, 100));
  assert.deepEqual(practice.ranges, { 2: { after: 100, last: 100 } });
  practice.reported(report(2, 4, 130));
  // A host that takes the shard over begins at its checkpoint.
  practice.reported(report(2, 5, 120, true));
  assert.deepEqual(practice.ranges, { 2: { after: 100, last: 120 } });
});

Deno.test("Practice has nothing up to a frame in whose turn a host died (2)", () => {
  const practice = new Practice();
  practice.reported(report(0, 1, 10));
  practice.reported(report(0, 1, 20));
  practice.died(0, deathAt(30, "ENTRY"));
  assert.deepEqual(practice.ranges, { 0: { after: 10, last: 20 } });
  practice.died(0, deathAt(25));
  practice.died(1, deathAt(7));
  assert.deepEqual(practice.ranges, { 0: { after: 25, last: 25 } });
  practice.reported(report(0, 2, 40));
  practice.died(0, deathAt(12));
  assert.deepEqual(practice.ranges, { 0: { after: 25, last: 40 } });
});

Deno.test("Practice forgets what lies before another owner, and a shard that leaves (3)", () => {
  const practice = new Practice();
  practice.reported(report(0, 1, 10));
  practice.reported(report(0, 1, 20));
  practice.reported(report(0, 3, 50, true));
  practice.reported(report(0, 3, 60));
  assert.deepEqual(practice.ranges, { 0: { after: 60, last: 60 } });
  practice.left(0);
  assert.deepEqual(practice.ranges, {});
});
