/**
 * The oracle of restarts, for the hosts of one process. It counts for itself what the core counts in `supervision.ts`.
 *
 * 1. Hosts are restarted up to so many failures within so long, and not after one more. A death in a turn is none.
 */

import type { Intensity } from "../core/restart_policy.ts";
import { check } from "./oracle_error.ts";

export class RestartAuditor {
  readonly #intensity: Intensity;
  /** When hosts failed. */
  readonly #failedMs: number[] = [];

  constructor(intensity: Intensity) {
    this.#intensity = intensity;
  }

  /** A host ended without being asked to. `gaveUp`: none is started again. */
  failed(nowMs: number, counts: boolean, gaveUp: boolean): void {
    const { restarts, withinMs } = this.#intensity;
    if (counts) this.#failedMs.push(nowMs);
    const failures = this.#failedMs.filter((failedMs) => nowMs - failedMs <= withinMs).length;
    check(
      "restarts",
      gaveUp === (counts && failures > restarts),
      () =>
        `${failures} failures within ${withinMs} ms, where ${restarts} are allowed, ` +
        `and the hosts are ${gaveUp ? "given up" : "started again"}`,
    );
  }
}
