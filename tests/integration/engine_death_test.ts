/** Host threads that die under load: every message is folded exactly once. */

import assert from "node:assert/strict";
import { join } from "node:path";
import process from "node:process";
import type { EmbeddedEngine } from "../../runtime/node/node.ts";
import { settle } from "../../runtime/node/options.ts";
import { openWriters } from "../../runtime/node/writers.ts";
import { eventually } from "../services/eventually.ts";
import { withFolder } from "../services/folder.ts";
import { idleThreads } from "../services/idle_threads.ts";
import {
  add,
  counted,
  deadlineMs,
  definitionsUrl,
  Happening,
  hostsOf,
  startCounters,
  withEngine,
} from "./engine_harness.ts";

/** Sends `batches` batches of 50 to 25 counters, each addition also to a partner in another shard. */
async function load(engine: EmbeddedEngine, batches: number, onBatch: (n: number) => void): Promise<void> {
  for (let n = 0; n < batches; n++) {
    const batch = engine.batch();
    for (let i = 0; i < 50; i++) {
      batch.add("counter", `from-${i % 25}`, { add: 2, alsoTo: `to-${(i * 7) % 25}` });
    }
    await batch.send();
    onBatch(n);
  }
}

async function total(engine: EmbeddedEngine, prefix: string): Promise<number> {
  let sum = 0;
  for (let i = 0; i < 25; i++) sum += (await counted(engine, `${prefix}-${i}`)).total;
  return sum;
}

/** Waits until what was sent to other shards has been folded there: it leaves a shard after its checkpoint. */
async function arrived(engine: EmbeddedEngine, expected: number): Promise<number> {
  const endMs = performance.now() + deadlineMs;
  for (;;) {
    const sum = await total(engine, "to");
    if (sum >= expected || performance.now() > endMs) return sum;
    await engine.flush(deadlineMs);
  }
}

Deno.test("a host thread that is ended under load loses nothing and folds nothing twice", () =>
  withEngine(async (engine) => {
    const kills = new Map([[20, 0], [50, 1], [80, 0], [110, 0]]);
    await load(engine, 150, (n) => {
      const host = kills.get(n);
      if (host !== undefined) engine.killHost(host, "the test ends it");
    });
    assert.equal(await total(engine, "from"), 150 * 50 * 2);
    assert.equal(await arrived(engine, 150 * 50 * 2), 150 * 50 * 2, "sends across shards");
    assert.equal(engine.status().totals.accepted, 150 * 50);
  }));

Deno.test("sends across shards arrive once when the engine stops and starts meanwhile", () =>
  withFolder(async (dataDir) => {
    for (let round = 1; round <= 3; round++) {
      const engine = await startCounters(dataDir);
      await load(engine, 20, () => {});
      // At once: what is not folded, or not sent on, is so by the next start.
      await engine.stop(round === 3 ? deadlineMs : 1);
    }
    const engine = await startCounters(dataDir);
    assert.equal(await total(engine, "from"), 3 * 20 * 50 * 2);
    assert.equal(await arrived(engine, 3 * 20 * 50 * 2), 3 * 20 * 50 * 2);
    await engine.stop(deadlineMs);
  }));

/** A module of the counters whose import fails once in a thread. */
async function failingOnce(folder: string): Promise<string> {
  const module = join(folder, "failing_once.ts");
  await Deno.writeTextFile(
    module,
    `import { existsSync, writeFileSync } from "node:fs";
     import { isMainThread } from "node:worker_threads";
     export * from ${JSON.stringify(definitionsUrl)};
     const mark = ${JSON.stringify(join(folder, "failed"))};
     if (!isMainThread && !existsSync(mark)) {
       writeFileSync(mark, "");
       throw new Error("the test's module fails");
     }`,
  );
  return `file://${module}`;
}

Deno.test("a host that dies while log and store are opened is started again, and the engine starts", () =>
  withFolder(async (dataDir) => {
    const options = { definitionsUrl: await failingOnce(dataDir), threads: 1 };
    const engine = await startCounters(dataDir, options);
    await add(engine, "one", 1);
    assert.equal((await counted(engine, "one")).total, 1);
    assert.equal(hostRestarts(engine), 1);
    await engine.stop(deadlineMs);
  }));

