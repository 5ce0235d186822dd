/** Jobs on real threads: one that misbehaves loses its thread, and no other job notices. */

import assert from "node:assert/strict";
import { getPriority } from "node:os";
import process from "node:process";
import type { ComputeErrorCode, ComputeOptions } from "../../runtime/node/compute.ts";
import { ComputeMetrics } from "../../runtime/node/compute_metrics.ts";
import { AbandonedThreads } from "../../runtime/node/abandoned.ts";
import { ComputePool, type ComputeSettings } from "../../runtime/node/compute_pool.ts";
import {
  computeIntensity,
  computeNice,
  maxComputeJobs,
  maxComputeRestMs,
} from "../../runtime/node/limits.ts";
import {
  type SupervisionNotice,
  Supervisor,
  supervisorChild,
  type SupervisorParts,
  type WorkerTree,
} from "../../runtime/node/supervisor.ts";
import { machineTimerClock, type TimerClock } from "../../runtime/node/timer_clock.ts";
import { Registry } from "../../runtime/prom_client.ts";
import { ManualClock } from "../unit/manual_clock.ts";
import { deadlineMs } from "./engine_harness.ts";

const jobsUrl = new URL("./compute_jobs.ts", import.meta.url).href;
const normal: ComputeOptions = { priority: "normal", deadlineMs };

class Rig {
  /** Opened when the test is over: what still loops then ends. */
  readonly end = new SharedArrayBuffer(4);
  readonly registry = new Registry();
  readonly abandoned = new AbandonedThreads({
    clock: machineTimerClock,
    residentBytes: () => 0,
    report: () => {},
    onWorn: () => {},
  });
  readonly notices: SupervisionNotice[] = [];
  readonly pool: ComputePool;
  readonly supervisor: Supervisor;
  freeShare = 1;

  constructor(settings: Partial<ComputeSettings>, clock = machineTimerClock) {
    const metrics = new ComputeMetrics(this.registry, () => this.pool);
    this.pool = new ComputePool({
      settings: { jobsUrl, threads: 1, heapMiB: 64, ...settings },
      clock,
      abandoned: this.abandoned,
      observer: metrics,
      freeShare: () => this.freeShare,
    });
    this.supervisor = new Supervisor(this.pool.supervised(), {
      clock: machineTimerClock,
      random: () => 0,
      onNotice: (notice) => this.notices.push(notice),
    });
  }

  /** Blocks a thread; the function that is returned lets it go on. */
  hold(): { readonly held: Promise<string>; open(): void } {
    const gate = new SharedArrayBuffer(4);
    const held = this.pool.run<string>("hold", gate, normal);
    return { held, open: () => open(gate) };
  }

  sum(...values: number[]): Promise<number> {
    return this.pool.run("sum", Float64Array.from(values), normal);
  }

  threads(): readonly WorkerTree[] {
    return this.supervisor.tree().children.filter((child) => child.kind === "worker");
  }

  /** By name and outcome. */
  async counters(): Promise<ReadonlyMap<string, number>> {
    const all = await this.registry.getMetricsAsJSON();
    const samples = all.flatMap(({ name, values }) =>
      values.map(({ labels, value }) => [[name, ...Object.values(labels)].join(" "), value] as const)
    );
    return new Map(samples.map(([name, value]) => [name.replace("sensorium_compute_", ""), value]));
  }
}

function open(gate: SharedArrayBuffer): void {
  Atomics.store(new Int32Array(gate), 0, 1);
  Atomics.notify(new Int32Array(gate), 0);
}

async function withPool(
  settings: Partial<ComputeSettings>,
  test: (rig: Rig) => Promise<void>,
  clock?: TimerClock,
): Promise<void> {
  const rig = new Rig(settings, clock);
  await rig.supervisor.start();
  try {
    await test(rig);
  } finally {
    open(rig.end);
    rig.pool.close();
    await rig.supervisor.stop();
    rig.abandoned.close();
  }
}

function failsWith(work: Promise<unknown>, code: ComputeErrorCode, message: RegExp): Promise<void> {
  return assert.rejects(work, { name: "ComputeError", code, message });
}

Deno.test("ComputePool.run() resolves with what a job returns, awaited or not", () =>
  withPool({}, async (rig) => {
    assert.equal(await rig.sum(1, 2, 3.5), 6.5);
    const doubled = await rig.pool.run("sumLater", Float64Array.of(1, 2), normal);
    assert.deepEqual(doubled, Float64Array.of(2, 4));
  }));

Deno.test("ComputePool.run() moves buffers to the thread when it is told to, and copies others", () =>
  withPool({}, async ({ pool }) => {
    const [copied, moved] = [Float64Array.of(1, 2), Float64Array.of(3, 4)];
    assert.equal(await pool.run("sum", copied, normal), 3);
    assert.equal(copied.length, 2);
    assert.equal(await pool.run("sum", moved, { ...normal, transfer: [moved.buffer] }), 7);
    assert.equal(moved.length, 0);
  }));

