/**
 * Makes a failing run shorter and simpler, for whoever has to read it.
 *
 * 1. The shrunk run breaks the same oracle.
 * 2. It has no more steps, and no kind of fault that the given one was played without.
 * 3. It is a matter of some tens of runs: what is left is small, not the smallest.
 */

import { faultKinds } from "./faults.ts";
import { type Failure, type RunSetting, simulate } from "./simulate.ts";

/** A run that broke an oracle, and how to play it again. */
export interface FailedRun {
  readonly seed: number;
  readonly setting: RunSetting;
  /** Equal for equal runs. */
  readonly traceHash: string;
  readonly failure: Failure;
}

/** Null when the run breaks no oracle. */
export function playFailing(seed: number, setting: RunSetting): FailedRun | null {
  const { traceHash, failure } = simulate({ seed, ...setting, print: null });
  return failure === null ? null : { seed, setting, traceHash, failure };
}

/** The same with another setting; null when it does not break the same oracle. */
function again({ seed, setting, failure }: FailedRun, change: Partial<RunSetting>): FailedRun | null {
  const run = playFailing(seed, { ...setting, ...change });
  return run?.failure.oracle === failure.oracle ? run : null;
}

/** Bisects the number of steps: a run without faults comes to rest, so fewer steps are less to read. */
function withFewestSteps(run: FailedRun): FailedRun {
  let best = again(run, { steps: Math.min(run.setting.steps, run.failure.events) }) ?? run;
  let tooFew = -1;
  while (best.setting.steps - tooFew > 1) {
    const steps = Math.floor((tooFew + best.setting.steps) / 2);
    const shorter = again(best, { steps });
    if (shorter === null) tooFew = steps;
    else best = shorter;
  }
  return best;
}

/** Switches kinds of faults off, one after another. */
function withFewestFaults(run: FailedRun): FailedRun {
  return faultKinds.reduce((best, kind) => {
    const { without } = best.setting;
    if (without.includes(kind)) return best;
    const simpler = again(best, { without: [...without, kind] });
    // The same run: the seed has no such faults anyway.
    return simpler === null || simpler.traceHash === best.traceHash ? best : simpler;
  }, run);
}

export function shrink(run: FailedRun): FailedRun {
  return withFewestSteps(withFewestFaults(withFewestSteps(run)));
}
