/**
 * Foreign topics as sources of messages: read at least once, and folded once, since shards drop repeats by offset.
 *
 * 1. Offsets are committed only below what is durable. The first start begins with the earliest record.
 * 2. What retention removed before it was read is one dead letter for the range; compaction and control records are
 *    none. Only a fetch that begins behind what was expected can mean it: a broker serves none below its log's start.
 * 3. While the engine refuses, or Kafka is away, the source waits; what it holds is bounded.
 */

import type { Admin, Consumer, EachBatchPayload } from "kafkajs";
import { errorMessage } from "../core/errors.ts";
import { partitionName } from "../core/sequence.ts";
import { kafkaClient } from "../log/kafka/client.ts";
import type { KafkaSettings } from "../log/kafka/settings.ts";
import { machineClock } from "../node/clock.ts";
import type { Engine, RecordBatch } from "../node/engine.ts";
import { backoffMs, retry } from "../node/retry.ts";
import {
  commitIntervalMs,
  fetchBytes,
  fetchPartitionBytes,
  fetchWaitMs,
  firstPauseMs,
  lastPauseMs,
  maxHeldBytes,
  newPartitions,
} from "./limits.ts";
import { PartitionLane, type ReadBatch, type ReadRecord } from "./partition_lane.ts";

/** Turns a record into messages and refusals, all with its offset. A function of the record alone. */
export type ReadTopic = (record: ReadRecord, batch: RecordBatch) => void;

export interface TopicSourceOptions {
  readonly kafka: KafkaSettings;
  readonly engine: Pick<Engine, "records">;
  readonly topics: ReadonlyMap<string, ReadTopic>;
  readonly signal: AbortSignal;
  warn(sentence: string): void;
  info(sentence: string): void;
}

interface Partition {
  readonly topic: string;
  readonly partition: number;
  readonly lane: PartitionLane;
  /** The offset to be read next; null when any may be. */
  expected: number | null;
  committed: number | null;
  isPaused: boolean;
  resume(): void;
}

/** Resolves once `signal` is aborted and nothing is under way. */
export async function runTopicSource(options: TopicSourceOptions): Promise<void> {
  const { signal, warn, info } = options;
  for (let failures = 0; !signal.aborted;) {
    const life = new SourceLife(options);
    try {
      await life.run(() => {
        if (failures > 0) info("Reads the topics again.");
        failures = 0;
      });
    } catch (thrown) {
      if (failures++ === 0) {
        warn(
          `Cannot read ${[...options.topics.keys()].join(" and ")}: ${errorMessage(thrown)}. Trying again.`,
        );
      }
    } finally {
      await life.close();
    }
    if (!signal.aborted) {
      await machineClock.sleep(backoffMs(Math.max(1, failures), firstPauseMs, lastPauseMs));
    }
  }
}

/** From one connection to its end. */
class SourceLife {
  readonly #options: TopicSourceOptions;
  readonly #admin: Admin;
  readonly #consumer: Consumer;
  readonly #groupId: string;
  readonly #partitions = new Map<string, Partition>();
  /** By `partitionName`: what the group had committed when it began. */
  readonly #committed = new Map<string, number>();
  readonly #crashed = Promise.withResolvers<never>();