Deno.test("a host whose actor ends the thread is started again, and the ask is answered", () => {
  const died = new Happening("the report of the host's death");
  return withEngine(async (engine, dataDir) => {
    await add(engine, "poison", 3);
    const once = join(dataDir, "exited");
    const target = { kind: "counter", id: "poison" };
    const result = await engine.ask(target, "exits", { once }, { consistency: "strict", deadlineMs });
    assert.equal(result.type, "answered");
    await died.done();
    assert.deepEqual(await counted(engine, "poison"), { total: 3, count: 1 });
  }, { report: () => died.happened() });
});

Deno.test("a host that hangs is found by the watchdog and started again, and the ask is answered in 2.5 s", () => {
  const reports: string[] = [];
  return withEngine(async (engine, dataDir) => {
    await add(engine, "poison", 3);
    const target = { kind: "counter", id: "poison" };
    const startMs = performance.now();
    const args = { once: join(dataDir, "hung") };
    const result = await engine.ask(target, "hangs", args, { consistency: "strict", deadlineMs });
    const tookMs = performance.now() - startMs;
    assert.equal(result.type, "answered");
    assert.equal(hostRestarts(engine), 1);
    assert.ok(tookMs <= 2500, `answered after ${tookMs} ms`);
    assert.match(
      reports.join("\n"),
      /Host \d died and starts again in \d+ ms: it hangs outside any turn/,
    );
    assert.deepEqual(await counted(engine, "poison"), { total: 3, count: 1 });
  }, { report: ({ message }) => reports.push(message) });
});

for (const kills of ["loops", "exits", "exhausts"] as const) {
  Deno.test(`a message that kills its host every time (${kills}) is a dead letter within 15 s, its neighbours are folded`, () =>
    withEngine(async (engine, dataDir) => {
      await add(engine, "poison", 1);
      await counted(engine, "poison");
      const startMs = performance.now();
      const batch = engine.batch();
      batch.add("counter", "poison", { add: 1 });
      batch.add("counter", "poison", { kills, while: dataDir });
      batch.add("counter", "poison", { add: 1 });
      await batch.send();
      assert.deepEqual(await counted(engine, "poison"), { total: 3, count: 3 });
      const tookMs = performance.now() - startMs;
      assert.ok(tookMs <= 15_000, `answered after ${tookMs} ms`);
      await engine.flush(deadlineMs);
      const { items } = await engine.store.deadLetters({ after: null, limit: 10 });
      assert.deepEqual(items.map(({ reason, actorId }) => [reason, actorId]), [["killed-host", "poison"]]);
      assert.equal(hostRestarts(engine), 5);
    }, { hostHeapMiB: 128 }));
}

/** Of the spare: how often it was started, and its state. */
function spareOf(
  engine: EmbeddedEngine,
): { readonly restarts: number; readonly state: string; readonly lastError: string | null } | null {
  return hostsOf(engine).find(({ id }) => id === "spare") ?? null;
}

function untilSpare(engine: EmbeddedEngine, restarts: number): Promise<true> {
  return eventually(`the spare host, started again ${restarts} times`, deadlineMs, () => {
    const spare = spareOf(engine);
    return Promise.resolve(spare?.state === "running" && spare.restarts === restarts ? true : null);
  });
}

Deno.test("a host that hangs for good wears the process out, one that comes back late does not", async () => {
  for (const comesBack of [true, false]) {
    const worn = Promise.withResolvers<string>();
    await withEngine(async (engine, dataDir) => {
      await add(engine, "poison", 3);
      const once = join(dataDir, "hung");
      const target = { kind: "counter", id: "poison" };
      await engine.ask(target, "hangs", { once }, { consistency: "strict", deadlineMs });
      assert.match(await engine.metrics(), /^sensorium_abandoned_threads 1$/m);
      if (process.platform === "linux") {
        await eventually(
          "the thread to run last",
          deadlineMs,
          async () => (await idleThreads()).length === 1 ? true : null,
        );
      }
      if (comesBack) {
        await Deno.remove(once);
        await eventually(
          "the end of the thread",
          deadlineMs,
          async () => /^sensorium_abandoned_threads 0$/m.test(await engine.metrics()) ? true : null,
        );
      } else {
        assert.match(await worn.promise, /^host-\d did not end when told to, and takes a processor/);
      }
    }, { onWorn: worn.resolve });
  }
});

