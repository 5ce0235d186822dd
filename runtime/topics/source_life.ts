/**
 * One life of a topic's reader: from its connections to their end. `topic_source.ts` begins the next.
 *
 * 1. Nothing is sent before all that lies below it is durable: see `partition_cursor.ts` and `partition_lane.ts`.
 * 2. A partition that comes from another node begins where that one has committed, and one that goes is forgotten.
 * 3. While too much is held, the next fetch waits for the log, and the group hears that the reader lives.
 * 4. It reads one topic of the name: it ends when that one is deleted, and takes no offset that was committed of another.
 * 5. `close` ends within its deadlines, whatever Kafka and the engine do.
 */

import { type Admin, type Cluster, type Consumer, type EachBatchPayload, PartitionAssigners } from "kafkajs";
import { invariant } from "../core/errors.ts";
import { partitionName } from "../core/sequence.ts";
import { kafkaClient } from "../log/kafka/client.ts";
import { heartbeatMs, rebalanceTimeoutMs, sessionTimeoutMs } from "../log/kafka/limits.ts";
import { topicIdOf } from "../log/kafka/topic_id.ts";
import { machineClock } from "../node/clock.ts";
import type { RecordBatch } from "../node/engine.ts";
import { retry } from "../node/retry.ts";
import { hasSettled } from "../rpc.ts";
import {
  closeDeadlineMs,
  commitIntervalMs,
  fetchBytes,
  fetchPartitionBytes,
  fetchWaitMs,
  lookIntervalMs,
  maxHeldBytes,
  newPartitions,
  retries,
} from "./limits.ts";
import { PartitionCursor } from "./partition_cursor.ts";
import { PartitionLane, type ReadBatch } from "./partition_lane.ts";
import { commitMetadata, isCommitOf, type TopicGeneration } from "./topic_generation.ts";
import { removedReason } from "./topic_metrics.ts";
import type { Extent, TopicProgress } from "./topic_progress.ts";
import { TopicRefusal } from "./topic_refusal.ts";
import type { TopicSourceOptions } from "./topic_source.ts";
import { unlessAborted } from "../unless_aborted.ts";

interface Partition {
  readonly number: number;
  readonly cursor: PartitionCursor;
  readonly lane: PartitionLane;
}

/** What is known of the topic of the name that has the id; null: the source was stopped. */
export type GenerationFor = (id: string | null) => Promise<TopicGeneration | null>;

export class SourceLife {
  readonly #options: TopicSourceOptions;
  readonly #generationFor: GenerationFor;
  /** Null until it is known. */
  #known: TopicGeneration | null = null;
  #cluster: Cluster | null = null;
  readonly #admin: Admin;
  readonly #consumer: Consumer;
  readonly #groupId: string;
  readonly #partitions = new Map<number, Partition>();
  #assigned: readonly number[] = [];
  /** Settles when all that are assigned are open. */
  #opening: Promise<void> = Promise.resolve();
  readonly #failed = Promise.withResolvers<never>();
  readonly #timers: ReturnType<typeof setInterval>[] = [];
  #beginning: Promise<void> = Promise.resolve();
  #committing: Promise<void> = Promise.resolve();
  /** Settles when less is held, or nobody reads any more. */
  #room = Promise.withResolvers<void>();
  #isClosed = false;

