import assert from "node:assert/strict";
import fc from "fast-check";
import type { LogFrame } from "../../runtime/core/log_frame.ts";
import { Fifo } from "../../runtime/core/fifo.ts";
import { MemoryLogCore } from "../../runtime/log/memory_log_core.ts";
import { Tail } from "../../runtime/log/tail.ts";

const frame = (shard: number, offset: number, bytes: number): LogFrame => ({
  topic: "mailbox",
  shard,
  offset,
  stampMs: 0,
  text: "x".repeat(bytes),
});

const offsets = (frames: readonly LogFrame[] | null) => frames?.map(({ offset }) => offset) ?? null;

Deno.test("Fifo holds what a plain array holds when items come and go", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -1500, max: 1500 }), { maxLength: 8 }), (steps) => {
      const [fifo, array] = [new Fifo<number>(), [] as number[]];
      let next = 0;
      for (const step of steps) {
        for (let n = 0; n < Math.abs(step); n++) {
          if (step > 0) {
            fifo.push(next);
            array.push(next++);
          } else assert.equal(fifo.shift(), array.shift());
        }
        assert.equal(fifo.length, array.length);
        assert.deepEqual([fifo.at(0), fifo.at(7)], [array[0], array[7]]);
      }
    }),
    { numRuns: 50 },
  );
});

Deno.test("Tail forgets the oldest frames of all shards first when its bytes are used up (1, 2)", () => {
  const tail = new Tail(2, 300);
  for (const [shard, offset] of [[0, 5], [1, 9], [0, 6], [0, 7]] as const) {
    tail.push(frame(shard, offset, 100));
  }
  assert.equal(tail.read(0, 5, 1000), null);
  assert.deepEqual(offsets(tail.read(0, 6, 1000)), [6, 7]);
  assert.deepEqual(offsets(tail.read(1, 9, 1000)), [9]);
  tail.push(frame(0, 8, 250));
  assert.equal(tail.read(1, 9, 1000), null);
  assert.deepEqual(offsets(tail.read(0, 8, 1000)), [8]);
});

Deno.test("Tail.read() stops with the frame that reaches the bytes asked for", () => {
  const tail = new Tail(1, 1000);
  for (const offset of [0, 1, 2]) tail.push(frame(0, offset, 100));
  assert.deepEqual(offsets(tail.read(0, 0, 100)), [0]);
  assert.deepEqual(offsets(tail.read(0, 0, 101)), [0, 1]);
  assert.deepEqual(offsets(tail.read(0, 1, 0)), [1]);
  tail.clear();
  assert.equal(tail.read(0, 1, 100), null);
});

Deno.test("Tail.trim() forgets a shard's frames before an offset, and their bytes", () => {
  const tail = new Tail(2, 300);
  for (const [shard, offset] of [[0, 5], [1, 9], [0, 6]] as const) tail.push(frame(shard, offset, 100));
  tail.trim(0, 6);
  assert.equal(tail.read(0, 5, 1000), null);
  assert.deepEqual(offsets(tail.read(0, 6, 1000)), [6]);
  tail.push(frame(0, 7, 100));
  assert.deepEqual(offsets(tail.read(1, 9, 1000)), [9]);
  tail.trim(0, 8);
  assert.equal(tail.read(0, 8, 1000), null);
  tail.push(frame(0, 8, 200));
  assert.deepEqual(offsets(tail.read(1, 9, 1000)), [9]);
  assert.deepEqual(offsets(tail.read(0, 8, 1000)), [8]);
});

Deno.test("MemoryLogCore keeps stamps from going back and trims at once", () => {
  const core = new MemoryLogCore(2);
  core.appendNow([{ shard: 0, text: "a" }, { shard: 1, text: "b" }], 10);
  assert.deepEqual(core.appendNow([{ shard: 0, text: "c" }], 4), [{ offset: 1, stampMs: 10 }]);
  core.trim(0, 1);
  assert.deepEqual(core.extent(0), { begin: 1, end: 2 });
  assert.deepEqual(core.read(0, 1, 100).map(({ text }) => text), ["c"]);
  assert.throws(() => core.appendNow([{ shard: 0, text: "d" }, { shard: 2, text: "e" }], 20), {
    code: "out_of_range",
  });
  assert.deepEqual(core.extent(0), { begin: 1, end: 2 });
});
