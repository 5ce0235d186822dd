/** A compute thread; `compute_handle.ts` starts it. What a job throws goes back to whoever wants its output. */

import { setPriority } from "node:os";
import process from "node:process";
import { type MessagePort, workerData } from "node:worker_threads";
import { serve } from "../rpc.ts";
import { type JobFunction, loadJobs } from "./compute_module.ts";
import { computeNice } from "./limits.ts";
import { throwBehindExit } from "./thread_exit.ts";

export interface ComputeStart {
  readonly jobsUrl: string;
  readonly main: MessagePort;
}

/** What a job came to. */
export interface JobDone {
  readonly output: unknown;
  /** The processor time that it took, in steps of the system's. */
  readonly usedMs: number;
}

const start: ComputeStart = workerData;
// The job's own error would come before the thread's end.
throwBehindExit(() => start.main.close());
const jobs = await loadJobs(start.jobsUrl);

serve(start.main, {
  names: () => [...jobs.keys()],
  run: (name: string, input: unknown) => {
    const job = jobs.get(name);
    if (job === undefined) throw new Error(`No such job: ${name}`);
    giveWay();
    return outsideTheHandler(job, input);
  },
});

/** With the first job, and not before: a node's start waits for this thread. */
function giveWay(): void {
  // Linux has a priority for each thread: setpriority(2), "C library/kernel differences". Elsewhere it is the process's.
  if (process.platform === "linux") setPriority(computeNice);
}

/** Deno 2.9 never tells of a heap that a message's handler exhausted, and often of one that is exhausted here. */
function outsideTheHandler(job: JobFunction, input: unknown): Promise<JobDone> {
  return new Promise((resolve, reject) => setImmediate(() => void timed(job, input).then(resolve, reject)));
}

async function timed(job: JobFunction, input: unknown): Promise<JobDone> {
  const fromMs = usedMs();
  const output = await job(input);
  return { output, usedMs: usedMs() - fromMs };
}

/** By this thread since it began. */
function usedMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