Deno.test({
  name: "ComputePool's threads give way to all others on Linux",
  ignore: process.platform !== "linux",
  fn: () =>
    withPool({}, async ({ pool }) => {
      assert.equal(await pool.run("niceness", null, normal), computeNice);
      assert.ok(getPriority() < computeNice, "the thread alone");
    }),
});

Deno.test("ComputePool.run() rejects with what a job throws, and its thread goes on", () =>
  withPool({}, async (rig) => {
    const { pool } = rig;
    assert.equal(await pool.run("count", null, normal), 1);
    await failsWith(pool.run("throws", null, normal), "failed", /^a series of 3 points has no period of 7$/);
    await failsWith(pool.run("throwsLater", null, normal), "failed", /^not a number$/);
    await failsWith(pool.run("returnsFunction", null, normal), "failed", /could not be cloned/);
    await failsWith(pool.run("sum", () => 1, normal), "failed", /could not be cloned/);
    await failsWith(pool.run("sun", null, normal), "unknown-job", /There is no job sun/);
    assert.equal(await pool.run("count", null, normal), 2);
    assert.deepEqual(rig.threads().map(({ restarts }) => restarts), [0]);
  }));

Deno.test("a job that loops for ever loses its thread at its deadline; the others' outputs come", () => {
  const clock = new ManualClock();
  return withPool({ threads: 2 }, async (rig) => {
    const loops = rig.pool.run("loops", rig.end, { priority: "normal", deadlineMs: 200 });
    const beside = Array.from({ length: 20 }, (_, n) => rig.sum(n, 1));
    assert.deepEqual(await Promise.all(beside), Array.from({ length: 20 }, (_, n) => n + 1));
    assert.equal(rig.pool.running, 1);
    const late = failsWith(loops, "late", /The job loops did not end within its 200 ms/);
    await clock.advance(200);
    await late;
    // Both threads at once: the one that was lost is back.
    const [one, other] = [rig.hold(), rig.hold()];
    one.open();
    other.open();
    await Promise.all([one.held, other.held]);
    assert.equal(await rig.sum(4, 5), 9);
    assert.deepEqual(rig.notices.map(({ type }) => type), ["childFailed"]);
  }, clock);
});

Deno.test("a job that hangs on the only thread makes others wait, until the tree shows its restart", () =>
  withPool({}, async (rig) => {
    const loops = rig.pool.run("loops", rig.end, { priority: "normal", deadlineMs: 200 });
    const after = rig.sum(1, 2);
    const [thread] = rig.threads();
    assert.deepEqual([thread?.id, thread?.state, thread?.restarts], ["compute-0", "running", 0]);
    assert.match(
      JSON.stringify(thread?.details),
      /^\{"job":\{"name":"loops","forMs":[\d.]+\},"restsForMs":0,"waiting":1\}$/,
    );
    await failsWith(loops, "late", /loops/);
    assert.equal(await after, 3);
    const [next] = rig.threads();
    assert.deepEqual([next?.state, next?.restarts], ["running", 1]);
    assert.deepEqual(next?.details, { job: null, restsForMs: 0, waiting: 0 });
    assert.match(next?.lastError ?? "", /^compute-0 died: The job loops did not end within its 200 ms$/);
  }));

Deno.test("a job that ends its thread is told of as dead at once, and the next one runs", () =>
  withPool({}, async (rig) => {
    await failsWith(
      rig.pool.run("exits", null, normal),
      "died",
      /^compute-0 died: its thread ended with code 0/,
    );
    assert.equal(await rig.sum(1, 2), 3);
  }));

for (const job of ["eats", "eatsLater"]) {
  Deno.test(`a job that exhausts its heap (${job}) is dead or late by its deadline, and the next one runs`, () =>
    withPool({}, async (rig) => {
      const eats = rig.pool.run(job, rig.end, { priority: "normal", deadlineMs: 500 });
      // Whether Deno tells of it depends on what was allocated.
      await assert.rejects(
        eats,
        ({ code }: { code: ComputeErrorCode }) => code === "late" || code === "died",
      );
      open(rig.end);
      assert.equal(await rig.sum(1, 2), 3);
      assert.deepEqual(rig.threads().map(({ restarts }) => restarts), [1]);
    }));
}

Deno.test("jobs that lose their threads never make the supervisor give up", () =>
  withPool({}, async (rig) => {
    const deaths = computeIntensity.restarts + 1;
    for (let n = 0; n < deaths; n++) {
      await failsWith(rig.pool.run("exits", null, normal), "died", /code 0/);
    }
    assert.equal(await rig.sum(1, 2), 3);
    assert.deepEqual(rig.threads().map(({ restarts }) => restarts), [deaths]);
  }));

