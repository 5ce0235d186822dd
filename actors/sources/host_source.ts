/**
 * Sends the host's own metrics to their series, every second, so that a node that was given nothing shows
 * something. Each probe runs by itself: one that fails is told once and tried again, and stops no other.
 */

import { errorMessage } from "../../runtime/core/errors.ts";
import type { Engine } from "../../runtime/node/engine.ts";
import type { SampleMessage } from "../series/series.ts";
import { seriesId } from "../series/sample.ts";
import type { Reading } from "./host_metrics.ts";
import type { Probe } from "./host_probes.ts";
import { runPeriodically } from "./periodic.ts";

export interface HostSourceOptions {
  readonly engine: Pick<Engine, "batch">;
  readonly probes: readonly Probe[];
  readonly signal: AbortSignal;
  /** Epoch milliseconds. */
  nowMs(): number;
  warn(sentence: string): void;
  info(sentence: string): void;
}

const intervalMs = 1000;
/** A source that is broken for good costs next to nothing, one that comes back is seen within half a minute. */
const maxPauseMs = 30_000;

async function send(
  engine: Pick<Engine, "batch">,
  tsMs: number,
  readings: readonly Reading[],
): Promise<void> {
  if (readings.length === 0) return;
  const batch = engine.batch();
  for (const { name, labels, value } of readings) {
    const message: SampleMessage = [tsMs, null, value];
    batch.add("series", seriesId(name, labels), message);
  }
  await batch.send();
}

/** Resolves once `signal` is aborted and nothing is under way. */
export async function runHostSource(options: HostSourceOptions): Promise<void> {
  const { engine, probes, signal, nowMs, warn, info } = options;
  await Promise.all(
    probes.map((probe) =>
      runPeriodically(async () => send(engine, nowMs(), await probe.read()), {
        intervalMs,
        maxPauseMs,
        signal,
        onFailure: (error) =>
          warn(`Cannot read ${probe.name} of this machine: ${errorMessage(error)}. Trying again.`),
        onRecovery: () => info(`Reads ${probe.name} of this machine again.`),
      })
    ),
  );
}
