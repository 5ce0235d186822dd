/** Load for the figures: the generator, run in this process. */

import type { Plan } from "../../actors/simulate/plan.ts";
import { type FinishedPhase, run } from "../../actors/simulate/run.ts";
import { isRight, type Verification, verificationText, verify } from "../verify/verifier.ts";

const never = new AbortController().signal;

export const loadSeed = 1;
export const panelRatio = 0.5;

export interface Load {
  readonly url: URL;
  /** Where else it goes. */
  readonly others?: readonly URL[];
  readonly sensors: number;
  /** Null: as fast as answers come. */
  readonly ratePerSecond: number | null;
  readonly forSeconds: number;
  readonly bodyReadings?: number;
  readonly historyMs?: number;
  readonly panelRatio?: number;
  /** How old readings are when they are sent; those of the history are older by as much. */
  readonly lagMs?: number;
  /** Ends it before its time. */
  readonly stop?: AbortSignal;
}

/** Unpaced readings are so far apart in their own time. */
const unpacedRatePerSecond = 200_000;

export function runLoad(load: Load): Promise<readonly FinishedPhase[]> {
  const plan: Plan = {
    seed: loadSeed,
    sensors: load.sensors,
    originMs: Date.now() - (load.lagMs ?? 0),
    ratePerSecond: load.ratePerSecond ?? unpacedRatePerSecond,
    bodyReadings: load.bodyReadings ?? 100,
    historyMs: load.historyMs ?? 0,
    panelRatio: load.panelRatio ?? panelRatio,
    lateRatio: 0,
    outOfOrderRatio: 0,
    duplicateRatio: 0,
  };
  return run({
    plan,
    target: { url: load.url, others: load.others ?? [], token: null, connections: 32 },
    forMs: load.forSeconds * 1000,
    isPaced: load.ratePerSecond !== null,
    liveOriginMs: () => Date.now() - (load.lagMs ?? 0),
    stop: load.stop ?? never,
    abandon: never,
  });
}

/** Prints what is wrong; the row tells the sums. */
export async function verifyLoad(
  url: URL,
  phases: readonly Pick<FinishedPhase, "ledger">[],
): Promise<Verification> {
  const verification = await verify({ url, token: null }, phases.map(({ ledger }) => ledger));
  if (!isRight(verification)) console.log(verificationText(verification));
  return verification;
}

export function lossText({ lost, twice, wrongSensors }: Verification): string {
  return `lost ${lost}, twice ${twice}` + (wrongSensors === 0 ? "" : `, wrong sensors ${wrongSensors}`);
}
