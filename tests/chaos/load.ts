/** The load of a run: the generator, from its begin to its stop. */

import type { Plan } from "../../actors/simulate/plan.ts";
import { type FinishedPhase, type Phase, run } from "../../actors/simulate/run.ts";

export const sensors = 3000;
/** On two cores, which several nodes share with as many of everything else. */
export const ratePerSecond = { oneNode: 8000, severalNodes: 5000 };
const connections = 8;

function planOf(seed: number, ratePerSecond: number): Plan {
  return {
    sensors,
    ratePerSecond,
    seed,
    originMs: Date.now(),
    bodyReadings: 100,
    historyMs: 0,
    panelRatio: 0.5,
    lateRatio: 0.02,
    outOfOrderRatio: 0.05,
    duplicateRatio: 0.05,
  };
}

export class Load {
  readonly #stop = new AbortController();
  readonly #abandon = new AbortController();
  readonly #finished: Promise<readonly FinishedPhase[]>;
  readonly #begun = Promise.withResolvers<Phase>();
  readonly #ended: Promise<never>;

  /** `abort` ends `during`. */
  constructor(
    seed: number,
    ratePerSecond: number,
    [url, ...others]: readonly [URL, ...URL[]],
    abort: AbortSignal,
  ) {
    this.#finished = run({
      plan: planOf(seed, ratePerSecond),
      target: { url, others, token: null, connections },
      forMs: Infinity,
      isPaced: true,
      liveOriginMs: Date.now,
      stop: this.#stop.signal,
      abandon: this.#abandon.signal,
      onPhase: this.#begun.resolve,
    });
    const aborted = Promise.withResolvers<never>();
    abort.addEventListener("abort", () => aborted.reject(new Error("The run was stopped")), { once: true });
    const finished = this.#finished.then((): never => {
      throw new Error("The load ended by itself");
    });
    this.#ended = Promise.race([finished, aborted.promise]);
    // Whoever awaits `during` or `finish` hears of it.
    this.#ended.catch(this.#begun.reject);
    this.#begun.promise.catch(() => {});
  }

  /** Does `work` while readings are sent; rejects when they cannot be. */
  during<T>(work: (begun: Phase) => Promise<T>): Promise<T> {
    return Promise.race([this.#begun.promise.then(work), this.#ended]);
  }

  /** Sends no new bodies, and waits until those under way are answered. */
  async finish(): Promise<readonly FinishedPhase[]> {
    this.#stop.abort();
    return await this.#finished;
  }

  async abandon(): Promise<void> {
    this.#stop.abort();
    this.#abandon.abort();
    await Promise.allSettled([this.#finished]);
  }
}