Deno.test("a host that dies goes on in the spare thread, and there is a new spare", () =>
  withEngine(async (engine) => {
    await add(engine, "one", 1);
    await untilSpare(engine, 0);
    engine.killHost(engine.shardOf("one") % 2, "the test ends it");
    assert.deepEqual(await counted(engine, "one"), { total: 1, count: 1 });
    await untilSpare(engine, 1);
    assert.equal(hostRestarts(engine), 1);
    assert.equal(spareOf(engine)?.lastError, null);
    await eventually(
      "the end of the thread",
      deadlineMs,
      async () => /^sensorium_abandoned_threads 0$/m.test(await engine.metrics()) ? true : null,
    );
  }));

Deno.test("a thread that ends by itself is not taken for one that does not end", () => {
  const died = new Happening("the report of the host's death");
  return withEngine(async (engine, dataDir) => {
    await add(engine, "poison", 3);
    const once = join(dataDir, "exited");
    const target = { kind: "counter", id: "poison" };
    await engine.ask(target, "exits", { once }, { consistency: "strict", deadlineMs });
    await died.done();
    assert.match(await engine.metrics(), /^sensorium_abandoned_threads 0$/m);
  }, { report: () => died.happened() });
});

Deno.test("a host that dies when the spare is dead too gets a new thread, and no metric goes down", () => {
  const reports: string[] = [];
  return withEngine(async (engine) => {
    await load(engine, 2, () => {});
    await untilSpare(engine, 0);
    const before = samples(await engine.metrics());
    engine.killSpare("the test ends it");
    for (const host of [0, 1]) engine.killHost(host, "the test ends it");
    assert.equal(await total(engine, "from"), 2 * 50 * 2);
    await untilSpare(engine, 1);
    assertNoneWentDown(before, samples(await engine.metrics()));
    assert.match(reports.join("\n"), /The spare host died and starts again in \d+ ms: the test ends it/);
  }, { report: ({ message }) => reports.push(message) });
});

for (const writer of ["store", "log"] as const) {
  Deno.test(`the end of the ${writer}'s thread is fatal for the node`, () =>
    withFolder(async (dataDir) => {
      const fatal = Promise.withResolvers<Error>();
      const engine = await startCounters(dataDir, { onFatal: fatal.resolve });
      await add(engine, "one", 1);
      await engine.terminateWriter(writer);
      assert.match((await fatal.promise).message, new RegExp(`The ${writer}'s thread ended with code \\d`));
      await engine.stop(1);
    }));
}

/** Of all hosts, the spare apart: that is restarted whenever it becomes a host. */
function hostRestarts(engine: EmbeddedEngine): number {
  const numbered = hostsOf(engine).filter(({ id }) => id !== "spare");
  return numbered.reduce((sum, { restarts }) => sum + restarts, 0);
}

Deno.test("metrics() never go down when a host dies", () =>
  withEngine(async (engine) => {
    await load(engine, 10, () => {});
    await engine.flush(deadlineMs);
    const before = samples(await engine.metrics());
    assert.ok((before.get("sensorium_messages_folded_total") ?? 0) >= 500);
    assert.ok((before.get("sensorium_test_additions_total") ?? 0) >= 500, "the actors' own counter");
    for (const host of [0, 1]) engine.killHost(host, "the test ends it");
    assertNoneWentDown(before, samples(await engine.metrics()));
    await add(engine, "more", 1);
    await counted(engine, "more");
    const after = samples(await engine.metrics());
    assertNoneWentDown(before, after);
    assert.equal(after.get("sensorium_host_deaths_total"), 2);
  }));

function assertNoneWentDown(before: ReadonlyMap<string, number>, after: ReadonlyMap<string, number>): void {
  for (const [name, value] of before) {
    if (!/_(total|count|sum|bucket)(\{|$)/.test(name)) continue;
    assert.ok((after.get(name) ?? 0) >= value, `${name}: ${value} before, ${after.get(name)} after`);
  }
}

function samples(text: string): Map<string, number> {
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(lines.map((line) => {
    const at = line.lastIndexOf(" ");
    return [line.slice(0, at), Number(line.slice(at + 1))];
  }));
}

Deno.test("openWriters() tells of the loss when the log's or the store's thread ends by itself", () =>
  withFolder(async (dataDir) => {
    for (const name of ["log", "store"] as const) {
      const writers = await openWriters(settle({ definitionsUrl: "", dataDir, shards: 2, threads: 1 }));
      await writers[name].worker.terminate();
      const error = await writers.lost;
      assert.match(error.message, new RegExp(`The ${name}'s thread ended`));
      await writers.close();
    }
  }));
