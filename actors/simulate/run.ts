/** One whole run: history if the plan has any, then live readings. */

import { Latencies } from "./latency.ts";
import type { StreamLedger } from "./ledger.ts";
import type { Plan } from "./plan.ts";
import type { Tally, Target } from "./courier.ts";
import { sendBodies } from "./sender.ts";
import { type Stream, type StreamName, streamOf } from "./stream.ts";

export interface RunOptions {
  readonly plan: Plan;
  readonly target: Target;
  /** How long live readings are sent; 0: history only. */
  readonly forMs: number;
  readonly isPaced: boolean;
  /** The present when the live readings begin, epoch milliseconds: back-filling takes its time. */
  readonly liveOriginMs: () => number;
  readonly stop: AbortSignal;
  readonly abandon: AbortSignal;
  /** Called at the beginning of each stream, with what will be counted while it is sent. */
  readonly onPhase?: (phase: Phase) => void;
}

export interface Phase {
  readonly stream: Stream;
  readonly tally: Tally;
  /** On the clock of `performance.now`. */
  readonly startedAtMs: number;
}

export interface FinishedPhase extends Phase {
  readonly ledger: StreamLedger;
  readonly tookMs: number;
}

export function emptyTally(): Tally {
  return {
    sent: 0,
    accepted: 0,
    refused: 0,
    repeatedBodies: 0,
    underWay: 0,
    latencies: new Latencies(),
    lastAcceptedAtMs: null,
    silentSinceMs: null,
    lastTrouble: null,
  };
}

async function runPhase(plan: Plan, name: StreamName, options: RunOptions): Promise<FinishedPhase> {
  const isHistory = name === "history";
  const phase: Phase = {
    stream: streamOf(plan, name),
    tally: emptyTally(),
    startedAtMs: performance.now(),
  };
  options.onPhase?.(phase);
  const settlement = await sendBodies(phase.stream, {
    target: options.target,
    tally: phase.tally,
    isImport: isHistory,
    isPaced: options.isPaced && !isHistory,
    forMs: isHistory ? Infinity : options.forMs,
    stop: options.stop,
    abandon: options.abandon,
  });
  const ledger = { plan, stream: name, ...settlement };
  return { ...phase, ledger, tookMs: performance.now() - phase.startedAtMs };
}

/** Rejects when the target is none, or when a body had no answer for too long. */
export async function run(options: RunOptions): Promise<readonly FinishedPhase[]> {
  const { plan } = options;
  const phases: FinishedPhase[] = [];
  if (plan.historyMs > 0) phases.push(await runPhase(plan, "history", options));
  if (options.forMs > 0 && !options.stop.aborted) {
    phases.push(await runPhase({ ...plan, originMs: options.liveOriginMs() }, "live", options));
  }
  return phases;
}
