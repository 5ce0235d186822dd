/** A run of the generator against a server, to its end, for tests. */

import type { Plan } from "../../actors/simulate/plan.ts";
import { type FinishedPhase, run } from "../../actors/simulate/run.ts";

export const smallPlan: Plan = {
  seed: 7,
  sensors: 40,
  originMs: Date.UTC(2026, 0, 15, 12),
  ratePerSecond: 1000,
  bodyReadings: 20,
  historyMs: 0,
  panelRatio: 0.5,
  lateRatio: 0,
  outOfOrderRatio: 0,
  duplicateRatio: 0,
};

const never = new AbortController().signal;

/** Sends `bodies` live bodies, unpaced ones would depend on the machine's speed. */
export function runToEnd(
  plan: Plan,
  url: URL,
  bodies: number,
  connections = 8,
): Promise<readonly FinishedPhase[]> {
  return run({
    plan,
    target: { url, token: null, connections },
    forMs: bodies * plan.bodyReadings * 1000 / plan.ratePerSecond,
    isPaced: true,
    liveOriginMs: () => plan.originMs,
    stop: never,
    abandon: never,
  });
}
