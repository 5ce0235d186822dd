/**
 * The node's member of the consumer group, which fetches for all subscriptions: to the mailbox, and to the foreign topics
 * that are folded directly.
 *
 * 1. Offsets are not committed: at each join every partition that this node was given is sought to what its readers want,
 *    or paused, before the first fetch. So one that it had before goes on after what was handed over, and one that it
 *    gained waits for its subscription. Of what it was not given nothing is fetched.
 * 2. A batch is handed over at once; a partition that nobody wants to read further is paused.
 * 3. The library jumps to the log's begin where an offset is gone. That is noticed, and whoever misses records is told.
 */

import type { Consumer, ConsumerGroupJoinEvent, EachBatchPayload, Kafka, LogEntry } from "kafkajs";
import type { LogFrame, RecordFrame } from "../../core/log_frame.ts";
import { hasSettled } from "../../rpc.ts";
import type { LogExtent, Subscription, SubscriptionEnded } from "../port.ts";
import type { Feed } from "./feed.ts";
import { shardAssigner } from "./assigner.ts";
import {
  beyondRetryMs,
  closeDeadlineMs,
  fetchBytes,
  fetchPartitionBytes,
  fetchWaitMs,
  heartbeatMs,
  rebalanceTimeoutMs,
  reconnectMs,
  retries,
  sessionTimeoutMs,
} from "./limits.ts";
import type { Membership } from "./membership.ts";
import { PartitionReader, type Reader } from "./partition_reader.ts";
import { RecordReader } from "./record_reader.ts";

export interface ConsumerParts {
  /** Its errors are heard by `hear`. */
  readonly kafka: Kafka;
  readonly group: string;
  /** Hears how the group gets on. */
  readonly membership: Membership;
  readonly mailbox: string;
  /** Foreign ones, with a partition for each shard. */
  readonly topics: readonly string[];
  readonly shards: number;
  extent(topic: string, partition: number): Promise<LogExtent>;
  /** Hears what a person should know. */
  report(sentence: string): void;
  /** Hears why it is in no group; null when it is in one again. */
  outside(thrown: Error | null): void;
}

interface Place<F extends Feed = Feed> {
  readonly topic: string;
  readonly partition: number;
  readonly feed: F;
  /** Where the next fetch begins; null while the partition is paused. */
  position: number | null;
  /** This node was given the partition when it joined last. */
  isOwn: boolean;
  /** It is being asked where the partition begins and ends. */
  isMeasured: boolean;
}

function placesOf<F extends Feed>(topic: string, shards: number, feedOf: (shard: number) => F): Place<F>[] {
  return Array.from({ length: shards }, (_, partition) => {
    const feed = feedOf(partition);
    return { topic, partition, feed, position: null, isOwn: false, isMeasured: false };
  });
}

export class LogConsumer {
  readonly #parts: ConsumerParts;
  readonly #mailbox: readonly Place<PartitionReader>[];
  readonly #foreign: ReadonlyMap<string, readonly Place<RecordReader>[]>;
  readonly #places: ReadonlyMap<string, readonly Place[]>;
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  #consumer: Consumer | null = null;
  #isJoined = false;
  #isClosed = false;

