/** The product's compute thread in this process: the pool, its supervisor and its jobs as a node has them. */

import { AbandonedThreads } from "../../runtime/node/abandoned.ts";
import type { ComputePriority } from "../../runtime/node/compute.ts";
import { ComputePool } from "../../runtime/node/compute_pool.ts";
import { FreeProcessors } from "../../runtime/node/free_processors.ts";
import { defaultComputeHeapMiB } from "../../runtime/node/limits.ts";
import { Supervisor } from "../../runtime/node/supervisor.ts";
import { machineTimerClock } from "../../runtime/node/timer_clock.ts";

const deadlineMs = 120_000;
const jobsUrl = new URL("../../actors/analysis/jobs.ts", import.meta.url).href;

export interface Timed<T> {
  readonly output: T;
  /** From when it was asked for until its output was here. */
  readonly tookMs: number;
}

export interface BenchCompute {
  run<T>(job: string, input: unknown): Promise<Timed<T>>;
  /** How long each job that has ended had the thread, in the order in which they ended. */
  readonly busyMs: readonly number[];
}

export async function withCompute<T>(use: (compute: BenchCompute) => Promise<T>): Promise<T> {
  const busyMs: number[] = [];
  const free = new FreeProcessors();
  const abandoned = new AbandonedThreads({
    clock: machineTimerClock,
    residentBytes: () => 0,
    report: () => {},
    onWorn: () => {},
  });
  const pool = new ComputePool({
    settings: { jobsUrl, threads: 1, heapMiB: defaultComputeHeapMiB },
    clock: machineTimerClock,
    abandoned,
    observer: { jobEnded: (_outcome, ms) => void busyMs.push(ms), rests: () => {}, threadDied: () => {} },
    freeShare: () => free.share(),
  });
  const supervisor = new Supervisor(pool.supervised(), {
    clock: machineTimerClock,
    random: Math.random,
    onNotice: () => {},
  });
  await supervisor.start();
  const priority: ComputePriority = "background";
  try {
    return await use({
      busyMs,
      async run<T>(job: string, input: unknown) {
        const fromMs = performance.now();
        const output = await pool.run<T>(job, input, { priority, deadlineMs });
        return { output, tookMs: performance.now() - fromMs };
      },
    });
  } finally {
    pool.close();
    await supervisor.stop();
    abandoned.close();
  }
}
