/**
 * A deadline for many waits of the same kind. One timer serves all of them: a timer each cost 30 µs, measured.
 *
 * 1. A wait settles as its work does, or fails at its deadline, at most `stepMs` late.
 * 2. The work itself goes on: who can stop it does so in `onLate`.
 */

interface Waiting {
  readonly endMs: number;
  readonly fail: () => void;
}

/** How much later than its deadline a wait may fail. */
const stepMs = 1000;

export class Deadlines {
  readonly deadlineMs: number;
  // In order of their beginning and therefore of their end, as all have the same time.
  readonly #waiting = new Set<Waiting>();
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(deadlineMs: number) {
    this.deadlineMs = deadlineMs;
  }

  /** `work`, or the error that `onLate` gives when it takes too long. */
  within<T>(work: Promise<T>, onLate: () => Error): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const waiting: Waiting = {
        endMs: performance.now() + this.deadlineMs,
        fail: () => reject(onLate()),
      };
      this.#waiting.add(waiting);
      this.#timer ??= setInterval(() => this.#expire(), Math.min(stepMs, this.deadlineMs));
      work.then((value) => {
        this.#waiting.delete(waiting);
        resolve(value);
      }, (thrown) => {
        this.#waiting.delete(waiting);
        reject(thrown);
      });
    });
  }

  /** Stops the timer. Waits under way end only as their work does. */
  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #expire(): void {
    const nowMs = performance.now();
    for (const waiting of this.#waiting) {
      if (waiting.endMs > nowMs) break;
      this.#waiting.delete(waiting);
      waiting.fail();
    }
    if (this.#waiting.size === 0) this.close();
  }
}
