/** All bugs to be found, by name. They prove that the oracles see. */

import { claimUnasked, claimUnconditional, endUnasked, memoryOutlivesLoss } from "./cluster_plants.ts";
import {
  creditLeak,
  dedupeOff,
  epochUnchecked,
  intensityOffByOne,
  outboxBeforeCommit,
  positionBeforeSnapshot,
  replayOutOfOrder,
  timerLostOnEviction,
} from "./core_plants.ts";
import { type Attic, honest, type Plant } from "./plant.ts";

const plants = {
  "position-before-snapshot": positionBeforeSnapshot,
  "dedupe-off": dedupeOff,
  "outbox-before-commit": outboxBeforeCommit,
  "timer-lost-on-eviction": timerLostOnEviction,
  "epoch-unchecked": epochUnchecked,
  "replay-out-of-order": replayOutOfOrder,
  "credit-leak": creditLeak,
  "intensity-off-by-one": intensityOffByOne,
  "claim-unasked": claimUnasked,
  "claim-unconditional": claimUnconditional,
  "memory-outlives-loss": memoryOutlivesLoss,
  "end-unasked": endUnasked,
} as const satisfies Readonly<Record<string, (attic: Attic) => Plant>>;

export type PlantName = keyof typeof plants;

export const plantNames = Object.keys(plants) as readonly PlantName[];

export function isPlantName(name: string): name is PlantName {
  return plantNames.some((known) => known === name);
}

/** The plant of this name; without one, nothing is spoiled. `attic`: that of the shard's thread. */
export function makePlant(name: PlantName | null, attic: Attic): Plant {
  if (name === null) return honest;
  const make: (attic: Attic) => Plant = plants[name];
  return make(attic);
}
