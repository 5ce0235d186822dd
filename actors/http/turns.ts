/**
 * Work takes turns on the thread that answers all requests.
 *
 * 1. First come, first served. After `turnSliceMs`, and the work under way, the event loop has its turn: timers, messages
 *    of other threads, requests that are only arriving. `Deno.serve` gives it none by itself: as long as clients have
 *    sent more requests ahead, it calls for their answers one after another, for seconds.
 * 2. While the first in line has waited longer than `maxWaitMs`, `check` refuses what has not begun; and work whose turn
 *    comes after twice that time is refused then. So what is accepted has waited less, on a machine of any speed.
 */

import { Fifo } from "../../runtime/core/fifo.ts";
import { turnSliceMs } from "./limits.ts";
import { ProblemError } from "./problem.ts";

interface Waiting {
  readonly sinceMs: number;
  run(): void;
  refuse(waitedMs: number): void;
}

export class Turns {
  readonly #maxWaitMs: number;
  readonly #nowMs: () => number;
  readonly #line = new Fifo<Waiting>();
  #sliceBegunMs = 0;
  /** A slice has begun, and the one that follows it is asked for. */
  #hasBegun = false;

  constructor(maxWaitMs: number, nowMs: () => number) {
    this.#maxWaitMs = maxWaitMs;
    this.#nowMs = nowMs;
  }

  /** What `work` gives when its turn comes: at once, where nobody waits. Rejects with a problem when that took too long. */
  take<T>(work: () => T | PromiseLike<T>): Promise<T> {
    const nowMs = this.#nowMs();
    if (!this.#hasBegun) this.#begin(nowMs);
    else if (this.#line.length > 0 || nowMs - this.#sliceBegunMs >= turnSliceMs) {
      return this.#wait(work, nowMs);
    }
    return new Promise((resolve) => resolve(work()));
  }

  /** Throws a problem when nothing more should be begun with. */
  check(): void {
    const first = this.#line.at(0);
    if (first === undefined) return;
    const waitedMs = this.#nowMs() - first.sinceMs;
    if (waitedMs > this.#maxWaitMs) throw this.#overloaded(waitedMs);
  }

  #wait<T>(work: () => T | PromiseLike<T>, nowMs: number): Promise<T> {
    return new Promise<T>((resolve, reject) =>
      this.#line.push({
        sinceMs: nowMs,
        run: () => {
          try {
            resolve(work());
          } catch (thrown) {
            reject(thrown);
          }
        },
        refuse: (waitedMs) => reject(this.#overloaded(waitedMs)),
      })
    );
  }

  #begin(nowMs: number): void {
    this.#sliceBegunMs = nowMs;
    this.#hasBegun = true;
    setImmediate(() => this.#slice());
  }

  #slice(): void {
    this.#hasBegun = false;
    if (this.#line.length === 0) return;
    const begunMs = this.#nowMs();
    this.#begin(begunMs);
    for (let nowMs = begunMs; nowMs - begunMs < turnSliceMs; nowMs = this.#nowMs()) {
      const waiting = this.#line.shift();
      if (waiting === undefined) return;
      const waitedMs = nowMs - waiting.sinceMs;
      if (waitedMs > 2 * this.#maxWaitMs) waiting.refuse(waitedMs);
      else waiting.run();
    }
  }

  #overloaded(waitedMs: number): ProblemError {
    const seconds = (ms: number) => (ms / 1000).toFixed(1);
    const detail = `Requests wait ${seconds(waitedMs)} s for their turn, and ${
      seconds(this.#maxWaitMs)
    } s is the most.`;
    return new ProblemError("overloaded", detail);
  }
}
