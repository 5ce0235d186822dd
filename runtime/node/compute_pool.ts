/**
 * Jobs on compute threads: one at a time on each, the others in a queue.
 *
 * 1. Guarantees 1 and 2 of `compute.ts`.
 * 2. Threads are started by whoever supervises `supervised()`, and by nobody else. Jobs wait meanwhile.
 * 3. `observer` hears once of each job that was given to `run`, and of each thread that died.
 * 4. Behind a job its thread rests, the longer the less of the processors is free: what others want, jobs do not take
 *    (`restMs` of `compute_rest.ts`). A job that comes after the rest does not wait.
 */

import type { Json } from "../core/actor.ts";
import { errorMessage } from "../core/errors.ts";
import type { AbandonedThreads } from "./abandoned.ts";
import { type Compute, ComputeError, type ComputeErrorCode, type ComputeOptions } from "./compute.ts";
import { ComputeHandle, type ComputeThreadSettings } from "./compute_handle.ts";
import { ComputeQueue, type WaitingJob } from "./compute_queue.ts";
import { restMs } from "./compute_rest.ts";
import { computeBackoff, computeIntensity, maxComputeJobs } from "./limits.ts";
import type { supervisorChild } from "./supervisor.ts";
import type { TimerClock } from "./timer_clock.ts";

export interface ComputeSettings extends ComputeThreadSettings {
  readonly threads: number;
}

export interface ComputeObserver {
  /** `busyMs`: how long it had a thread. */
  jobEnded(outcome: "done" | ComputeErrorCode, busyMs: number): void;
  /** How long a thread takes no job, so that others have the processors. */
  rests(ms: number): void;
  threadDied(): void;
}

export interface ComputePoolParts {
  readonly settings: ComputeSettings;
  readonly clock: TimerClock;
  /** Looks after threads that do not end. */
  readonly abandoned: AbandonedThreads;
  readonly observer: ComputeObserver;
  /** Of the processors, from 0 to 1, lately. */
  freeShare(): number;
}

interface Job extends WaitingJob {
  readonly name: string;
  readonly deadlineMs: number;
  /** Runs it; gives what hands its output over. */
  begin(thread: ComputeHandle): Promise<Done>;
  reject(error: ComputeError): void;
}

interface Done {
  readonly usedMs: number;
  handOver(): void;
}

interface RunningJob {
  readonly job: Job;
  readonly sinceMs: number;
}

export class ComputePool implements Compute {
  readonly #parts: ComputePoolParts;
  readonly #threads: readonly ComputeHandle[];
  readonly #queue: ComputeQueue<Job>;
  readonly #running = new Map<ComputeHandle, RunningJob>();
  /** Until when each thread rests; `#turn` takes out what is over, so that the timer misses none. */
  readonly #rests = new Map<ComputeHandle, number>();
  #isClosed = false;
  #cancelTimer = () => {};

  constructor(parts: ComputePoolParts) {
    this.#parts = parts;
    const drop = (job: Job, reason: "full" | "late") => this.#refuse(job, reason);
    this.#queue = new ComputeQueue({ maxJobs: maxComputeJobs, drop });
    this.#threads = Array.from({ length: parts.settings.threads }, (_, at) => this.#makeThread(at));
  }

