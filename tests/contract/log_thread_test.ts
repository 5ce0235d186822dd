/** The log in its own thread: group commit over all ports, and what happens when one side goes away. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, constants, openSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { MessageChannel } from "node:worker_threads";
import { LogError } from "../../runtime/log/port.ts";
import { RemoteLog } from "../../runtime/log/remote_log.ts";
import { type LogThread, startLogThread } from "../../runtime/log/start_log_thread.ts";
import { withFolder } from "../services/folder.ts";
import { within } from "../services/within.ts";
import { Collector, range } from "./log_collector.ts";
import { rejectsWith } from "./log_contract.ts";
import { openLog } from "./log_folders.ts";

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
    assert.deepEqual((await thread.ready).extents[2], { begin: 0, end: 2 });
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

Deno.test("RemoteLog ends its subscriptions as unavailable when the thread dies", async () => {
  await withFolder(async (directory) => {
    const thread = start(directory);
    const log = new RemoteLog(thread.connect());
    const ended = Promise.withResolvers<LogError>();
    await log.subscribe(0, 0, () => {}, ended.resolve);
    await thread.worker.terminate();
    assert.equal((await within("the end of the subscription", ended.promise)).code, "unavailable");
    await log.close();
  });
});

Deno.test("RemoteLog fails appends as unknown and other calls as unavailable when the thread hangs", async () => {
  // A thread that hangs is a port that nobody reads.
  const { port1, port2 } = new MessageChannel();
  const log = new RemoteLog(port1, 50);
  const [append, extent, trim, subscribe] = await within(
    "the calls to fail",
    Promise.allSettled([
      log.append([{ shard: 0, text: "a" }]),
      log.extent(0),
      log.trim(0, 1),
      log.subscribe(0, 0, () => {}),
    ]),
  );
  assert(append.status === "rejected" && append.reason instanceof LogError);
  assert.equal(append.reason.code, "unknown");
  assert.match(append.reason.message, /did not answer "append" within 50 ms/);
  for (const outcome of [extent, trim, subscribe]) {
    assert(outcome.status === "rejected" && outcome.reason instanceof LogError);
    assert.equal(outcome.reason.code, "unavailable");
  }
  await within("the client to close", log.close());
  port2.close();
});

Deno.test("startLogThread() says what hangs, and close() ends at its deadline, when the thread hangs", async () => {
  await withFolder(async (directory) => {
    await openLog(directory).close();
    const journal = join(directory, "00000001.db-journal");
    rmSync(journal, { force: true });
    // SQLite looks for a journal to roll back, and waits for whoever writes into this pipe.
    assert.equal(spawnSync("mkfifo", [journal]).status, 0);
    const deadlines = { openDeadlineMs: 200, closeDeadlineMs: 100 };
    const thread = startLogThread({ directory, shards: 4, report: () => {}, ...deadlines });
    const log = new RemoteLog(thread.connect(), 100);
    const late = await rejectsWith("unavailable", within("opening to fail", thread.ready));
    assert.match(late.message, /is not open after 200 ms; its disk hangs/);
    await rejectsWith("unavailable", within("the call to fail", log.extent(0)));
    const error = await rejectsWith("unavailable", within("the thread to close", thread.close()));
    assert.match(error.message, /did not close .* within 100 ms: its disk hangs/);
    // Lets the thread go.
    closeSync(openSync(journal, constants.O_RDWR | constants.O_NONBLOCK));
    await within("the thread to end", thread.exited);
    await log.close();
  });
});

Deno.test("startLogThread() memory() tells what the thread uses, and fails when it is gone", async () => {
  await withFolder(async (directory) => {
    const thread = start(directory);
    await thread.ready;
    const { heapBytes, externalBytes } = await thread.memory();
    assert(heapBytes > 1e5 && externalBytes >= 0, `${heapBytes} and ${externalBytes} bytes`);
    await thread.close();
    await rejectsWith("unavailable", thread.memory());
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
