/** Folding for practice: it reads, and leaves nothing behind. */

import assert from "node:assert/strict";
import { z } from "zod";
import { encodeFrame } from "../../runtime/core/frame.ts";
import { defaultShardLimits } from "../../runtime/core/limits.ts";
import { defineActor, Registry } from "../../runtime/core/registry.ts";
import { jsonState } from "../../runtime/core/state.ts";
import { MemoryLog } from "../../runtime/log/memory_log.ts";
import { Rehearsal } from "../../runtime/node/rehearsal.ts";
import { MemoryStore } from "../../runtime/store/memory_store.ts";
import { MemoryStoreCore } from "../../runtime/store/memory_store_core.ts";

const clock = {
  nowMs: () => performance.now(),
  sleep: () => new Promise<void>((resolve) => setImmediate(resolve)),
};

Deno.test("Rehearsal folds what the log holds, and neither log, store nor counters are other than before", async () => {
  const folded = Promise.withResolvers<void>();
  const counted = { help: "Messages.", value: 7 };
  let [first, last] = [Infinity, -1];
  let released = 0;
  const told: string[] = [];
  const counter = defineActor({
    kind: "counter",
    state: {
      ...jsonState({ schema: z.object({ total: z.number() }), initial: () => ({ total: 0 }) }),
      release: () => {
        if (released++ === 0) throw new Error("a block is nobody's");
      },
    },
    message: { version: 1, schema: z.number(), accepts: (value) => typeof value === "number" },
    receive(state: { total: number }, message: number, context) {
      state.total += message;
      counted.value++;
      context.send({ kind: "counter", id: "b" }, 1000);
      if (context.self.id === "a") [first, last] = [Math.min(first, message), message];
      if (last === 40) folded.resolve();
    },
    queries: {},
  });
  const registry = new Registry([counter]);
  const core = new MemoryStoreCore(1);
  const before = core.claimNow(0, "its owner");
  const log = new MemoryLog(1, Date.now);
  for (let n = 1; n < 50; n++) {
    const origin = { type: "gateway", start: "test", n } as const;
    await log.append([{
      shard: 0,
      text: encodeFrame({ origin, types: registry.wireTypes, entries: [0, "a", n] }),
    }]);
  }
  const extent = await log.extent(0);
  const limits = { ...defaultShardLimits, maxLocalTurns: 1 };
  const store = new MemoryStore(core);
  const counters = { messages: counted };
  const rehearsal = new Rehearsal({
    registry,
    counters,
    shardCount: 1,
    limits,
    clock,
    log,
    store,
    frames: { 0: { after: 9, last: 39 } },
    report: ({ message }) => told.push(message),
  });
  await folded.promise;
  const stopped = rehearsal.stop();
  assert.equal(counted.value, 7, "at once");
  assert.equal(released, 0, "not at once: the thread may have become a host");
  await Promise.all([stopped, rehearsal.stop()]);
  assert.equal(released, 1);
  assert.deepEqual(told, ["Memory of a practice is lost: a block is nobody's"], "and the thread lives");
  assert.deepEqual([first, last], [11, 40], "what no owner of this process has folded is not folded");
  assert.equal(counted.value, 7);
  assert.deepEqual(core.loadNow(0, [{ kind: "counter", id: "a" }]).ids, []);
  assert.deepEqual(core.deadLettersNow({ after: null, limit: 10 }).items, []);
  assert.equal(core.claimNow(0, "its owner again").epoch, before.epoch + 1);
  assert.equal(extent.end, 49);
});
