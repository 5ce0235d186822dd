/** The store's thread: many ports, commits grouped, moved buffers, failures that cross threads as typed errors. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { MessageChannel } from "node:worker_threads";
import { CallQueue } from "../../runtime/store/call_queue.ts";
import { MemoryStore } from "../../runtime/store/memory_store.ts";
import { MemoryStoreCore } from "../../runtime/store/memory_store_core.ts";
import { StoreError } from "../../runtime/store/port.ts";
import { packedRow } from "../../runtime/core/bytes.ts";
import { RemoteStore } from "../../runtime/store/remote_store.ts";
import { startStoreThread, type StoreThread } from "../../runtime/store/start_store_thread.ts";
import { seal } from "../../runtime/rpc.ts";
import { within } from "../services/within.ts";
import { checkpoint, shardCount } from "./store_fixtures.ts";

/** Remembers how many checkpoints each transaction had. */
class CountingStore extends MemoryStore {
  readonly transactions: number[] = [];

  override commit(...args: Parameters<MemoryStore["commit"]>): ReturnType<MemoryStore["commit"]> {
    this.transactions.push(args[0].length);
    return super.commit(...args);
  }
}

function countingStore(): CountingStore {
  return new CountingStore(new MemoryStoreCore(shardCount));
}

Deno.test("CallQueue commit() commits all calls of a turn together, before the turn's reads", async () => {
  const store = countingStore();
  const queue = new CallQueue(store);
  const [a, b, c] = [await store.claim(0, "a"), await store.claim(1, "b"), await store.claim(2, "c")];
  const [first, list, second] = await Promise.all([
    queue.commit([checkpoint(a, { actors: [{ id: "a", hot: "" }] }), checkpoint({ ...c, epoch: 9 })]),
    queue.call((inner) => inner.list("sensor", null, 10)),
    queue.commit([checkpoint(b, { actors: [{ id: "b", hot: "" }] })]),
  ]);
  assert.deepEqual(store.transactions, [3]);
  assert.deepEqual([first, second], [["committed", "fenced"], ["committed"]]);
  assert.deepEqual(list.ids, ["a", "b"]);
});

Deno.test("CallQueue commit() fails alone when its checkpoint is broken", async () => {
  const store = countingStore();
  const queue = new CallQueue(store);
  const [a, b] = [await store.claim(0, "a"), await store.claim(1, "b")];
  const whole = checkpoint(a, { actors: [{ id: "a", hot: "x" }] });
  const broken = { ...whole, snapshots: { ...whole.snapshots, dueMs: [] } };
  const [failed, committed] = await Promise.allSettled([
    queue.commit([broken]),
    queue.commit([checkpoint(b)]),
  ]);
  assert.equal(failed.status, "rejected");
  assert.deepEqual(committed, { status: "fulfilled", value: ["committed"] });
});

Deno.test("CallQueue idle() waits for the calls made before", async () => {
  const store = countingStore();
  const queue = new CallQueue(store);
  const claim = await store.claim(0, "a");
  let isCommitted = false;
  queue.commit([checkpoint(claim)]).then(() => isCommitted = true);
  await queue.idle();
  assert.ok(isCommitted);
});

function test(name: string, body: (thread: StoreThread, path: string) => Promise<void>): void {
  Deno.test(name, async () => {
    const folder = await Deno.makeTempDir({ prefix: "store-" });
    const path = join(folder, "store.db");
    const thread = startStoreThread({ type: "sqlite", path, shards: shardCount });
    try {
      await body(thread, path);
    } finally {
      await thread.close();
      await Deno.remove(folder, { recursive: true });
    }
  });
}

test("startStoreThread() serves several ports at once", async (thread) => {
  await thread.ready;
  const clients = Array.from({ length: 3 }, () => new RemoteStore(thread.connect()));
  const claims = await Promise.all(clients.map((client, shard) => client.claim(shard, `client ${shard}`)));
  const results = await Promise.all(
    clients.map((client, shard) =>
      client.commit([checkpoint(claims[shard]!, { actors: [{ id: `s${shard}`, hot: "x" }] })])
    ),
  );
  assert.deepEqual(results, [["committed"], ["committed"], ["committed"]]);
  assert.deepEqual((await clients[0]!.list("sensor", null, 9)).ids, ["s0", "s1", "s2"]);
  for (const client of clients) await client.close();
});

test("RemoteStore claim() fails alone when it is made at once with others", async (thread) => {
  const store = new RemoteStore(thread.connect());
  const shards = [0, shardCount, 1, 0];
  const settled = await Promise.allSettled(shards.map((shard) => store.claim(shard, "a")));
  const epochs = settled.map((one) => one.status === "fulfilled" ? one.value.epoch : one.reason.name);
  assert.deepEqual(epochs, [1, "InvariantError", 1, 2]);
  await store.close();
});

test("RemoteStore load() sees every commit that was answered, by whichever thread it is read", async (thread) => {
  const store = new RemoteStore(thread.connect());
  let claim = await store.claim(0, "a");
  for (let n = 1; n <= 50; n++) {
    await store.commit([checkpoint(claim, { actors: [{ id: "a", hot: `${n}` }] })]);
    claim = { ...claim, commit: n };
    const { hot, epoch } = await store.load(0, [{ kind: "sensor", id: "a" }]);
    assert.deepEqual([new TextDecoder().decode(packedRow(hot, 0)), epoch], [`${n}`, 1]);
  }
  await store.close();
});

