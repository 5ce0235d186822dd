/** The compute pool as a part of an engine. */

import assert from "node:assert/strict";
import type { ComputeError, ComputeOptions } from "../../runtime/node/compute.ts";
import type { SupervisionTree, SupervisorTree } from "../../runtime/node/supervisor.ts";
import { add, counted, deadlineMs, hostsOf, startCounters, withEngine } from "./engine_harness.ts";
import { withFolder } from "../services/folder.ts";

const jobsUrl = new URL("./compute_jobs.ts", import.meta.url).href;
const normal: ComputeOptions = { priority: "normal", deadlineMs };

function childrenOf(tree: SupervisorTree, id: string): readonly SupervisionTree[] {
  const child = tree.children.find((child) => child.id === id);
  assert.ok(child?.kind === "supervisor");
  return child.children;
}

Deno.test("an engine without compute options has no compute, and none in its tree", () =>
  withEngine((engine) => {
    assert.equal(engine.compute, null);
    const { id, children } = engine.tree();
    const branches = children.map((child) => child.id);
    assert.deepEqual([id, branches], ["node", ["writers", "gateway", "hosts", "services"]]);
    assert.deepEqual(childrenOf(engine.tree(), "services"), []);
    return Promise.resolve();
  }));

Deno.test("Engine.compute runs jobs; one that hangs leaves the hosts alone, and is in the tree and the metrics", () => {
  const reports: string[] = [];
  const gate = new SharedArrayBuffer(4);
  return withEngine(async (engine) => {
    const { compute } = engine;
    assert.ok(compute !== null);
    assert.equal(await compute.run("sum", Float64Array.of(1, 2), normal), 3);
    const late = assert.rejects(
      compute.run("loops", gate, { priority: "normal", deadlineMs: 200 }),
      { code: "late" },
    );
    await add(engine, "a", 3);
    assert.deepEqual(await counted(engine, "a"), { total: 3, count: 1 });
    await late;
    Atomics.store(new Int32Array(gate), 0, 1);
    assert.equal(await compute.run("sum", Float64Array.of(3, 4), normal), 7);
    const [threads] = childrenOf(engine.tree(), "services");
    assert.ok(threads?.kind === "supervisor");
    assert.deepEqual([threads.id, threads.children.map(({ restarts }) => restarts)], ["compute", [1]]);
    assert.ok(hostsOf(engine).every(({ restarts }) => restarts === 0));
    assert.match(
      reports.join("\n"),
      /^compute-0 died and starts again in \d+ ms: The job loops did not end within its 200 ms$/,
    );
    const metrics = await engine.metrics();
    assert.match(metrics, /^sensorium_compute_jobs_total\{outcome="done"\} 2$/m);
    assert.match(metrics, /^sensorium_compute_jobs_total\{outcome="late"\} 1$/m);
    assert.match(metrics, /^sensorium_compute_thread_deaths_total 1$/m);
    assert.match(metrics, /^sensorium_compute_waiting 0$/m);
  }, { compute: { jobsUrl }, report: ({ message }) => reports.push(message) });
});

Deno.test("an engine that stops rejects jobs that run and that wait", () =>
  withFolder(async (dataDir) => {
    const engine = await startCounters(dataDir, { compute: { jobsUrl } });
    const { compute } = engine;
    assert.ok(compute !== null);
    const isStopped = ({ code }: ComputeError) => code === "stopped";
    const gate = new SharedArrayBuffer(4);
    const jobs = ["loops", "count"].map((job) => assert.rejects(compute.run(job, gate, normal), isStopped));
    await engine.stop(deadlineMs);
    await Promise.all(jobs);
    Atomics.store(new Int32Array(gate), 0, 1);
  }));

Deno.test("an engine whose jobs cannot be imported tells why, as of a part that it cannot do without", () =>
  withFolder(async (dataDir) => {
    const compute = { jobsUrl: "data:text/javascript,export const jobs = 3" };
    const fatal = Promise.withResolvers<Error>();
    const engine = await startCounters(dataDir, { compute, onFatal: fatal.resolve });
    assert.match((await fatal.promise).message, /does not export a record of jobs/);
    await engine.stop(deadlineMs);
  }));
