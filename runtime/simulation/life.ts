/** A thread of a host, and what all hosts of a node have in common. */

import type { BackoffPolicy, Intensity } from "../core/restart_policy.ts";
import type { Driver } from "./driver.ts";
import type { Attic } from "./plant.ts";
import type { Prng } from "./prng.ts";

/** One thread of a host. */
export class Life {
  state: "starting" | "running" | "hung" | "dead" = "starting";
  /** The next turn that may is its last. */
  isDoomed = false;
  /** Those that have lost their shard and do not know it yet included. */
  drivers: Driver[] = [];
  readonly #attics = new Map<number, Attic>();

  constructor(readonly hostId: number) {}

  /** What the thread's drivers of a shard leave behind, for plants. */
  attic(shard: number): Attic {
    const attic = this.#attics.get(shard) ?? new Map();
    this.#attics.set(shard, attic);
    return attic;
  }
}

/** What all processes of a node have in common. */
export interface HostHabits {
  readonly hostCount: number;
  readonly intensity: Intensity;
  readonly backoff: BackoffPolicy;
  readonly threadStartMs: number;
}

export function drawHabits(prng: Prng): HostHabits {
  return {
    hostCount: prng.range(1, 3),
    intensity: { restarts: prng.pick([1, 3, 10]), withinMs: prng.pick([50, 500, 5000]) },
    backoff: {
      firstMs: prng.pick([0, 1, 10]),
      maxMs: prng.pick([10, 60]),
      jitter: prng.pick([0, 0.5, 1]),
      healthyMs: prng.pick([10, 200]),
    },
    threadStartMs: prng.pick([5, 30, 80]),
  };
}