Deno.test("threads that die without a job make their supervisor give up, and its own starts it again", async () => {
  const rig = new Rig({});
  let failed = Promise.withResolvers<string>();
  const parts: SupervisorParts = {
    clock: machineTimerClock,
    random: () => 0,
    onNotice: (notice) => {
      if (notice.type === "childFailed") failed.resolve(notice.child);
    },
  };
  const compute = supervisorChild(rig.pool.supervised(), parts);
  const backoff = { firstMs: 1, maxMs: 1, jitter: 0, healthyMs: 60_000 };
  const intensity = { restarts: 1, withinMs: 60_000 };
  const node = new Supervisor(
    { id: "node", strategy: "one_for_one", intensity, backoff, children: [compute] },
    parts,
  );
  await node.start();
  const children: string[] = [];
  for (let n = 0; n <= computeIntensity.restarts; n++) {
    const gate = new SharedArrayBuffer(4);
    await rig.pool.run("exitsAfterwards", gate, normal);
    open(gate);
    children.push(await failed.promise);
    failed = Promise.withResolvers<string>();
  }
  assert.deepEqual(
    children,
    [...new Array<string>(computeIntensity.restarts).fill("compute-0"), "compute"],
  );
  assert.equal(await rig.sum(1, 2), 3);
  // The thread takes jobs before its supervisor hears that it is up.
  assert.deepEqual(node.tree().children.map(({ id, restarts }) => [id, restarts]), [["compute", 1]]);
  rig.pool.close();
  await node.stop();
  rig.abandoned.close();
});

Deno.test("ComputePool.run() lets higher priorities go first, and equal ones in the order they came", () =>
  withPool({}, async (rig) => {
    const { held, open } = rig.hold();
    const order: string[] = [];
    const priorities = ["background", "normal", "interactive", "background", "interactive"] as const;
    const runs = priorities.map(async (priority, n) => {
      await rig.pool.run("count", null, { priority, deadlineMs });
      order.push(`${n} ${priority}`);
    });
    open();
    await Promise.all([held, ...runs]);
    assert.deepEqual(order, ["2 interactive", "4 interactive", "1 normal", "0 background", "3 background"]);
  }));

Deno.test("ComputePool's thread rests behind a job while others want the processors, and then goes on", () =>
  withPool({}, async (rig) => {
    const rested = async () => (await rig.counters()).get("rest_seconds_total")!;
    await rig.pool.run("burn", 30, normal);
    assert.equal(await rested(), 0, "all processors are free");
    rig.freeShare = 0.25;
    await rig.pool.run("burn", 30, normal);
    const restMs = 1000 * await rested();
    assert.ok(restMs > 0 && restMs <= maxComputeRestMs, `${restMs} ms`);
    const fromMs = performance.now();
    const next = rig.sum(1, 2);
    assert.deepEqual([rig.pool.running, rig.pool.waiting], [0, 1]);
    const [thread] = rig.threads();
    assert.ok(Number((thread!.details as { restsForMs: number }).restsForMs) > 0);
    assert.equal(await next, 3);
    assert.ok(performance.now() - fromMs > restMs / 2, "it waited");
  }));

Deno.test("ComputePool gives a thread its next job also when its rest ends while the pool looks at it", () => {
  // Each reading is later than the one before, as a processor's is that others want, too.
  let nowMs = 0;
  const clock: TimerClock = {
    ...machineTimerClock,
    nowMs: () => nowMs += 0.2,
    after: (delayMs, run) => {
      if (delayMs > maxComputeRestMs) return () => {};
      const timer = setTimeout(() => {
        nowMs += Math.max(0, delayMs - 0.3);
        run();
      }, 0);
      return () => clearTimeout(timer);
    },
  };
  return withPool({}, async (rig) => {
    rig.freeShare = 0.01;
    const endless: ComputeOptions = { priority: "normal", deadlineMs: 1e9 };
    for (let n = 0; n < 20; n++) await rig.pool.run("burn", 10, endless);
    assert.ok((await rig.counters()).get("rest_seconds_total")! > 0);
  }, clock);
});

Deno.test("ComputePool.run() refuses what is above the bound, unless something of a lower priority waits", () =>
  withPool({}, async (rig) => {
    const { held, open } = rig.hold();
    const background: ComputeOptions = { priority: "background", deadlineMs };
    const kept = Array.from({ length: maxComputeJobs - 1 }, () => rig.sum(1));
    const newest = rig.pool.run("count", null, background);
    const refused = failsWith(rig.pool.run("count", null, background), "full", /256 jobs wait/);
    const displaced = failsWith(newest, "full", /256 jobs wait/);
    const higher = rig.sum(2, 3);
    await Promise.all([refused, displaced]);
    assert.equal(rig.pool.waiting, maxComputeJobs);
    open();
    await held;
    assert.equal(await higher, 5);
    assert.deepEqual(new Set(await Promise.all(kept)), new Set([1]));
  }));

