/**
 * What one bad actor costs the others: a shard of 10,000 actors folds from memory, with the checkpoints of a node into
 * a store in memory, once while one of them throws at every message and once while none does. The shard refolds for
 * each throw until it suspends the actor; its further messages are parked, then dead-lettered.
 */

import { encodeEntries, joinFrame } from "../../runtime/core/frame.ts";
import { defineActor, Registry } from "../../runtime/core/registry.ts";
import { MemoryStoreCore } from "../../runtime/store/memory_store_core.ts";
import { type Count, countMessage, countState } from "./count_actor.ts";
import { type BenchOptions, type Figure, median, perSecond, type Row } from "./figure.ts";
import { ownCpuSeconds } from "./process_stats.ts";
import { type BenchFrame, ShardBench } from "./shard_bench.ts";

const actors = 10_000;
const badActor = 5000;
const messagesPerFrame = 1000;
/** A frame a millisecond, and a minute of it: an actor may throw so often in a minute. */
const frames = 60_000;
const framesPerBatch = 500;
const warmUpFrames = 5000;
const wantedShare = 0.9;

/** Counts what it is sent; -1 throws. */
const counting = defineActor<Count, number>({
  kind: "count",
  state: countState,
  message: countMessage,
  receive: (state, message) => {
    if (message < 0) throw new Error("It cannot count down");
    state.value += message;
  },
  queries: {},
});

const registry = new Registry([counting]);

/** The entries of successive frames, as text; after the last the first follows. */
function piecesOf(isPoisoned: boolean): readonly string[] {
  return Array.from({ length: actors / messagesPerFrame }, (_, frame) => {
    const entries: unknown[] = [];
    for (let message = 0; message < messagesPerFrame; message++) {
      const actor = frame * messagesPerFrame + message;
      entries.push(0, String(actor), isPoisoned && actor === badActor ? -1 : 1);
    }
    return encodeEntries(entries);
  });
}

function framesOf(pieces: readonly string[], first: number): BenchFrame[] {
  return Array.from({ length: framesPerBatch }, (_, at) => {
    const origin = { type: "gateway", start: "bench", n: first + at + 1 } as const;
    const piece = pieces[(first + at) % pieces.length]!;
    return { stampMs: first + at + 1, text: joinFrame(origin, registry.wireTypes, [piece]) };
  });
}

interface Run {
  readonly perSecond: number;
  readonly refolds: number;
  readonly letters: number;
}

function run(isPoisoned: boolean, count = frames): Run {
  const bench = new ShardBench(registry, true, new MemoryStoreCore(1));
  const pieces = piecesOf(isPoisoned);
  let foldingMs = 0;
  for (let first = 0; first < count; first += framesPerBatch) {
    const batch = framesOf(pieces, first);
    const startedAtMs = performance.now();
    bench.fold(batch);
    bench.save();
    foldingMs += performance.now() - startedAtMs;
  }
  const { claims, deadLetters, suspensions } = bench.shard.counters;
  bench.shard.stop();
  if ((suspensions > 0) !== isPoisoned) throw new Error(`${suspensions} actors were suspended`);
  return {
    perSecond: count * messagesPerFrame * 1000 / foldingMs,
    refolds: claims - 1,
    letters: deadLetters,
  };
}

function measure({ rounds }: BenchOptions): Promise<readonly Row[]> {
  const cpuBefore = ownCpuSeconds();
  const healthy: Run[] = [];
  const poisoned: Run[] = [];
  for (const isPoisoned of [false, true]) run(isPoisoned, warmUpFrames);
  for (let round = 0; round < rounds; round++) {
    healthy.push(run(false));
    poisoned.push(run(true));
  }
  const rate = (runs: readonly Run[]) => median(runs.map(({ perSecond }) => perSecond));
  const share = rate(poisoned) / rate(healthy);
  const { refolds, letters } = poisoned.at(-1)!;
  return Promise.resolve([{
    figure: `one thread, ${actors} actors, one of which throws at every message`,
    target: `≥ ${wantedShare * 100} % of the rate without it`,
    measured: `${(share * 100).toFixed(0)} %: ${perSecond(rate(poisoned))} against ` +
      `${perSecond(rate(healthy))}; ${refolds} refolds, ${letters} dead letters`,
    isMet: share >= wantedShare,
    serverCpu: `${(ownCpuSeconds() - cpuBefore).toFixed(1)} s`,
    clientCpu: "",
  }]);
}

export const poison: Figure = {
  name: "poison",
  meaning: "what one actor that always throws costs the others of its shard",
  run: measure,
};
