/**
 * One thread that folds frames from memory through the shipped dispatch: parsing, checking, dedupe, turns; and the
 * same with the checkpoints of a node, which after 200 ms of folding write all 50,000 actors again.
 * Frames of 1,000 messages, as text; the median of the rounds.
 */

import { readingOf } from "../../actors/sensors/sensor.ts";
import { definitions } from "../../actors/definitions.ts";
import { channelsOf } from "../../actors/simulate/reading.ts";
import type { Plan } from "../../actors/simulate/plan.ts";
import { streamOf } from "../../actors/simulate/stream.ts";
import type { Json } from "../../runtime/core/actor.ts";
import { encodeFrame } from "../../runtime/core/frame.ts";
import { defineActor, Registry } from "../../runtime/core/registry.ts";
import { type Count, countMessage, countState } from "./count_actor.ts";
import { type BenchOptions, type Figure, median, perSecond, type Row } from "./figure.ts";
import { ownCpuSeconds } from "./process_stats.ts";
import { type BenchFrame, ShardBench } from "./shard_bench.ts";

const ids = 50_000;
const messagesPerFrame = 1000;
const messagesPerRound = 500_000;
/** Between two readings of one sensor, in their own time. */
const stepMs = 1000;
const originMs = Date.UTC(2026, 0, 15, 12);

const counting = defineActor<Count, number>({
  kind: "count",
  state: countState,
  message: countMessage,
  receive: (state, message) => {
    state.value += message;
  },
  queries: {},
});

/** What is sent to actor `id` at its `step`. */
type Message = (actor: number, step: number) => { readonly id: string; readonly message: Json };

interface Workload {
  readonly figure: string;
  readonly targetPerSecond: number | null;
  readonly registry: Registry;
  readonly kind: string;
  readonly message: Message;
}

/** Readings of the generator as the edge passes them on. */
function readings(panelRatio: number, channels: number): Message {
  const plan: Plan = {
    seed: 1,
    sensors: ids,
    originMs,
    ratePerSecond: ids * 1000 / stepMs,
    bodyReadings: messagesPerFrame,
    historyMs: 0,
    panelRatio,
    lateRatio: 0,
    outOfOrderRatio: 0,
    duplicateRatio: 0,
  };
  const stream = streamOf(plan, "live");
  return (actor, step) => {
    const reading = stream.reading(actor, step);
    const isBoolean = (channel: string) => channel === "movement" || channel === "smoke";
    const values = channelsOf(reading).slice(0, channels).map(([channel, value]) =>
      [channel, isBoolean(channel) ? value === 1 : value] as const
    );
    return {
      id: reading.id,
      message: readingOf(originMs + step * stepMs, null, Object.fromEntries(values), false),
    };
  };
}

function workloads(): readonly Workload[] {
  const registry = new Registry(definitions());
  const windows = (form: string, channels: number, panelRatio: number, targetPerSecond: number | null) => ({
    figure: `one thread, windows of ${ids} ${form}`,
    targetPerSecond,
    registry,
    kind: "sensor",
    message: readings(panelRatio, channels),
  });
  return [
    {
      figure: `one thread, counting actor over ${ids} ids`,
      targetPerSecond: 3_000_000,
      registry: new Registry([counting]),
      kind: "count",
      message: (actor) => ({ id: String(actor), message: 1 }),
    },
    windows("sensors, 1 channel", 1, 0, 1_500_000),
    windows("sensors, 2 channels", 2, 0, null),
    windows("panels, 4 channels", 4, 1, null),
  ];
}

function framesOf({ registry, kind, message }: Workload, round: number): BenchFrame[] {
  const type = registry.indexOf(kind);
  const rounds = messagesPerRound / ids;
  const frames: BenchFrame[] = [];
  for (let step = round * rounds; step < (round + 1) * rounds; step++) {
    for (let first = 0; first < ids; first += messagesPerFrame) {
      const entries: unknown[] = [];
      for (let actor = first; actor < first + messagesPerFrame; actor++) {
        const sent = message(actor, step);
        entries.push(type, sent.id, sent.message);
      }
      const n = (step * ids + first) / messagesPerFrame + 1;
      const text = encodeFrame({
        origin: { type: "gateway", start: "bench", n },
        types: registry.wireTypes,
        entries,
      });
      frames.push({ stampMs: originMs + step * stepMs, text });
    }
  }
  return frames;
}

interface Measured {
  readonly perSecond: number;
  readonly cpuSeconds: number;
  readonly checkpoints: number;
}

/** The compiler and the heap need so many rounds until the speed stands still. */
const warmUpRounds = 3;

/** The median of the rounds, after some that warm up. */
function foldRounds(workload: Workload, rounds: number, withCheckpoints: boolean): Measured {
  const bench = new ShardBench(workload.registry, withCheckpoints);
  for (let round = 0; round < warmUpRounds; round++) bench.fold(framesOf(workload, round));
  const rates: number[] = [];
  let cpuSeconds = 0;
  for (let round = warmUpRounds; round < warmUpRounds + rounds; round++) {
    const frames = framesOf(workload, round);
    const startedAtMs = performance.now();
    const cpuBefore = ownCpuSeconds();
    bench.fold(frames);
    cpuSeconds += ownCpuSeconds() - cpuBefore;
    rates.push(messagesPerRound * 1000 / (performance.now() - startedAtMs));
  }
  const { messages, checkpoints, deadLetters } = bench.shard.counters;
  if (messages !== (warmUpRounds + rounds) * messagesPerRound || deadLetters > 0) {
    throw new Error(`${workload.figure}: folded ${messages}, ${deadLetters} of them dead letters`);
  }
  bench.shard.stop();
  return { perSecond: median(rates), cpuSeconds, checkpoints };
}

function measureWorkload(workload: Workload, rounds: number): Row {
  const durable = foldRounds(workload, rounds, true);
  const folding = foldRounds(workload, rounds, false);
  const { figure, targetPerSecond } = workload;
  return {
    figure,
    target: targetPerSecond === null ? "" : `≥ ${perSecond(targetPerSecond)}`,
    measured: `${perSecond(folding.perSecond)}; with ${durable.checkpoints} checkpoints of what changed ` +
      `${perSecond(durable.perSecond)}`,
    isMet: targetPerSecond === null ? null : folding.perSecond >= targetPerSecond,
    serverCpu: `${folding.cpuSeconds.toFixed(1)} s, with checkpoints ${durable.cpuSeconds.toFixed(1)} s`,
    clientCpu: "",
  };
}

function measure({ rounds }: BenchOptions): Promise<readonly Row[]> {
  return Promise.resolve(workloads().map((workload) => measureWorkload(workload, rounds)));
}

export const folding: Figure = {
  name: "folding",
  meaning: "messages a second that one thread folds from memory",
  run: measure,
};
