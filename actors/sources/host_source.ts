/**
 * Sends the host's own metrics to their series, every second, so that a node that was given nothing shows
 * something. Each probe runs by itself: one that fails is told once and tried again, and stops no other. A failing
 * send is told once for all of them: what the engine refuses one, it refuses the others.
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
  /** Which every series has. */
  readonly labels: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** Between two samples; a second, unless told otherwise. */
  readonly intervalMs?: number;
  /** Epoch milliseconds. */
  nowMs(): number;
  warn(sentence: string): void;
  info(sentence: string): void;
}

const defaultIntervalMs = 1000;
/** A source that is broken for good costs next to nothing, one that comes back is seen within half a minute. */
const maxPauseMs = 30_000;

type Step = "read" | "send";

async function send(
  { engine, labels: common }: HostSourceOptions,
  tsMs: number,
  readings: readonly Reading[],
): Promise<void> {
  if (readings.length === 0) return;
  const batch = engine.batch();
  for (const { name, labels, value } of readings) {
    const message: SampleMessage = [tsMs, null, value];
    batch.add("series", seriesId(name, { ...common, ...labels }), message);
  }
  await batch.send();
}

/** @param unsent probes whose last readings could not be sent */
function runProbe(probe: Probe, options: HostSourceOptions, unsent: Set<Probe>): Promise<void> {
  const { signal, intervalMs = defaultIntervalMs, nowMs, warn, info } = options;
  let step: Step = "read";
  const task = async () => {
    step = "read";
    const tsMs = nowMs();
    const readings = await probe.read();
    step = "send";
    await send(options, tsMs, readings);
  };
  const onFailure = (error: unknown) => {
    const reason = `${errorMessage(error).replace(/\.$/, "")}. Trying again.`;
    if (step === "read") return warn(`Cannot read ${probe.name} of this machine: ${reason}`);
    if (unsent.size === 0) warn(`Cannot send this machine's own metrics: ${reason}`);
    unsent.add(probe);
  };
  const onRecovery = () => {
    if (!unsent.delete(probe)) return info(`Reads ${probe.name} of this machine again.`);
    if (unsent.size === 0) info("Sends this machine's own metrics again.");
  };
  return runPeriodically(task, { intervalMs, maxPauseMs, signal, onFailure, onRecovery });
}

/** Resolves once `signal` is aborted and nothing is under way. */
export async function runHostSource(options: HostSourceOptions): Promise<void> {
  const unsent = new Set<Probe>();
  await Promise.all(options.probes.map((probe) => runProbe(probe, options, unsent)));
}
