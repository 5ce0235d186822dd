/**
 * A foreign topic as a source of messages: read at least once, and folded once, since shards drop repeats by offset.
 *
 * 1. Offsets are committed only below what is durable. The first start begins with the earliest record.
 * 2. What retention removed before it was read is one dead letter for the range; compaction and control records are
 *    none. Only a fetch that begins behind what was expected can mean it: a broker serves none below its log's start.
 * 3. While the engine refuses, or Kafka is away, the source waits; what it holds is bounded.
 * 4. A topic that is deleted and made again under its name is another one, and read from its beginning, which is said
 *    once; see `topic_generation.ts`.
 * 5. What keeps it from reading is said once, unless it passes soon, and that it reads again. One topic does not keep
 *    another from being read.
 */

import { setTimeout as pause } from "node:timers/promises";
import { errorMessage } from "../core/errors.ts";
import { refusalOf } from "../log/kafka/errors.ts";
import type { KafkaSettings } from "../log/kafka/settings.ts";
import { machineClock } from "../node/clock.ts";
import type { Engine, RecordBatch } from "../node/engine.ts";
import { backoffMs } from "../node/retry.ts";
import { askDeadlineMs, firstPauseMs, lastPauseMs, quietMs, refusedPauseMs } from "./limits.ts";
import type { ReadRecord } from "./partition_lane.ts";
import type { RememberedPartitions } from "./remembered_partitions.ts";
import { type GenerationFor, SourceLife } from "./source_life.ts";
import { generationOf, type TopicGeneration } from "./topic_generation.ts";
import type { TopicMetrics } from "./topic_metrics.ts";
import { TopicRefusal } from "./topic_refusal.ts";
import { unlessAborted } from "../unless_aborted.ts";

/** Turns a record into messages and refusals, all with its offset. A function of the record alone. */
export type ReadTopic = (record: ReadRecord, batch: RecordBatch) => void;

export interface TopicSourceOptions {
  readonly kafka: KafkaSettings;
  readonly engine: Pick<Engine, "records" | "lastRecords">;
  readonly topic: string;
  readonly read: ReadTopic;
  /** Of all topics that are read. */
  readonly remembered: RememberedPartitions;
  readonly metrics: TopicMetrics;
  readonly signal: AbortSignal;
  warn(sentence: string): void;
  info(sentence: string): void;
}

/** Resolves once `signal` is aborted and nothing is under way. */
export async function runTopicSource(options: TopicSourceOptions): Promise<void> {
  const { topic, signal, warn, info } = options;
  let generation: TopicGeneration | null = null;
  const generationFor = async (id: string | null) => {
    if (generation?.id === id) return generation;
    const last = await unlessAborted(lastOf(options), signal);
    if (last === null) return null;
    generation = generationOf(topic, id, last, (mark) => options.remembered.admit(mark, 1) === null);
    if (generation.sentence !== null) warn(generation.sentence);
    return generation;
  };
  let told: string | null = null;
  let failures = 0;
  let failingSinceMs = 0;
  const onUp = () => {
    if (told !== null) info(`Reads ${topic} again.`);
    told = null;
    failures = 0;
  };
  while (!signal.aborted) {
    try {
      await runLife(options, generationFor, onUp);
    } catch (thrown) {
      const nowMs = machineClock.nowMs();
      if (failures++ === 0) failingSinceMs = nowMs;
      const { kind, sentence, isLasting } = troubleOf(thrown, options);
      if (kind !== told && (isLasting || nowMs - failingSinceMs >= quietMs)) {
        told = kind;
        warn(`Cannot read ${topic}: ${sentence.replace(/\.$/, "")}. Trying again.`);
      }
      await sleep(isLasting ? refusedPauseMs : backoffMs(failures, firstPauseMs, lastPauseMs), signal);
    }
  }
}

async function runLife(
  options: TopicSourceOptions,
  generationFor: GenerationFor,
  onUp: () => void,
): Promise<void> {
  const life = new SourceLife(options, generationFor, onUp);
  try {
    await life.run();
  } finally {
    await life.close();
  }
}

/** What the shards have folded already, of all topics. */
async function lastOf({ engine, remembered }: TopicSourceOptions): Promise<ReadonlyMap<string, number>> {
  const last = await engine.lastRecords(askDeadlineMs);
  remembered.add(last.keys());
  return last;
}

interface Trouble {
  /** Of trouble of the same kind only the first is told. */
  readonly kind: string;
  readonly sentence: string;
  /** Somebody has to mend it. */
  readonly isLasting: boolean;
}

function troubleOf(thrown: unknown, { kafka }: TopicSourceOptions): Trouble {
  const refusal = thrown instanceof TopicRefusal ? thrown : refusalOf(thrown, kafka);
  const sentence = refusal?.message ?? errorMessage(thrown);
  const isLasting = refusal !== null;
  return { kind: isLasting ? sentence : "passing", sentence, isLasting };
}

async function sleep(durationMs: number, signal: AbortSignal): Promise<void> {
  await pause(durationMs, undefined, { signal }).catch(() => {});
}