  constructor(options: TopicSourceOptions) {
    const { kafka } = options;
    this.#options = options;
    this.#groupId = `${kafka.prefix}.sources`;
    const client = kafkaClient(kafka, { initialRetryTime: 100, maxRetryTime: 1000, retries: 5 });
    this.#admin = client.admin();
    this.#consumer = client.consumer({
      groupId: this.#groupId,
      sessionTimeout: 10_000,
      heartbeatInterval: 2000,
      maxBytesPerPartition: fetchPartitionBytes,
      maxBytes: fetchBytes,
      maxWaitTimeInMs: fetchWaitMs,
      // This life ends with the crash, and the next one begins anew.
      retry: {
        initialRetryTime: 100,
        maxRetryTime: 1000,
        retries: 5,
        restartOnFailure: () => Promise.resolve(false),
      },
    });
    this.#crashed.promise.catch(() => {});
    this.#consumer.on("consumer.crash", ({ payload }) => this.#crashed.reject(payload.error));
    this.#consumer.on("consumer.group_join", () => this.#joined());
  }

  /** Resolves when the source is stopped, throws when it cannot go on. */
  async run(onUp: () => void): Promise<void> {
    const { topics, signal } = this.#options;
    const names = [...topics.keys()];
    await this.#admin.connect();
    await this.#makeMissing(names);
    for (
      const { topic, partitions } of await this.#admin.fetchOffsets({ groupId: this.#groupId, topics: names })
    ) {
      for (const { partition, offset } of partitions) {
        if (Number(offset) >= 0) this.#committed.set(partitionName(topic, partition), Number(offset));
      }
    }
    await this.#consumer.connect();
    await this.#consumer.subscribe({ topics: names, fromBeginning: true });
    await this.#consumer.run({ autoCommit: false, eachBatch: (payload) => this.#take(payload) });
    onUp();
    const stopped = Promise.withResolvers<void>();
    const stop = () => stopped.resolve();
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    const timer = setInterval(() => void this.#commit(), commitIntervalMs);
    try {
      await Promise.race([stopped.promise, this.#crashed.promise]);
    } finally {
      clearInterval(timer);
      signal.removeEventListener("abort", stop);
    }
  }

  async close(): Promise<void> {
    for (const { lane } of this.#partitions.values()) lane.stop();
    await Promise.all([...this.#partitions.values()].map(({ lane }) => lane.rest));
    await this.#commit();
    await Promise.allSettled([this.#consumer.disconnect(), this.#admin.disconnect()]);
  }

  async #makeMissing(names: readonly string[]): Promise<void> {
    const there = new Set(await this.#admin.listTopics());
    const topics = names.filter((topic) => !there.has(topic))
      .map((topic) => ({ topic, numPartitions: newPartitions }));
    if (topics.length > 0) await this.#admin.createTopics({ topics, waitForLeaders: true });
  }

  /** The consumer begins with what is committed, of kept partitions too. */
  #joined(): void {
    for (const partition of this.#partitions.values()) {
      partition.lane.restart();
      partition.expected = partition.committed;
    }
  }

  async #take({ batch, pause }: EachBatchPayload): Promise<void> {
    const { topic, partition: number } = batch;
    const name = partitionName(topic, number);
    const partition = this.#partitions.get(name) ?? this.#open(topic, number);
    const records: ReadRecord[] = batch.messages.map(({ offset, value }) => ({
      offset: Number(offset),
      value,
    }));
    const { expected } = partition;
    const first = records[0]?.offset ?? null;
    let removed: number | null = null;
    // The client's type does not tell of it.
    const fetched = "fetchedOffset" in batch ? Number(batch.fetchedOffset) : first;
    if (first !== null && expected !== null && fetched !== null && fetched > expected) {
      const low = await this.#lowOf(topic, number);
      if (low > expected) removed = Math.min(low, first) - 1;
    }
    const next = Number(batch.lastOffset()) + 1;
    const bytes = records.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
    partition.expected = next;
    partition.lane.add({
      records,
      bytes,
      next,
      removed: removed === null || expected === null ? null : { first: expected, last: removed },
    });
    if (partition.lane.heldBytes < maxHeldBytes || partition.isPaused) return;
    partition.isPaused = true;
    partition.resume = pause();
  }

  async #lowOf(topic: string, partition: number): Promise<number> {
    const offsets = await this.#admin.fetchTopicOffsets(topic);
    return Number(offsets.find((each) => each.partition === partition)?.low ?? 0);
  }

  #open(topic: string, number: number): Partition {
    const name = partitionName(topic, number);
    const committed = this.#committed.get(name) ?? null;
    const partition: Partition = {
      topic,
      partition: number,
      expected: committed,
      committed,
      isPaused: false,
      resume() {},
      lane: new PartitionLane({
        send: (batch, isWanted) => this.#send(topic, number, batch, isWanted),
        onSent: () => {
          if (!partition.isPaused || partition.lane.heldBytes >= maxHeldBytes) return;
          partition.isPaused = false;
          partition.resume();
        },
      }),
    };
    this.#partitions.set(name, partition);
    return partition;
  }

  async #send(topic: string, partition: number, batch: ReadBatch, isWanted: () => boolean): Promise<void> {
    const { engine, topics } = this.#options;
    const read = topics.get(topic);
    if (read === undefined) return;
    let records = engine.records(topic, partition);
    const send = (full: RecordBatch) =>
      retry(() => full.send(), { clock: machineClock, isWanted, goesOn: () => true });
    if (batch.removed !== null) {
      const { first, last } = batch.removed;
      const detail = `Records ${first}..${last} of ${
        partitionName(topic, partition)
      } were removed before they were read`;
      records.refuse(last, "removed", detail, "");
    }
    for (const record of batch.records) {
      read(record, records);
      if (!records.isFull) continue;
      if ((await send(records)).type !== "done") return;
      records = engine.records(topic, partition);
    }
    if (records.size > 0) await send(records);
  }

  async #commit(): Promise<void> {
    const due = [...this.#partitions.values()].flatMap((each) =>
      each.lane.durable !== null && each.lane.durable !== each.committed
        ? [{ each, offset: each.lane.durable }]
        : []
    );
    if (due.length === 0) return;
    try {
      await this.#consumer.commitOffsets(
        due.map(({ each: { topic, partition }, offset }) => ({ topic, partition, offset: String(offset) })),
      );
      for (const { each, offset } of due) each.committed = offset;
    } catch {
      // The next one says the same, and more; without one, records are read again and dropped.
    }
  }
}
