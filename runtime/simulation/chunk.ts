/** A few consecutive seeds, played one after another. */

import { type RunResult, type RunSetting, simulate } from "./simulate.ts";

export interface Chunk {
  readonly firstSeed: number;
  readonly seeds: number;
  readonly setting: RunSetting;
}

/** What became of a chunk; what follows a failure was not played. */
export interface ChunkResult {
  readonly played: number;
  readonly events: number;
  readonly failure: RunResult | null;
}

export function playChunk({ firstSeed, seeds, setting }: Chunk): ChunkResult {
  let events = 0;
  for (let played = 0; played < seeds; played++) {
    const run = simulate({ seed: firstSeed + played, ...setting, print: null });
    events += run.events;
    if (run.failure !== null) return { played: played + 1, events, failure: run };
  }
  return { played: seeds, events, failure: null };
}
