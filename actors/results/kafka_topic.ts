/**
 * The topic on Kafka: read by a consumer group, to which every node that stores results belongs.
 *
 * 1. What is stored says where reading goes on, not what the group has committed: that is for whoever looks at its lag.
 * 2. A partition that came from another node is read from where that one has stored. If it stores more, the guard of the
 *    tables refuses what is read here, and the place is asked for anew.
 * 3. Records that compaction or retention took are no gap.
 * 4. A partition that ends below what is stored is another one: the topic was deleted and made anew. It is read from its
 *    beginning, and what is stored of it already, by its id, is left as it is.
 */

import type { Consumer, EachBatchPayload, Producer } from "kafkajs";
import { unlessAborted } from "../../runtime/unless_aborted.ts";
import { kafkaClient } from "../../runtime/log/kafka/client.ts";
import { heartbeatMs, rebalanceTimeoutMs, sessionTimeoutMs } from "../../runtime/log/kafka/limits.ts";
import type { KafkaSettings } from "../../runtime/log/kafka/settings.ts";
import { fetchWaitMs, retries } from "../../runtime/topics/limits.ts";
import { batchOf } from "./batch.ts";
import type { ResultReader, ResultTopic } from "./feed.ts";
import { newPartitions, storedAtOnce } from "./limits.ts";
import { StalePosition } from "./tables.ts";

export class KafkaTopic implements ResultTopic {
  readonly #settings: KafkaSettings;
  readonly #topic: string;
  #producer: Promise<Producer> | null = null;

  constructor(settings: KafkaSettings, topic: string) {
    this.#settings = settings;
    this.#topic = topic;
  }

  async send(series: string, text: string): Promise<void> {
    this.#producer ??= this.#connect();
    let producer: Producer;
    try {
      producer = await this.#producer;
    } catch (thrown) {
      // The next one connects anew.
      this.#producer = null;
      throw thrown;
    }
    await producer.send({ topic: this.#topic, acks: -1, messages: [{ key: series, value: text }] });
  }

  async #connect(): Promise<Producer> {
    await this.make();
    const producer = kafkaClient(this.#settings, retries).producer({ allowAutoTopicCreation: false });
    await producer.connect();
    return producer;
  }

  /** Makes the topic if it is not there. */
  async make(): Promise<void> {
    const admin = kafkaClient(this.#settings, retries).admin();
    await admin.connect();
    try {
      if ((await admin.listTopics()).includes(this.#topic)) return;
      await admin.createTopics({
        topics: [{ topic: this.#topic, numPartitions: newPartitions }],
        waitForLeaders: true,
      });
    } finally {
      await admin.disconnect();
    }
  }

  async read(reader: ResultReader, signal: AbortSignal): Promise<void> {
    await this.make();
    const consumer = kafkaClient(this.#settings, retries).consumer({
      groupId: `${this.#settings.prefix}.results`,
      allowAutoTopicCreation: false,
      sessionTimeout: sessionTimeoutMs,
      rebalanceTimeout: rebalanceTimeoutMs,
      heartbeatInterval: heartbeatMs,
      maxWaitTimeInMs: fetchWaitMs,
      // This life ends with the crash, and the next one begins anew.
      retry: { ...retries, restartOnFailure: () => Promise.resolve(false) },
    });
    const life = new Reading(consumer, this.#topic, reader);
    try {
      await life.run(signal);
    } finally {
      await consumer.disconnect();
    }
  }

  async close(): Promise<void> {
    const producer = await this.#producer?.catch(() => null);
    await producer?.disconnect();
  }
}

/** One membership of the group. */
class Reading {
  readonly #consumer: Consumer;
  readonly #topic: string;
  readonly #reader: ResultReader;
  /** By partition: the offset that is stored next, of those that this life has asked for. */
  readonly #next = new Map<number, number>();
  readonly #failed = Promise.withResolvers<never>();

  constructor(consumer: Consumer, topic: string, reader: ResultReader) {
    this.#consumer = consumer;
    this.#topic = topic;
    this.#reader = reader;
    this.#failed.promise.catch(() => {});
    const { events } = consumer;
    consumer.on(events.CRASH, ({ payload }) => this.#failed.reject(payload.error));
    // Others may have stored more since.
    consumer.on(events.GROUP_JOIN, () => this.#next.clear());
  }

  async run(signal: AbortSignal): Promise<void> {
    await this.#consumer.connect();
    await this.#consumer.subscribe({ topics: [this.#topic], fromBeginning: true });
    await this.#consumer.run({ autoCommit: false, eachBatch: (payload) => this.#take(payload) });
    await unlessAborted(this.#failed.promise, signal);
  }

  async #take({ batch, resolveOffset, heartbeat }: EachBatchPayload): Promise<void> {
    const { partition: part } = batch;
    const place = { topic: this.#topic, part };
    const first = Number(batch.firstOffset() ?? batch.lastOffset());
    const known = this.#next.get(part);
    let next = known ?? await this.#reader.position(place) ?? first;
    if (next > Number(batch.highWatermark)) {
      await this.#reader.store({ place, from: next, next: first, results: [], refused: [] });
      next = first;
    }
    this.#next.set(part, next);
    // The group had committed another place, or none.
    if (known === undefined && first !== next) return this.#seek(part, next);
    for (let at = 0; at < batch.messages.length; at += storedAtOnce) {
      const messages = batch.messages.slice(at, at + storedAtOnce);
      const from = this.#next.get(part) ?? next;
      const after = Number(messages.at(-1)!.offset) + 1;
      if (after <= from) continue;
      const records = messages.map(({ offset, value }) => ({ position: Number(offset), value }));
      try {
        await this.#reader.store(batchOf(place, from, after, records));
      } catch (thrown) {
        if (!(thrown instanceof StalePosition)) throw thrown;
        this.#next.delete(part);
        return this.#seek(part, from);
      }
      this.#next.set(part, after);
      resolveOffset(messages.at(-1)!.offset);
      await heartbeat();
    }
    await this.#commit(part);
  }

  #seek(partition: number, offset: number): void {
    this.#consumer.seek({ topic: this.#topic, partition, offset: String(offset) });
  }

  async #commit(partition: number): Promise<void> {
    const offset = this.#next.get(partition);
    if (offset === undefined) return;
    try {
      await this.#consumer.commitOffsets([{ topic: this.#topic, partition, offset: String(offset) }]);
    } catch {
      // Only whoever looks at the group's lag misses it, until the next one.
    }
  }
}
