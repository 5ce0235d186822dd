/** When checkpoints are made. */

import assert from "node:assert/strict";
import { z } from "zod";
import type { Json } from "../../runtime/core/actor.ts";
import { defineActor, Registry } from "../../runtime/core/registry.ts";
import { jsonState } from "../../runtime/core/state.ts";
import { ShardDriver } from "./shard_driver.ts";

const counter = defineActor<{ count: number }, Json>({
  kind: "counter",
  state: jsonState({ schema: z.object({ count: z.number() }), initial: () => ({ count: 0 }) }),
  message: { version: 1, schema: z.json() as z.ZodType<Json>, accepts: (_value): _value is Json => true },
  receive: (state) => void state.count++,
  queries: {},
});

/** Makes a checkpoint of a message that a store confirms after `storeMs`; how long the next waits from its making on. */
function nextInterval(driver: ShardDriver, storeMs: number): number {
  driver.append(driver.nowMs, ["counter", "a", null]);
  driver.holdsCommits = true;
  driver.checkpoint();
  const madeMs = driver.nowMs;
  driver.nowMs += storeMs;
  driver.commitHeld();
  driver.append(driver.nowMs, ["counter", "a", null]);
  driver.settle();
  const wakeMs = driver.shard.wakeAtMs(driver.nowMs);
  assert.ok(wakeMs !== null, "something was folded");
  return wakeMs - madeMs;
}

Deno.test("a checkpoint follows the last after ten times what that one took, within bounds", () => {
  const driver = new ShardDriver(new Registry([counter]), { checkpointIntervalMs: 1000 });
  driver.start();
  const intervals = [0, 10, 25, 60, 100, 400, 5].map((storeMs) => nextInterval(driver, storeMs));
  assert.deepEqual(intervals, [125, 125, 250, 600, 1000, 1000, 125]);
});

Deno.test("the first checkpoint after a claim is made within the interval, whatever the store is like", () => {
  const driver = new ShardDriver(new Registry([counter]), { checkpointIntervalMs: 1000 });
  driver.start();
  driver.append(0, ["counter", "a", null]);
  driver.settle();
  assert.equal(driver.shard.wakeAtMs(0), 1000);
  driver.nowMs = 999;
  driver.settle();
  assert.equal(driver.checkpoints.length, 0);
  driver.nowMs = 1000;
  driver.settle();
  assert.equal(driver.checkpoints.length, 1);
});
