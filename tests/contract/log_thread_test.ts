/** The log in its own thread: group commit over all ports, and what happens when one side goes away. */

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { LogError } from "../../runtime/log/port.ts";
import { RemoteLog } from "../../runtime/log/remote_log.ts";
import { type LogThread, startLogThread } from "../../runtime/log/start_log_thread.ts";
import { Collector, range, within } from "./log_collector.ts";
import { rejectsWith } from "./log_contract.ts";
import { openLog, withFolder } from "./log_folders.ts";

function start(directory: string): LogThread {
  return startLogThread({
    directory,
    shards: 4,
    report: (sentence) => {
      throw new Error(sentence);
    },
  });
}

Deno.test("startLogThread() tells the extents when the log is open, and serves ports connected before", async () => {
  await withFolder(async (directory) => {
    const before = openLog(directory);
    await before.append([{ shard: 2, text: "a" }, { shard: 2, text: "b" }]);
    await before.close();
    const thread = start(directory);
    const log = new RemoteLog(thread.connect());
    const [receipt] = await within("an append sent at once", log.append([{ shard: 2, text: "c" }]));
    assert.equal(receipt?.offset, 2);
    assert.deepEqual((await thread.ready)[2], { begin: 0, end: 2 });
    await log.close();
    await thread.close();
    assert.equal(await thread.exited, null);
  });
});

Deno.test("startLogThread() rejects with the log's sentence when it cannot be opened", async () => {
  await withFolder(async (directory) => {
    writeFileSync(join(directory, "00000001.db"), "not a log");
    const thread = start(directory);
    const error = await rejectsWith("corrupt", thread.ready);
    assert.match(error.message, /00000001\.db is not an SQLite database/);
    await within("the thread to end", thread.exited);
  });
});

Deno.test("RemoteLog appends of several ports are committed together", async () => {
  await withFolder(async (directory) => {
    const thread = start(directory);
    const logs = range(0, 4).map(() => new RemoteLog(thread.connect()));
    await thread.ready;
    const receipts = await Promise.all(
      range(0, 200).map((n) => logs[n % 4]?.append([{ shard: n % 4, text: `${n} ${"g".repeat(1000)}` }])),
    );
    // The frames of one commit have one stamp.
    const stamps = new Set(receipts.map((receipt) => receipt?.[0]?.stampMs));
    assert(stamps.size < 50, `200 appends in ${stamps.size} commits or more`);
    await Promise.all(logs.map((log) => log.close()));
    await thread.close();
  });
});

Deno.test("RemoteLog fails open calls as unknown and later ones as unavailable when the thread dies", async () => {
  await withFolder(async (directory) => {
    const thread = start(directory);
    const log = new RemoteLog(thread.connect());
    await thread.ready;
    await log.append([{ shard: 0, text: "a" }]);
    // More than can be committed before the thread is gone.
    const appends = range(0, 200).map(() => log.append([{ shard: 0, text: "b".repeat(100_000) }]));
    const answers = Promise.allSettled(appends);
    const died = thread.worker.terminate();
    const last = (await within("the open appends to fail", answers)).at(-1);
    assert(last?.status === "rejected");
    assert(last.reason instanceof LogError && last.reason.code === "unknown", String(last.reason));
    await died;
    await rejectsWith("unavailable", log.append([{ shard: 0, text: "c" }]));
    assert((await thread.exited) instanceof LogError);
  });
});

Deno.test("RemoteLog commits what was sent before the thread was told to close, and is closed then", async () => {
  await withFolder(async (directory) => {
    const thread = start(directory);
    const log = new RemoteLog(thread.connect());
    await thread.ready;
    await log.extent(0);
    const appends = Promise.all(range(0, 10).map(() => log.append([{ shard: 1, text: "before the end" }])));
    const [receipts] = await within("the thread to close", Promise.all([appends, thread.close()]));
    assert.equal(receipts.length, 10);
    await rejectsWith("closed", log.append([{ shard: 1, text: "after" }]));
    const again = openLog(directory);
    assert.deepEqual(await again.extent(1), { begin: 0, end: 10 });
    await again.close();
  });
});

Deno.test("startLogThread() ends the subscriptions of a port whose client name is connected again", async () => {
  await withFolder(async (directory) => {
    const thread = start(directory);
    const [first, second] = [new Collector(), new Collector()];
    const replaced = new RemoteLog(thread.connect("host 1"));
    (await replaced.subscribe(0, 0, first.deliver)).grant(1 << 20);
    const log = new RemoteLog(thread.connect("host 1"));
    (await log.subscribe(0, 0, second.deliver)).grant(1 << 20);
    await log.append([{ shard: 0, text: "for the second" }]);
    await second.count(1);
    await rejectsWith("closed", replaced.extent(0));
    assert.equal(first.frames.length, 0);
    await log.close();
    const third = new RemoteLog(thread.connect("host 1"));
    assert.deepEqual(await third.extent(0), { begin: 0, end: 1 });
    await third.close();
    await thread.close();
  });
});