test("RemoteStore commit() leaves the checkpoint as it was, so that it can be sent again", async (thread) => {
  const store = new RemoteStore(thread.connect());
  const made = checkpoint(await store.claim(0, "a"), { actors: [{ id: "a", hot: "hot" }] });
  assert.deepEqual(await store.commit([made]), ["committed"]);
  assert.deepEqual(await store.commit([made]), ["committed"]);
  const loaded = await store.load(0, [{ kind: "sensor", id: "a" }]);
  assert.deepEqual(loaded.hot.bytes, made.snapshots.hot.bytes);
  await store.close();
});

test("RemoteStore gets the error of the store's thread with its class and code", async (thread) => {
  const store = new RemoteStore(thread.connect());
  await assert.rejects(store.claim(shardCount, "a"), { name: "InvariantError" });
  await store.close();
});

test("RemoteStore rejects as unavailable what waits when its thread is gone", async (thread) => {
  await thread.ready;
  const store = new RemoteStore(thread.connect());
  await store.claim(0, "a");
  await thread.close();
  const isUnavailable = (thrown: unknown) => thrown instanceof StoreError && thrown.code === "unavailable";
  await assert.rejects(store.claim(0, "b"), isUnavailable);
  await store.close();
});

test("RemoteStore rejects as unavailable what waits when its thread is killed", async (thread) => {
  await thread.ready;
  const store = new RemoteStore(thread.connect());
  await store.claim(0, "a");
  const settled = Promise.allSettled(Array.from({ length: 1000 }, () => store.claim(1, "a")));
  await thread.worker.terminate();
  const reasons = (await settled).filter((result) => result.status === "rejected").map(({ reason }) =>
    reason
  );
  assert.ok(reasons.length > 0, "some of 1,000 calls were waiting");
  assert.ok(reasons.every((reason) => reason instanceof StoreError && reason.code === "unavailable"));
  await store.close();
});

Deno.test("RemoteStore fails commits as unknown and other calls as unavailable when its thread hangs", async () => {
  // A thread that hangs is a port that nobody reads.
  const { port1, port2 } = new MessageChannel();
  const store = new RemoteStore({ writes: port1, reads: null }, 50);
  const made = checkpoint({ shard: 0, epoch: 1, commit: 0 });
  const calls = [store.commit([made]), store.claim(0, "a"), store.list("sensor", null, 1)];
  const codes = (await within("the calls to fail", Promise.allSettled<unknown>(calls))).map((outcome) =>
    outcome.status === "rejected" && outcome.reason instanceof StoreError
      ? outcome.reason.code
      : outcome.status
  );
  assert.deepEqual(codes, ["unknown", "unavailable", "unavailable"]);
  await assert.rejects(store.load(0, []), {
    message: /The store's thread did not answer "load" within 50 ms: its disk hangs, or is overloaded/,
  });
  await store.close();
  port2.close();
});

Deno.test("RemoteStore fails what is late and nothing else when its thread is slow", async () => {
  const { port1, port2 } = new MessageChannel();
  const store = new RemoteStore({ writes: port1, reads: null }, 1000);
  const first = store.countActors();
  port2.on("message", (message) => {
    // The first call is never answered.
    if (message.id !== 1) port2.postMessage({ rpc: "reply", id: message.id, value: seal([]) });
  });
  assert.deepEqual(await store.countActors(), []);
  await assert.rejects(first, { code: "unavailable" });
  assert.deepEqual(await store.countActors(), []);
  await store.close();
  port2.close();
});

test("startStoreThread() memory() tells what each thread uses, and fails when one is gone", async (thread) => {
  await thread.ready;
  const memory = await thread.memory();
  assert.deepEqual([...memory.keys()], ["store", "store-reader"]);
  for (const { heapBytes, externalBytes } of memory.values()) {
    assert.ok(heapBytes > 1e5 && externalBytes >= 0, `${heapBytes} and ${externalBytes} bytes`);
  }
  await thread.worker.terminate();
  await assert.rejects(thread.memory(), { code: "unavailable" });
});

test("startStoreThread() close() ends when the thread was killed", async (thread) => {
  await thread.ready;
  await thread.worker.terminate();
  await within("the thread to close", thread.close());
});

test("startStoreThread() remembers the log that it is bound to", async (thread, path) => {
  assert.equal((await thread.ready).log, null);
  await thread.bindLog("a log");
  await thread.close();
  const second = startStoreThread({ type: "sqlite", path, shards: shardCount });
  assert.equal((await second.ready).log, "a log");
  await second.close();
});

test("startStoreThread() is refused while another one has the file", async (thread, path) => {
  await thread.ready;
  const second = startStoreThread({ type: "sqlite", path, shards: shardCount });
  await assert.rejects(second.ready, { name: "StoreError", code: "unavailable" });
  await second.close();
});

test("startStoreThread() is refused with the sentence of the file it cannot open", async (thread, path) => {
  await thread.ready;
  await thread.close();
  const second = startStoreThread({ type: "sqlite", path, shards: 3 });
  await assert.rejects(second.ready, { name: "StoreError", code: "corrupt", message: /made for 8 shards/ });
  await second.close();
});
