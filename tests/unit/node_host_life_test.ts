/** One thread for shards, which the test makes up. Numbers in brackets: `host_life.ts`. */

import assert from "node:assert/strict";
import type { HostEnd } from "../../runtime/node/host_life.ts";
import { within } from "../services/within.ts";
import { MadeUpThreads } from "./made_up_threads.ts";

function start(threads: MadeUpThreads, startMs: number) {
  const life = threads.take(startMs);
  const ended = Promise.withResolvers<string>();
  life.belongTo({ hear: () => {}, ended: ({ reason }) => ended.resolve(reason) });
  return { life, ended: ended.promise };
}

Deno.test("HostLife dies when it is not warm in time, though somebody has it [1]", async () => {
  const threads = new MadeUpThreads();
  const { ended } = start(threads, 20);
  const reason = await within("the thread's death", ended, 5000);
  assert.equal(reason, "it was not warm within 0.02 s");
  assert.equal(threads.terminated, 1);
});

Deno.test("HostLife dies at its thread's last words, before the process tells of its end [2]", async () => {
  const threads = new MadeUpThreads();
  const life = threads.take(5000);
  const ended = new Promise<HostEnd>((resolve) => life.belongTo({ hear: () => {}, ended: resolve }));
  const call = life.rpc.call("metrics", []);
  // The thread may be out of that turn when this is read.
  const inTurn = { shard: 3, death: { epoch: 2, place: { offset: 7, index: 0, timer: 0, step: 0 } } };
  const reason = "its thread ended with code 9";
  threads.starts[0]?.main.postMessage({ type: "ends", reason, inTurn });
  assert.deepEqual(await within("the thread's death", ended, 5000), { reason, inTurn });
  await assert.rejects(call, { code: "host_died" });
  assert.equal(threads.terminated, 1);
  assert.equal(threads.care.abandoned.count, 0, "it ends by itself");
});

Deno.test("HostLife waits for nothing once it is warm, or dead [1]", async () => {
  const threads = new MadeUpThreads();
  const { life, ended } = start(threads, 5000);
  threads.starts[0]?.main.postMessage({ type: "warm" });
  await within("the thread to be warm", life.warm, 5000);
  // The test's sanitizers tell of a timer that is left.
  life.die("it was stopped");
  assert.equal(await ended, "it was stopped");
});