Deno.test("ComputePool.run() drops a job at its deadline when it still waits", () =>
  withPool({}, async (rig) => {
    const { held, open } = rig.hold();
    const late = rig.pool.run("count", null, { priority: "interactive", deadlineMs: 50 });
    await failsWith(late, "late", /The job count did not begin within its 50 ms/);
    open();
    await held;
    assert.equal(await rig.pool.run("count", null, normal), 1);
  }));

Deno.test("an abort forgets a waiting job, and takes the thread from one that runs", () =>
  withPool({}, async (rig) => {
    const [waits, runs] = [new AbortController(), new AbortController()];
    const running = rig.pool.run("loops", rig.end, { ...normal, signal: runs.signal });
    const waiting = rig.pool.run("count", null, { ...normal, signal: waits.signal });
    waits.abort();
    await failsWith(waiting, "cancelled", /The job count was cancelled/);
    assert.deepEqual([rig.pool.running, rig.pool.waiting], [1, 0]);
    runs.abort();
    await failsWith(running, "cancelled", /The job loops was cancelled/);
    await failsWith(rig.pool.run("count", null, { ...normal, signal: runs.signal }), "cancelled", /count/);
    assert.equal(await rig.pool.run("count", null, normal), 1, "a new thread, on which none of these ran");
    assert.deepEqual(rig.threads().map(({ restarts }) => restarts), [1]);
  }));

Deno.test("ComputePool.close() rejects what runs, what waits, and what comes", async () => {
  const rig = new Rig({});
  await rig.supervisor.start();
  const running = failsWith(rig.pool.run("loops", rig.end, normal), "stopped", /loops/);
  const waiting = failsWith(rig.sum(1), "stopped", /Cannot run sum: the node is stopping/);
  rig.pool.close();
  await Promise.all([running, waiting]);
  await rig.supervisor.stop();
  open(rig.end);
  rig.abandoned.close();
  await failsWith(rig.sum(1), "stopped", /sum/);
  assert.deepEqual(rig.notices, []);
});

Deno.test("a job that runs when its supervisor stops is rejected; one that waits has the next supervisor's thread", async () => {
  const rig = new Rig({});
  await rig.supervisor.start();
  const running = failsWith(rig.pool.run("loops", rig.end, normal), "stopped", /compute-0 was stopped/);
  const waiting = rig.sum(1, 2);
  await rig.supervisor.stop();
  await running;
  open(rig.end);
  const next = new Supervisor(rig.pool.supervised(), {
    clock: machineTimerClock,
    random: () => 0,
    onNotice: () => {},
  });
  await next.start();
  assert.equal(await waiting, 3);
  rig.pool.close();
  await next.stop();
  rig.abandoned.close();
});

Deno.test("counters count every job by its outcome, and never go down when threads die", () =>
  withPool({}, async (rig) => {
    let before = await rig.counters();
    const neverDown = async () => {
      const now = await rig.counters();
      for (const [name, value] of before) {
        if (name.includes("_total")) assert.ok((now.get(name) ?? 0) >= value, name);
      }
      before = now;
    };
    await rig.sum(1);
    await neverDown();
    await failsWith(rig.pool.run("throws", null, normal), "failed", /period/);
    await failsWith(rig.pool.run("exits", null, normal), "died", /code 0/);
    await neverDown();
    await rig.sum(1);
    await failsWith(rig.pool.run("loops", rig.end, { ...normal, deadlineMs: 100 }), "late", /loops/);
    await neverDown();
    await rig.sum(1);
    await neverDown();
    const outcomes = ["done", "failed", "died", "late"].map((outcome) => before.get(`jobs_total ${outcome}`));
    assert.deepEqual(outcomes, [3, 1, 1, 1]);
    assert.equal(before.get("thread_deaths_total"), 2);
    assert.deepEqual([before.get("waiting"), before.get("running")], [0, 0]);
    assert.ok((before.get("busy_seconds_total") ?? 0) > 0);
  }));

Deno.test("a module of jobs that cannot be used fails the start with a sentence", async () => {
  const cases = [
    ["data:text/javascript,export const jobs = 3", /does not export a record of jobs/],
    ["data:text/javascript,export const jobs = { a: 3 }", /The job a of .* is not a function/],
    [new URL("./no_such_file.ts", import.meta.url).href, /Cannot import the jobs from .*no_such_file/],
  ] as const;
  for (const [url, message] of cases) {
    const rig = new Rig({ jobsUrl: url });
    await assert.rejects(rig.supervisor.start(), { code: "start_failed", message });
    rig.abandoned.close();
  }
});