  constructor(parts: ConsumerParts) {
    const { mailbox, topics, shards, report } = parts;
    this.#parts = parts;
    this.#mailbox = placesOf(mailbox, shards, (shard) => new PartitionReader(shard));
    this.#foreign = new Map(
      topics.map((topic) => [
        topic,
        placesOf(topic, shards, (shard) => new RecordReader(topic, shard, report)),
      ]),
    );
    this.#places = new Map<string, readonly Place[]>([[mailbox, this.#mailbox], ...this.#foreign]);
  }

  /** Joins the group. */
  async open(): Promise<void> {
    const { kafka, group, membership, shards } = this.#parts;
    await membership.clear();
    if (this.#isClosed) return;
    const consumer = kafka.consumer({
      groupId: group,
      allowAutoTopicCreation: false,
      partitionAssigners: [shardAssigner(shards, () => membership.word())],
      sessionTimeout: sessionTimeoutMs,
      rebalanceTimeout: rebalanceTimeoutMs,
      heartbeatInterval: heartbeatMs,
      maxWaitTimeInMs: fetchWaitMs,
      maxBytes: fetchBytes,
      maxBytesPerPartition: fetchPartitionBytes,
      minBytes: 1,
      // Then a new one is made here, after what is left of this one in the group was taken out.
      retry: { ...retries, restartOnFailure: () => Promise.resolve(false) },
    });
    this.#consumer = consumer;
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => this.#joined(payload));
    consumer.on(consumer.events.HEARTBEAT, ({ payload }) => membership.heard(payload.groupGenerationId));
    consumer.on(consumer.events.STOP, () => void (this.#isJoined = false));
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      this.#isJoined = false;
      this.#parts.outside(payload.error);
      this.openLater();
    });
    try {
      await consumer.connect();
      await consumer.subscribe({ topics: [...this.#places.keys()], fromBeginning: true });
      await consumer.run({ autoCommit: false, eachBatch: (payload) => this.#take(payload) });
    } catch (thrown) {
      consumer.disconnect().catch(() => {});
      throw thrown;
    }
  }

  /** To the mailbox. */
  subscribe(
    shard: number,
    from: number,
    deliver: (frames: readonly LogFrame[]) => void,
    failed: SubscriptionEnded,
  ): Subscription {
    const place = this.#mailbox[shard]!;
    const reader: Reader = { deliver, failed, next: from, creditBytes: 0 };
    place.feed.add(reader);
    return {
      grant: (bytes) => {
        place.feed.grant(reader, bytes);
        this.#aim(place);
      },
      close: () => {
        place.feed.remove(reader);
        this.#aim(place);
      },
    };
  }

  /** To one of the foreign topics. */
  read(
    topic: string,
    shard: number,
    from: number,
    deliver: (frames: readonly RecordFrame[]) => void,
  ): Subscription {
    const place = this.#foreign.get(topic)![shard]!;
    return place.feed.open(from, deliver, () => this.#aim(place));
  }

  /** The mailbox holds nothing of the shard below `begin`. */
  begins(shard: number, begin: number): void {
    const place = this.#mailbox[shard];
    if (place === undefined) return;
    place.feed.begins(begin);
    this.#aim(place);
  }

  /** Hears the library: it tells nobody else that it jumped, or that the group has put this member out. */
  hear({ log }: LogEntry): void {
    if (log.message.startsWith("The coordinator is not aware of this member")) this.#parts.membership.left();
    if (!log.message.startsWith("Offset out of range")) return;
    const place = this.#places.get(String(log.topic))?.[Number(log.partition)];
    if (place !== undefined && !place.isMeasured) this.#measure(place);
  }

  /** Tells who reads there where the partition begins and ends. */
  #measure(place: Place): void {
    const { topic, partition, feed } = place;
    const again = (afterMs: number) => this.#later(afterMs, () => this.#measure(place));
    place.isMeasured = true;
    this.#parts.extent(topic, partition).then(({ begin, end }) => {
      place.isMeasured = feed.ends(end);
      feed.begins(begin);
      this.#aim(place);
      if (place.isMeasured) again(beyondRetryMs);
    }, () => again(reconnectMs));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    for (const place of this.#all()) place.feed.clear();
    if (this.#consumer !== null) await hasSettled(this.#consumer.disconnect(), closeDeadlineMs);
  }

  /** Tries again in a moment, and so on. */
  openLater(): void {
    this.#later(reconnectMs, () => {
      this.open().catch(() => this.openLater());
    });
  }

  #later(afterMs: number, act: () => void): void {
    if (this.#isClosed) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, afterMs);
    this.#timers.add(timer);
  }

  #all(): Place[] {
    return [...this.#places.values()].flat();
  }

  #joined({ memberId, memberAssignment, duration }: ConsumerGroupJoinEvent["payload"]): void {
    const { mailbox, membership, outside } = this.#parts;
    this.#isJoined = true;
    for (const place of this.#all()) {
      place.isOwn = memberAssignment[place.topic]?.includes(place.partition) ?? false;
      place.position = null;
      this.#pause(place);
      this.#aim(place);
    }
    outside(null);
    const own = (memberAssignment[mailbox] ?? []).toSorted((a, b) => a - b);
    membership.joined({ memberId, own, durationMs: duration });
  }

  #pause({ topic, partition }: Place): void {
    this.#consumer?.pause([{ topic, partitions: [partition] }]);
  }

  /** Makes the consumer fetch what is wanted, and nothing else. */
  #aim(place: Place): void {
    if (!this.#isJoined || this.#isClosed || !place.isOwn) return;
    const { topic, partition, feed } = place;
    const wanted = feed.wanted();
    if (wanted === place.position) return;
    if (wanted === null) this.#pause(place);
    else {
      this.#consumer?.seek({ topic, partition, offset: String(wanted) });
      if (place.position === null) this.#consumer?.resume([{ topic, partitions: [partition] }]);
    }
    place.position = wanted;
  }

  #take({ batch }: EachBatchPayload): Promise<void> {
    const place = this.#places.get(batch.topic)?.[batch.partition];
    if (place === undefined || place.position === null) return Promise.resolve();
    const next = Number(batch.lastOffset()) + 1;
    // The library goes on after this batch, unless it is told otherwise.
    place.position = next;
    place.feed.fetched({ from: fetchedFrom(batch), next, messages: batch.messages });
    this.#aim(place);
    return Promise.resolve();
  }
}

/** The library's type does not tell of what its batch has. */
function fetchedFrom(batch: EachBatchPayload["batch"]): number {
  return Number("fetchedOffset" in batch ? batch.fetchedOffset : batch.firstOffset());
}
