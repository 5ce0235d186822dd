/** The compute pool's metrics. They are the main thread's: no thread takes anything with it. */

import { Counter, Gauge, type Registry } from "../prom_client.ts";
import type { ComputeErrorCode } from "./compute.ts";
import type { ComputeObserver } from "./compute_pool.ts";

export interface ComputeGauges {
  readonly waiting: number;
  readonly running: number;
}

export class ComputeMetrics implements ComputeObserver {
  readonly #jobs: Counter<"outcome">;
  readonly #busy: Counter;
  readonly #rests: Counter;
  readonly #deaths: Counter;

  /** `read` is called with every scrape. */
  constructor(registry: Registry, read: () => ComputeGauges) {
    const registers = [registry];
    this.#jobs = new Counter({
      name: "sensorium_compute_jobs_total",
      help: "Jobs of the compute pool that ended, by outcome.",
      labelNames: ["outcome"],
      registers,
    });
    this.#busy = new Counter({
      name: "sensorium_compute_busy_seconds_total",
      help: "Time for which jobs that ended had a thread.",
      registers,
    });
    this.#rests = new Counter({
      name: "sensorium_compute_rest_seconds_total",
      help: "Time for which compute threads took no job, so that others had the processors.",
      registers,
    });
    this.#deaths = new Counter({
      name: "sensorium_compute_thread_deaths_total",
      help: "Deaths of compute threads, those that a late or aborted job brought about included.",
      registers,
    });
    const gauge = (name: string, help: string, value: () => number) => {
      const collect = function (this: Gauge) {
        this.set(value());
      };
      new Gauge({ name, help, registers, collect });
    };
    gauge("sensorium_compute_waiting", "Jobs that wait for a compute thread.", () => read().waiting);
    gauge("sensorium_compute_running", "Jobs that have a compute thread.", () => read().running);
  }

  jobEnded(outcome: "done" | ComputeErrorCode, busyMs: number): void {
    this.#jobs.inc({ outcome });
    this.#busy.inc(busyMs / 1000);
  }

  rests(ms: number): void {
    this.#rests.inc(ms / 1000);
  }

  threadDied(): void {
    this.#deaths.inc();
  }
}
