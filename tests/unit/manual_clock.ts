/** A clock that a test moves. */

import type { TimerClock } from "../../runtime/node/timer_clock.ts";

export class ManualClock implements TimerClock {
  readonly #timers = new Set<{ readonly dueMs: number; readonly run: () => void }>();
  #nowMs = 0;

  get timers(): number {
    return this.#timers.size;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  sleep(durationMs: number): Promise<void> {
    return new Promise((resolve) => this.after(durationMs, resolve));
  }

  after(delayMs: number, run: () => void): () => void {
    const timer = { dueMs: this.#nowMs + delayMs, run };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }

  /** Runs what becomes due, and lets promises settle after each. */
  async advance(durationMs: number): Promise<void> {
    const untilMs = this.#nowMs + durationMs;
    for (;;) {
      const due = [...this.#timers].filter(({ dueMs }) =>
        dueMs <= untilMs
      ).sort((a, b) => a.dueMs - b.dueMs)[0];
      if (due === undefined) break;
      this.#timers.delete(due);
      this.#nowMs = due.dueMs;
      due.run();
      await settled();
    }
    this.#nowMs = untilMs;
  }
}

/** Every promise that can settle has, after one turn of the event loop. */
export function settled(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => {
    port1.close();
    port2.close();
    resolve();
  };
  port2.postMessage(null);
  return promise;
}
