/**
 * Repeats I/O that failed, with exponential backoff and jitter.
 *
 * 1. No attempt starts after `isWanted` said no.
 * 2. The next attempt starts only after the last one settled: order is the caller's to keep.
 */

import type { Clock } from "./clock.ts";
import { firstPauseMs, lastPauseMs } from "./limits.ts";

export type Outcome<T> =
  | { readonly type: "done"; readonly value: T }
  | { readonly type: "failed"; readonly error: Error }
  /** Nobody waits for it any more. */
  | { readonly type: "unwanted" };

export interface RetryPolicy {
  readonly clock: Clock;
  isWanted(): boolean;
  /** Told every failure; false gives up. `failures` counts from 1. */
  goesOn(error: Error, failures: number): boolean;
  /** How long to wait then; `backoffMs` of the failures unless it says otherwise. */
  pauseMs?(error: Error, failures: number): number;
}

/** The pause after so many failures: doubling, bounded, half of it random so that many do not return at once. */
export function backoffMs(failures: number, firstMs = firstPauseMs, lastMs = lastPauseMs): number {
  const fullMs = Math.min(lastMs, firstMs * 2 ** Math.min(failures - 1, 30));
  return fullMs / 2 + Math.random() * fullMs / 2;
}

export async function retry<T>(attempt: () => Promise<T>, policy: RetryPolicy): Promise<Outcome<T>> {
  for (let failures = 1;; failures++) {
    try {
      const value = await attempt();
      return policy.isWanted() ? { type: "done", value } : { type: "unwanted" };
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown : new Error(String(thrown));
      if (!policy.isWanted()) return { type: "unwanted" };
      if (!policy.goesOn(error, failures)) return { type: "failed", error };
      await policy.clock.sleep(policy.pauseMs?.(error, failures) ?? backoffMs(failures));
    }
    if (!policy.isWanted()) return { type: "unwanted" };
  }
}

/** Codes of a world that may be better in a moment; no repetition cures the others. */
const passingCodes: ReadonlySet<string> = new Set(["full", "unavailable", "unknown"]);

/** Whether an error of this code may pass by itself. */
export function isPassing(code: string): boolean {
  return passingCodes.has(code);
}

/** The code of a port's error; "internal" for anything else. */
export function errorCode(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string"
    ? error.code
    : "internal";
}
