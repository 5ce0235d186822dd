/**
 * The node's member of the consumer group, which fetches for all subscriptions.
 *
 * 1. Offsets are not committed: at each join every partition is sought to what its readers want, or paused, before the
 *    first fetch.
 * 2. A batch is handed over at once; a partition that nobody wants to read further is paused.
 * 3. The library jumps to the log's begin where an offset is gone. That is noticed, and ends whoever misses records.
 */

import type { Consumer, EachBatchPayload, Kafka, LogEntry } from "kafkajs";
import { MAILBOX } from "../../core/checkpoint.ts";
import type { LogFrame } from "../../core/log_frame.ts";
import { hasSettled } from "../../rpc.ts";
import type { LogExtent, Subscription, SubscriptionEnded } from "../port.ts";
import {
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
import { PartitionReader, type Reader } from "./partition_reader.ts";

export interface ConsumerParts {
  /** Its errors are heard by `hear`. */
  readonly kafka: Kafka;
  readonly group: string;
  readonly topic: string;
  readonly shards: number;
  extent(shard: number): Promise<LogExtent>;
}

interface Place {
  readonly reader: PartitionReader;
  /** Where the next fetch begins; null while the partition is paused. */
  position: number | null;
}

export class MailboxConsumer {
  readonly #parts: ConsumerParts;
  readonly #places: readonly Place[];
  #consumer: Consumer | null = null;
  #isJoined = false;
  #isClosed = false;
  #restarting: ReturnType<typeof setTimeout> | null = null;

  constructor(parts: ConsumerParts) {
    this.#parts = parts;
    this.#places = Array.from({ length: parts.shards }, (_, shard) => ({
      reader: new PartitionReader(shard),
      position: null,
    }));
  }

  /** Joins the group. */
  async open(): Promise<void> {
    const { kafka, group, topic } = this.#parts;
    const consumer = kafka.consumer({
      groupId: group,
      allowAutoTopicCreation: false,
      sessionTimeout: sessionTimeoutMs,
      rebalanceTimeout: rebalanceTimeoutMs,
      heartbeatInterval: heartbeatMs,
      maxWaitTimeInMs: fetchWaitMs,
      maxBytes: fetchBytes,
      maxBytesPerPartition: fetchPartitionBytes,
      minBytes: 1,
      retry: { ...retries, restartOnFailure: () => Promise.resolve(true) },
    });
    this.#consumer = consumer;
    consumer.on(consumer.events.GROUP_JOIN, () => this.#joined());
    consumer.on(consumer.events.STOP, () => void (this.#isJoined = false));
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      this.#isJoined = false;
      // The library gives up after some errors, and nobody else would begin again.
      if (!payload.restart) this.#restartLater();
    });
    try {
      await consumer.connect();
      await consumer.subscribe({ topic, fromBeginning: true });
      await consumer.run({ autoCommit: false, eachBatch: (payload) => this.#take(payload) });
    } catch (thrown) {
      consumer.disconnect().catch(() => {});
      throw thrown;
    }
  }

  subscribe(
    shard: number,
    from: number,
    deliver: (frames: readonly LogFrame[]) => void,
    failed: SubscriptionEnded,
  ): Subscription {
    const place = this.#places[shard]!;
    const reader: Reader = { deliver, failed, next: from, creditBytes: 0 };
    place.reader.add(reader);
    return {
      grant: (bytes) => {
        place.reader.grant(reader, bytes);
        this.#aim(shard);
      },
      close: () => {
        place.reader.remove(reader);
        this.#aim(shard);
      },
    };
  }

  /** The log holds nothing of the shard below `begin`. */
  begins(shard: number, begin: number): void {
    this.#places[shard]?.reader.begins(begin);
    this.#aim(shard);
  }

  /** Hears the library: it tells nobody else that it jumped. */
  hear({ log }: LogEntry): void {
    if (!log.message.startsWith("Offset out of range") || log.topic !== this.#parts.topic) return;
    const shard = Number(log.partition);
    this.#parts.extent(shard).then(({ begin, end }) => {
      this.#places[shard]?.reader.ends(end);
      this.begins(shard, begin);
    }).catch(() => {});
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#restarting !== null) clearTimeout(this.#restarting);
    for (const { reader } of this.#places) reader.clear();
    if (this.#consumer !== null) await hasSettled(this.#consumer.disconnect(), closeDeadlineMs);
  }

  #restartLater(): void {
    if (this.#isClosed) return;
    this.#restarting = setTimeout(() => {
      this.open().catch(() => this.#restartLater());
    }, reconnectMs);
  }

  #joined(): void {
    this.#isJoined = true;
    for (const [shard, place] of this.#places.entries()) {
      place.position = null;
      this.#pause(shard);
      this.#aim(shard);
    }
  }

  #pause(shard: number): void {
    this.#consumer?.pause([{ topic: this.#parts.topic, partitions: [shard] }]);
  }

  /** Makes the consumer fetch what is wanted, and nothing else. */
  #aim(shard: number): void {
    const place = this.#places[shard]!;
    if (!this.#isJoined || this.#isClosed) return;
    const wanted = place.reader.wanted();
    if (wanted === place.position) return;
    if (wanted === null) this.#pause(shard);
    else {
      const { topic } = this.#parts;
      this.#consumer?.seek({ topic, partition: shard, offset: String(wanted) });
      if (place.position === null) this.#consumer?.resume([{ topic, partitions: [shard] }]);
    }
    place.position = wanted;
  }

  #take({ batch }: EachBatchPayload): Promise<void> {
    const shard = batch.partition;
    const place = this.#places[shard];
    const wanted = place?.reader.wanted() ?? null;
    if (place === undefined || wanted === null) return Promise.resolve();
    const frames: LogFrame[] = [];
    for (const { offset, timestamp, value } of batch.messages) {
      const number = Number(offset);
      if (number < wanted) continue;
      frames.push({
        topic: MAILBOX,
        shard,
        offset: number,
        stampMs: Number(timestamp),
        text: value === null ? "" : value.toString("utf8"),
      });
    }
    // The library goes on after this batch, unless it is told otherwise.
    place.position = place.position === null ? null : Number(batch.lastOffset()) + 1;
    place.reader.fetched(frames);
    this.#aim(shard);
    return Promise.resolve();
  }
}
