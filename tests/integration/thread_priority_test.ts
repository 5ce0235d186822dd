import assert from "node:assert/strict";
import { once } from "node:events";
import process from "node:process";
import { Worker } from "node:worker_threads";
import { idle, putLast, threadsByName } from "../../runtime/node/thread_priority.ts";
import { idleThreads } from "../services/idle_threads.ts";

Deno.test("threadsByName() reads what head prints of the threads' names", () => {
  const text = "==> /proc/7/task/7/comm <==\ndeno\n\n==> /proc/7/task/12/comm <==\nV8 DefaultWorke\n\n" +
    "==> /proc/7/task/130/comm <==\nworker-3\n";
  assert.deepEqual([...threadsByName(text)], [["deno", 7], ["V8 DefaultWorke", 12], ["worker-3", 130]]);
  assert.deepEqual([...threadsByName("")], []);
});

Deno.test({
  name: "putLast() puts a thread that loops behind all others, and no other; one that is gone is no failure",
  ignore: process.platform !== "linux",
  fn: async () => {
    const flag = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
    const worker = new Worker(new URL("./looping_thread.ts", import.meta.url), { workerData: flag });
    const { threadId } = worker;
    await once(worker, "message");
    await putLast(threadId);
    const names = await idleThreads();
    assert.ok(names.includes(`worker-${threadId}`));
    // Threads of other tests that loop may be there still.
    assert.deepEqual(names.filter((name) => !name.startsWith("worker-")), []);
    const told = once(worker, "message");
    Atomics.store(flag, 0, 1);
    assert.deepEqual(await told, ["listens"]);
    await worker.terminate();
    await putLast(threadId);
  },
});

Deno.test({
  name: "idle() says nothing of a thread that is gone meanwhile, and what else is wrong",
  ignore: process.platform !== "linux",
  fn: async () => {
    const child = new Deno.Command("true").spawn();
    await child.status;
    await idle(child.pid);
    await assert.rejects(idle(-7.5), /chrt/);
  },
});
