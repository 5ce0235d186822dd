/**
 * Runs a task again and again until told to stop.
 *
 * 1. A failing task never throws out of here: its first failure is reported, later ones in a row are not, and the
 *    next success is.
 * 2. After a failure the pause doubles, up to `maxPauseMs`, with jitter; after a success it is `intervalMs`.
 * 3. Stopping waits for a task that is running.
 */

import { setTimeout as pause } from "node:timers/promises";

export interface PeriodicOptions {
  readonly intervalMs: number;
  readonly maxPauseMs: number;
  readonly signal: AbortSignal;
  onFailure(error: unknown): void;
  onRecovery(): void;
}

/** Milliseconds to the next run after `failures` failures in a row. `random` is in [0, 1). */
export function pauseMs(
  failures: number,
  { intervalMs, maxPauseMs }: Pick<PeriodicOptions, "intervalMs" | "maxPauseMs">,
  random: number,
): number {
  if (failures === 0) return intervalMs;
  const longest = Math.min(maxPauseMs, intervalMs * 2 ** failures);
  // Half fixed, half random: sources that failed together do not come back together.
  return longest / 2 + random * longest / 2;
}

async function pauseUnlessStopped(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await pause(ms, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

/** Resolves once `signal` is aborted and the last run is over. */
export async function runPeriodically(task: () => Promise<void>, options: PeriodicOptions): Promise<void> {
  const { signal } = options;
  let failures = 0;
  while (!signal.aborted) {
    const startedMs = performance.now();
    try {
      await task();
      if (failures > 0) options.onRecovery();
      failures = 0;
    } catch (error) {
      if (failures === 0) options.onFailure(error);
      failures++;
    }
    const spentMs = performance.now() - startedMs;
    await pauseUnlessStopped(Math.max(0, pauseMs(failures, options, Math.random()) - spentMs), signal);
  }
}