  #makeThread(at: number): ComputeHandle {
    const thread: ComputeHandle = new ComputeHandle({
      id: `compute-${at}`,
      settings: this.#parts.settings,
      abandoned: this.#parts.abandoned,
      onUp: () => this.#turn(),
      onDeath: () => this.#parts.observer.threadDied(),
      details: () => this.#detailsOf(thread),
    });
    return thread;
  }

  #detailsOf(thread: ComputeHandle): Json {
    const running = this.#running.get(thread);
    const job = running === undefined
      ? null
      : { name: running.job.name, forMs: this.#parts.clock.nowMs() - running.sinceMs };
    const restsForMs = Math.max(0, (this.#rests.get(thread) ?? 0) - this.#parts.clock.nowMs());
    return { job, restsForMs, waiting: this.waiting };
  }

  /** The supervisor of the threads, as a child of another. */
  supervised(): Parameters<typeof supervisorChild>[0] {
    return {
      id: "compute",
      restart: "permanent",
      strategy: "one_for_one",
      intensity: computeIntensity,
      backoff: computeBackoff,
      children: this.#threads.map((thread) => thread.child()),
    };
  }

  /** Jobs that wait. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** Jobs that have a thread. */
  get running(): number {
    return this.#running.size;
  }

  run<T>(name: string, input: unknown, options: ComputeOptions): Promise<T> {
    const { priority, deadlineMs, signal, transfer = [] } = options;
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const job: Job = {
      name,
      priority,
      deadlineMs,
      endMs: this.#parts.clock.nowMs() + deadlineMs,
      begin: async (thread) => {
        const { output, usedMs } = await thread.run(name, input, transfer);
        return { usedMs, handOver: () => resolve(output as T) };
      },
      reject,
    };
    const cancel = () => this.#cancel(job);
    signal?.addEventListener("abort", cancel, { once: true });
    const unlisten = () => signal?.removeEventListener("abort", cancel);
    promise.then(unlisten, unlisten);
    if (this.#isClosed) this.#refuse(job, "stopped");
    else if (signal?.aborted) this.#refuse(job, "cancelled");
    else {
      this.#queue.add(job, this.#parts.clock.nowMs());
      this.#turn();
    }
    return promise;
  }

  /** Ends all jobs as stopped, and takes no more. The threads are their supervisor's to stop. */
  close(): void {
    this.#isClosed = true;
    for (const job of this.#queue.clear()) this.#refuse(job, "stopped");
    for (const [thread, running] of this.#running) this.#abandon(thread, running, "stopped");
    this.#setTimer();
  }

  /** Ends what is late, gives free threads their next jobs, and sets the timer to when that is to be done again. */
  #turn(): void {
    const nowMs = this.#parts.clock.nowMs();
    this.#queue.expire(nowMs);
    for (const [thread, running] of this.#running) {
      if (running.job.endMs <= nowMs) this.#kill(thread, running, "late");
    }
    for (const [thread, untilMs] of this.#rests) {
      if (untilMs <= nowMs) this.#rests.delete(thread);
    }
    for (const thread of this.#threads) {
      if (thread.jobs === null || this.#running.has(thread) || this.#rests.has(thread)) continue;
      const job = this.#next(thread.jobs, nowMs);
      if (job !== null) this.#begin(thread, { job, sinceMs: nowMs });
    }
    this.#setTimer();
  }

  #next(known: ReadonlySet<string>, nowMs: number): Job | null {
    for (;;) {
      const job = this.#queue.take(nowMs);
      if (job === null || known.has(job.name)) return job;
      this.#refuse(job, "unknown-job");
    }
  }

  #begin(thread: ComputeHandle, running: RunningJob): void {
    this.#running.set(thread, running);
    running.job.begin(thread).then(
      ({ usedMs, handOver }) =>
        this.#ended(thread, running, "done", () => {
          this.#rest(thread, usedMs, this.#parts.clock.nowMs() - running.sinceMs);
          handOver();
        }),
      (thrown: unknown) => {
        // Else its input could not be cloned.
        const error = thrown instanceof ComputeError
          ? thrown
          : new ComputeError("failed", errorMessage(thrown), { cause: thrown });
        this.#ended(thread, running, error.code, () => running.job.reject(error));
      },
    );
  }

  /** Hears of every end; the one of a job that was abandoned before means nothing. */
  #ended(
    thread: ComputeHandle,
    running: RunningJob,
    outcome: "done" | ComputeErrorCode,
    settle: () => void,
  ): void {
    if (this.#running.get(thread) !== running) return;
    this.#running.delete(thread);
    this.#parts.observer.jobEnded(outcome, this.#parts.clock.nowMs() - running.sinceMs);
    settle();
    this.#turn();
  }

  #rest(thread: ComputeHandle, usedMs: number, tookMs: number): void {
    const ms = restMs(usedMs, tookMs, this.#parts.freeShare());
    if (ms === 0) return;
    this.#rests.set(thread, this.#parts.clock.nowMs() + ms);
    this.#parts.observer.rests(ms);
  }

  #cancel(job: Job): void {
    if (this.#queue.remove(job)) this.#refuse(job, "cancelled");
    for (const [thread, running] of this.#running) {
      if (running.job === job) this.#kill(thread, running, "cancelled");
    }
    this.#setTimer();
  }

  #kill(thread: ComputeHandle, running: RunningJob, code: "late" | "cancelled"): void {
    this.#abandon(thread, running, code);
    thread.kill(errorSentence(running.job, code, true));
  }

  #abandon(
    thread: ComputeHandle,
    { job, sinceMs }: RunningJob,
    code: "late" | "cancelled" | "stopped",
  ): void {
    this.#running.delete(thread);
    this.#parts.observer.jobEnded(code, this.#parts.clock.nowMs() - sinceMs);
    job.reject(new ComputeError(code, errorSentence(job, code, true)));
  }

  /** Ends a job that has no thread. */
  #refuse(job: Job, code: RefusalCode): void {
    this.#parts.observer.jobEnded(code, 0);
    job.reject(new ComputeError(code, errorSentence(job, code, false)));
  }

  #setTimer(): void {
    this.#cancelTimer();
    const { clock } = this.#parts;
    const endsMs = [...this.#running.values()].map(({ job }) => job.endMs);
    const restsMs = this.waiting === 0 ? [] : this.#rests.values();
    const nextMs = Math.min(...endsMs, ...restsMs, this.#queue.nextEndMs ?? Infinity);
    if (nextMs === Infinity) return;
    this.#cancelTimer = clock.after(Math.max(0, nextMs - clock.nowMs()), () => this.#turn());
  }
}

type RefusalCode = "full" | "late" | "cancelled" | "stopped" | "unknown-job";

function errorSentence({ name, priority, deadlineMs }: Job, code: RefusalCode, hasBegun: boolean): string {
  switch (code) {
    case "full":
      return `Cannot run ${name}: ${maxComputeJobs} jobs wait, and none of less than ${priority} priority. Try later.`;
    case "late":
      return `The job ${name} did not ${hasBegun ? "end" : "begin"} within its ${deadlineMs} ms`;
    case "cancelled":
      return `The job ${name} was cancelled`;
    case "stopped":
      return `Cannot run ${name}: the node is stopping`;
    case "unknown-job":
      return `There is no job ${name}: the module of the jobs does not export it`;
  }
}
