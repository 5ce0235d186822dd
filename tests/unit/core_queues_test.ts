import assert from "node:assert/strict";
import fc from "fast-check";
import { emptyMemory } from "../../runtime/core/checkpoint.ts";
import { InvariantError } from "../../runtime/core/errors.ts";
import type { Origin } from "../../runtime/core/frame.ts";
import { Outbox } from "../../runtime/core/outbox.ts";
import { Sequences } from "../../runtime/core/sequence.ts";
import { compareTimers, type TimerEntry, TimerQueue } from "../../runtime/core/timers.ts";

const timer: fc.Arbitrary<TimerEntry> = fc.record({
  dueMs: fc.nat(50),
  kind: fc.constantFrom("a", "b"),
  id: fc.constantFrom("1", "2", "3"),
  name: fc.option(fc.constantFrom("x", "y")),
  request: fc.nat(11),
});

Deno.test("TimerQueue.pop() yields by (due, kind, id, request, name) when entries come in any order", () => {
  fc.assert(fc.property(fc.array(timer), (entries) => {
    const queue = new TimerQueue();
    for (const entry of entries) queue.push(entry);
    queue.compact((entry) => entry.id !== "3");
    const popped: TimerEntry[] = [];
    for (let entry = queue.pop(); entry !== null; entry = queue.pop()) popped.push(entry);
    const expected = entries.filter(({ id }) => id !== "3").sort(compareTimers);
    assert.deepEqual(popped.map((entry) => entry.dueMs), expected.map((entry) => entry.dueMs));
    for (let at = 1; at < popped.length; at++) assert.ok(compareTimers(popped[at - 1]!, popped[at]!) <= 0);
  }));
});

const isNew = (sequences: Sequences, origin: Origin, nowMs: number) =>
  sequences.repeated(origin, nowMs) === 0;

Deno.test("Sequences.repeated() drops repeats and lower numbers of a gateway, allows gaps, forgets by log time", () => {
  const sequences = new Sequences(emptyMemory, 1000);
  const from = (n: number) => ({ type: "gateway", start: "g", n }) as const;
  assert.deepEqual([1, 1, 5, 4, 6].map((n) => isNew(sequences, from(n), 10)), [
    true,
    false,
    true,
    false,
    true,
  ]);
  const restored = new Sequences({ ...emptyMemory, ...sequences.memory(10) }, 1000);
  assert.equal(isNew(restored, from(6), 1010), false);
  assert.equal(isNew(restored, from(6), 1011), true);
});

Deno.test("Sequences.repeated() throws when frames of another shard are missing", () => {
  const sequences = new Sequences(emptyMemory, 1000);
  const from = (n: number) => ({ type: "shard", shard: 3, n }) as const;
  assert.deepEqual([1, 2, 2, 1, 3].map((n) => isNew(sequences, from(n), 1)), [
    true,
    true,
    false,
    false,
    true,
  ]);
  assert.throws(() => isNew(sequences, from(5), 1), InvariantError);
});

Deno.test("Outbox sends in order per target, one at a time, and never what is not confirmed", () => {
  const options = { source: 0, types: [["k", 1]] as const, maxUnackedFrames: 4, maxFrameMessages: 2 };
  const outbox = new Outbox(options, {}, []);
  const me = { kind: "k", id: "me" };
  for (let n = 0; n < 5; n++) outbox.send(1, 0, me, `x${n}`, n);
  const frames = outbox.capture();
  assert.deepEqual(frames.map(({ n }) => n), [1, 2, 3]);
  assert.deepEqual(outbox.takeSendable(), []);
  outbox.confirmed(frames);
  assert.deepEqual(outbox.takeSendable().map(({ n }) => n), [1]);
  assert.deepEqual(outbox.takeSendable(), []);
  outbox.acknowledged(1, 1);
  assert.deepEqual(outbox.takeSendable().map(({ n }) => n), [2]);
  assert.ok(!outbox.isFull);
  for (let n = 0; n < 4; n++) outbox.send(2, 0, me, "y", n);
  assert.ok(outbox.isFull);
  assert.deepEqual(outbox.takeDone(), [{ target: 1, n: 1 }]);
});
