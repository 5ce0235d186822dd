/**
 * The jobs that wait for a compute thread.
 *
 * 1. A higher priority goes first; within one priority, whoever came first.
 * 2. No more than `maxJobs` wait: at the bound, the newest job of the lowest priority gives way to a higher one, and
 *    else the job that comes is refused. Both are dropped as "full".
 * 3. A job whose `endMs` has come is dropped as "late", and never taken; it makes room before anybody gives way.
 * 4. Every job that was added leaves once: taken, removed, or told of to `drop`.
 */

import type { ComputePriority } from "./compute.ts";

export interface WaitingJob {
  readonly priority: ComputePriority;
  /** When its deadline is over, on the clock that `nowMs` is read from. */
  readonly endMs: number;
}

export interface ComputeQueueParts<J> {
  readonly maxJobs: number;
  /** Hears of a job that will not be taken. Must not call the queue. */
  drop(job: J, reason: "full" | "late"): void;
}

export class ComputeQueue<J extends WaitingJob> {
  readonly #parts: ComputeQueueParts<J>;
  #interactive: J[] = [];
  #normal: J[] = [];
  #background: J[] = [];

  constructor(parts: ComputeQueueParts<J>) {
    this.#parts = parts;
  }

  get length(): number {
    return this.#interactive.length + this.#normal.length + this.#background.length;
  }

  /** When the next job will be late; null when none waits. */
  get nextEndMs(): number | null {
    if (this.length === 0) return null;
    return this.#all().reduce((nextMs, { endMs }) => Math.min(nextMs, endMs), Infinity);
  }

  add(job: J, nowMs: number): void {
    this.#of(job.priority).push(job);
    this.expire(nowMs);
    if (this.length <= this.#parts.maxJobs) return;
    const last = this.#background.pop() ?? this.#normal.pop() ?? this.#interactive.pop();
    if (last !== undefined) this.#parts.drop(last, "full");
  }

  /** The job whose turn it is; null when none waits. */
  take(nowMs: number): J | null {
    this.expire(nowMs);
    return this.#interactive.shift() ?? this.#normal.shift() ?? this.#background.shift() ?? null;
  }

  /** Takes out a job that is not wanted any more; false when it does not wait. */
  remove(job: J): boolean {
    const jobs = this.#of(job.priority);
    const at = jobs.indexOf(job);
    if (at >= 0) jobs.splice(at, 1);
    return at >= 0;
  }

  /** Drops all jobs that are late. */
  expire(nowMs: number): void {
    const late = this.#all().filter(({ endMs }) => endMs <= nowMs);
    if (late.length === 0) return;
    const isInTime = ({ endMs }: J) => endMs > nowMs;
    this.#interactive = this.#interactive.filter(isInTime);
    this.#normal = this.#normal.filter(isInTime);
    this.#background = this.#background.filter(isInTime);
    for (const job of late) this.#parts.drop(job, "late");
  }

  /** Takes out all jobs, in their order. */
  clear(): readonly J[] {
    const jobs = this.#all();
    this.#interactive = [];
    this.#normal = [];
    this.#background = [];
    return jobs;
  }

  #all(): readonly J[] {
    return [...this.#interactive, ...this.#normal, ...this.#background];
  }

  #of(priority: ComputePriority): J[] {
    switch (priority) {
      case "interactive":
        return this.#interactive;
      case "normal":
        return this.#normal;
      case "background":
        return this.#background;
    }
  }
}