  /** @param onUp hears that it reads */
  constructor(options: TopicSourceOptions, generationFor: GenerationFor, onUp: () => void) {
    this.#options = options;
    this.#generationFor = generationFor;
    this.#groupId = `${options.kafka.prefix}.sources.${options.topic}`;
    this.#failed.promise.catch(() => {});
    const client = kafkaClient(options.kafka, retries);
    this.#admin = client.admin();
    this.#consumer = client.consumer({
      groupId: this.#groupId,
      allowAutoTopicCreation: false,
      // It is how the library gives away its connections.
      partitionAssigners: [(config) => {
        this.#cluster = config.cluster;
        return PartitionAssigners.roundRobin(config);
      }],
      sessionTimeout: sessionTimeoutMs,
      rebalanceTimeout: rebalanceTimeoutMs,
      heartbeatInterval: heartbeatMs,
      maxBytesPerPartition: fetchPartitionBytes,
      maxBytes: fetchBytes,
      maxWaitTimeInMs: fetchWaitMs,
      // This life ends with the crash, and the next one begins anew.
      retry: { ...retries, restartOnFailure: () => Promise.resolve(false) },
    });
    const { events, on } = this.#consumer;
    on(events.CRASH, ({ payload }) => this.#failed.reject(payload.error));
    on(events.GROUP_JOIN, ({ payload }) => this.#joined(payload.memberAssignment[options.topic] ?? []));
    const stopListening = on(events.FETCH, () => {
      stopListening();
      onUp();
      // From now on Kafka knows of the group: nobody takes it for one that was forgotten.
      void this.#commit();
    });
    on(events.END_BATCH_PROCESS, ({ payload: { partition, batchSize, firstOffset, lastOffset } }) => {
      // Of control records alone there is no batch to take.
      if (batchSize === 0) this.#skip(partition, Number(firstOffset ?? lastOffset), Number(lastOffset) + 1);
    });
  }

  /** Resolves when the source is stopped, throws when it cannot go on. */
  async run(): Promise<void> {
    this.#beginning = this.#begin();
    await unlessAborted(this.#beginning.then(() => this.#failed.promise), this.#options.signal);
  }

  async #begin(): Promise<void> {
    const { topic } = this.#options;
    await this.#admin.connect();
    await this.#makeMissing();
    await this.#consumer.connect();
    this.#known = await this.#generationFor(await this.#topicId());
    if (this.#known === null) return;
    await this.#look();
    await this.#mark(this.#known);
    if (this.#isClosed) return;
    await this.#consumer.subscribe({ topics: [topic], fromBeginning: true });
    if (this.#isClosed) return;
    await this.#consumer.run({ autoCommit: false, eachBatch: (payload) => this.#take(payload) });
    if (this.#isClosed) return;
    this.#timers.push(
      setInterval(() => void this.#commit(), commitIntervalMs),
      // Brokers that do not answer are the consumer's to tell of.
      setInterval(() => void this.#look().catch(() => {}), lookIntervalMs),
    );
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const timer of this.#timers) clearInterval(timer);
    const lanes = [...this.#partitions.values()].map(({ lane }) => lane);
    for (const lane of lanes) lane.stop();
    this.#room.resolve();
    // What a send that is late makes durable is read again, and dropped.
    await hasSettled(Promise.all(lanes.map(({ rest }) => rest)), closeDeadlineMs);
    await hasSettled(this.#disconnect(), closeDeadlineMs);
  }

  async #disconnect(): Promise<void> {
    if (this.#options.signal.aborted) void this.#commit();
    // The library connects again for what is still under way.
    await Promise.allSettled([this.#beginning, this.#committing]);
    await Promise.allSettled([this.#consumer.disconnect(), this.#admin.disconnect()]);
  }

  get #generation(): TopicGeneration {
    invariant(this.#known !== null, "A topic is known before anything is read of it");
    return this.#known;
  }

  get #progress(): TopicProgress {
    return this.#generation.progress;
  }

  async #topicId(): Promise<string | null> {
    invariant(this.#cluster !== null, "The library makes its assigners with its consumer");
    return await topicIdOf(this.#cluster, this.#options.topic);
  }

  /** The shards remember which topic is the first of its name before they have anything of it. */
  async #mark({ mark }: TopicGeneration): Promise<void> {
    if (mark === null) return;
    const batch = this.#options.engine.records(mark, 0);
    batch.note(0);
    const isWanted = () => !this.#isClosed;
    await retry(() => batch.send(), { clock: machineClock, isWanted, goesOn: () => true });
  }

  /** Throws when the topic was made anew: nothing that comes is of the one that this life reads. */
  async #checkId(): Promise<void> {
    const { topic } = this.#options;
    if (await this.#topicId() === this.#generation.id) return;
    const anew = new Error(`${topic} was made anew`);
    this.#failed.reject(anew);
    throw anew;
  }

  async #makeMissing(): Promise<void> {
    const { topic } = this.#options;
    if ((await this.#admin.listTopics()).includes(topic)) return;
    await this.#admin.createTopics({
      topics: [{ topic, numPartitions: newPartitions }],
      waitForLeaders: true,
    });
  }

  /** Where the topic's partitions begin and end; whether there are too many of them, and what else is strange. */
  async #look(): Promise<readonly Extent[]> {
    const { topic } = this.#options;
    await this.#checkId();
    const offsets = await this.#admin.fetchTopicOffsets(topic);
    this.#admit(offsets.length);
    return offsets.map(({ partition, low, high }) => {
      const extent = { partition, begin: Number(low), end: Number(high) };
      this.#progress.seen(extent);
      this.#tell(this.#progress.strangeEnd(extent));
      return extent;
    });
  }

  #tell(sentence: string | null): void {
    if (sentence !== null) this.#options.warn(sentence);
  }

  #admit(partitions: number): void {
    const { name, mark } = this.#generation;
    const sentence = this.#options.remembered.admit(name, partitions, mark);
    if (sentence === null) return;
    const refusal = new TopicRefusal(sentence);
    this.#failed.reject(refusal);
    throw refusal;
  }

  /** By partition; null: of another topic of the name. */
  async #committedOffsets(): Promise<ReadonlyMap<number, number | null>> {
    const { topic } = this.#options;
    const [of] = await this.#admin.fetchOffsets({ groupId: this.#groupId, topics: [topic] });
    const committed = (of?.partitions ?? []).filter(({ offset }) => Number(offset) >= 0);
    return new Map(committed.map(({ partition, offset, metadata }) => {
      return [partition, isCommitOf(this.#generation, metadata) ? Number(offset) : null];
    }));
  }

  #open({ partition: number, begin }: Extent, committed: number | null): Partition {
    if (committed === null) this.#tell(this.#progress.strangeBegin(number, begin));
    else this.#progress.read(number, committed);
    const lane = new PartitionLane({
      send: (batch, isWanted) => this.#send(number, batch, isWanted),
      onSent: () => this.#makeRoom(),
      onFailed: (thrown) => this.#failed.reject(thrown),
    });
    const partition = { number, cursor: new PartitionCursor(committed, begin), lane };
    this.#partitions.set(number, partition);
    return partition;
  }

  /** The consumer begins with what is committed, of kept partitions too. */
  #joined(assigned: readonly number[]): void {
    this.#assigned = assigned;
    this.#options.metrics.watch(this.#options.topic, () => this.#progress.lag(assigned));
    for (const { number, cursor, lane } of [...this.#partitions.values()]) {
      if (assigned.includes(number)) {
        lane.restart();
        cursor.joined();
        continue;
      }
      lane.stop();
      this.#partitions.delete(number);
    }
    const gained = assigned.filter((number) => !this.#partitions.has(number));
    // Of a topic that was made anew meanwhile, kept partitions would be taken for the old one's.
    this.#opening = gained.length === 0 ? this.#checkId() : this.#openGained(gained, assigned);
    this.#opening.catch((thrown) => this.#failed.reject(thrown));
  }

  /**
   * Nobody else commits of them any more: what Kafka says now, holds. They are paused meanwhile, as the library commits
   * by itself, when it finds that what it should read was removed.
   */
  async #openGained(gained: readonly number[], assigned: readonly number[]): Promise<void> {
    const those = [{ topic: this.#options.topic, partitions: [...gained] }];
    this.#consumer.pause(those);
    const extents = await this.#look();
    const committed = await this.#committedOffsets();
    if (assigned !== this.#assigned || this.#isClosed) return;
    for (const extent of extents) {
      const { partition, begin } = extent;
      if (!gained.includes(partition)) continue;
      const offset = committed.get(partition);
      this.#open(extent, offset ?? null);
      if (offset !== null) continue;
      const { topic } = this.#options;
      this.#consumer.seek({ topic, partition, offset: String(begin) });
    }
    this.#consumer.resume(those);
  }

  async #take({ batch, heartbeat, resolveOffset }: EachBatchPayload): Promise<void> {
    const { partition: number } = batch;
    await this.#opening;
    if (!this.#assigned.includes(number)) return;
    const partition = this.#partitions.get(number) ?? this.#openNew(number);
    this.#progress.seenEnd(number, Number(batch.highWatermark));
    await this.#hand(partition, batch);
    // It is ours now, even if a heartbeat fails.
    resolveOffset(batch.lastOffset());
    while (this.#heldBytes() >= maxHeldBytes && !this.#isClosed) {
      await hasSettled(this.#room.promise, heartbeatMs);
      await heartbeat();
    }
  }

  /** One that the topic has got meanwhile. */
  #openNew(number: number): Partition {
    this.#admit(number + 1);
    return this.#open({ partition: number, begin: 0, end: 0 }, null);
  }

  async #hand({ number, cursor, lane }: Partition, batch: EachBatchPayload["batch"]): Promise<void> {
    const records = batch.messages.map(({ offset, value }) => ({ offset: Number(offset), value }));
    // The client's type does not tell of it.
    const from = Number("fetchedOffset" in batch ? batch.fetchedOffset : batch.firstOffset());
    const next = Number(batch.lastOffset()) + 1;
    if (from < cursor.expected) await this.#checkId();
    if (from < cursor.joinedAt) this.#tell(this.#progress.strangeBegin(number, from));
    const begin = from > cursor.expected ? await this.#beginOf(number) : 0;
    const taken = cursor.take({ from, first: records[0]?.offset ?? null, next }, begin);
    if (taken === "seek") {
      const { topic } = this.#options;
      return this.#consumer.seek({ topic, partition: number, offset: String(cursor.expected) });
    }
    const bytes = records.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
    lane.add({ records, bytes, next, removed: taken.removed });
  }

  async #beginOf(number: number): Promise<number> {
    return (await this.#look()).find(({ partition }) => partition === number)?.begin ?? 0;
  }

  #skip(number: number, first: number, next: number): void {
    const partition = this.#partitions.get(number);
    if (partition?.cursor.skip(first, next)) {
      partition.lane.add({ records: [], bytes: 0, next, removed: null });
    }
  }

  #heldBytes(): number {
    let held = 0;
    for (const { lane } of this.#partitions.values()) held += lane.heldBytes;
    return held;
  }

  #makeRoom(): void {
    this.#room.resolve();
    this.#room = Promise.withResolvers();
  }

  async #send(partition: number, batch: ReadBatch, isWanted: () => boolean): Promise<void> {
    const { engine, topic, read, metrics } = this.#options;
    const { name } = this.#generation;
    let records = engine.records(name, partition);
    const send = async (full: RecordBatch) => {
      const sent = await retry(() => full.send(), { clock: machineClock, isWanted, goesOn: () => true });
      if (sent.type === "done") metrics.refused(topic, full.refusals);
      return sent.type === "done";
    };
    if (batch.removed !== null) {
      const { first, last } = batch.removed;
      records.refuse(
        last,
        removedReason,
        `Records ${first}..${last} of ${partitionName(topic, partition)} were removed before they were read`,
        "",
      );
    }
    for (const record of batch.records) {
      read(record, records);
      if (!records.isFull) continue;
      if (!await send(records)) return;
      records = engine.records(name, partition);
    }
    if (records.size > 0 && !await send(records)) return;
    this.#progress.read(partition, batch.next);
    metrics.read(topic, batch.records.length);
  }

  #commit(): Promise<void> {
    this.#committing = this.#committing.then(() => this.#commitNow());
    return this.#committing;
  }

  async #commitNow(): Promise<void> {
    // One that fails ends this life.
    await this.#opening.catch(() => {});
    const due = this.#assigned.flatMap((number) => {
      const partition = this.#partitions.get(number);
      if (partition === undefined) return [];
      const { cursor, lane } = partition;
      const offset = lane.durable ?? cursor.start;
      return offset === cursor.committed ? [] : [{ number, cursor, offset }];
    });
    if (due.length === 0) return;
    const { topic } = this.#options;
    const metadata = commitMetadata(this.#generation);
    try {
      await this.#consumer.commitOffsets(
        due.map(({ number, offset }) => ({ topic, partition: number, offset: String(offset), metadata })),
      );
      for (const { cursor, offset } of due) cursor.committed = offset;
    } catch {
      // The next one says the same, and more; without one, records are read again and dropped.
    }
  }
}
