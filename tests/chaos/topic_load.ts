/**
 * Records in topics of others, beside the load over HTTP: in one that nodes re-key, and in one that is keyed by id.
 *
 * 1. Sends are made one after the other by an idempotent producer, each to one partition. One whose answer did not come
 *    is repeated unchanged until it does, and the brokers know it again: each record is written once.
 * 2. Every value is a multiple of 1/8, so that sums are exact in any order.
 */

import type { Producer } from "kafkajs";
import { kafkaClient } from "../../runtime/log/kafka/client.ts";
import { retries } from "../../runtime/log/kafka/limits.ts";
import { eventually } from "../services/eventually.ts";
import { recoveryDeadlineMs, shards } from "./limits.ts";
import { idOf } from "./probes.ts";

/** Topics that the nodes of a run read. */
export interface ForeignTopics {
  readonly brokers: readonly string[];
  readonly rekeyed: string;
  readonly keyed: string;
}

/** As nodes call the first of them, unless told otherwise. */
const rekeyed = "ENTRY";
const keyed = "chaos.keyed";

export const topicFlags: readonly string[] = ["--keyed-topics", keyed];

export function foreignTopics(brokers: readonly { readonly address: string }[]): ForeignTopics {
  return { brokers: brokers.map(({ address }) => address), rekeyed, keyed };
}

/** What a sensor was sent. */
export interface Total {
  readonly count: number;
  readonly sum: number;
}

const sensorsOfPartition = 5;
const batchRecords = 50;
/** With those of either topic some hundred records a second, which a send or two a fetch leaves time for. */
const pauseMs = 100;

/** Where a batch goes, and whose readings are in it. */
interface Place {
  readonly topic: string;
  readonly partition: number;
  readonly ids: readonly string[];
}

function placesOf({ rekeyed, keyed }: ForeignTopics, rekeyedPartitions: number): readonly Place[] {
  const numbers = Array.from({ length: sensorsOfPartition }, (_, n) => n);
  // Its sensors are in all of its partitions.
  const ids = numbers.map((n) => `rekeyed-${n}`);
  return Array.from({ length: shards }, (_, shard) => [
    { topic: rekeyed, partition: shard % rekeyedPartitions, ids },
    { topic: keyed, partition: shard, ids: numbers.map((n) => idOf(`keyed-${n}`, shard)) },
  ]).flat();
}

export class TopicLoad {
  readonly #producer: Producer;
  readonly #places: readonly Place[];
  readonly #acknowledged = new Map<string, Total>();
  readonly #sending: Promise<void>;
  #isOver = false;
  #isAbandoned = false;

  private constructor(producer: Producer, places: readonly Place[]) {
    this.#producer = producer;
    this.#places = places;
    this.#sending = this.#sendOn();
    // Whoever awaits `finish` hears of it.
    this.#sending.catch(() => {});
  }

  /** Once the nodes have made the topics. */
  static async begin(topics: ForeignTopics): Promise<TopicLoad> {
    const settings = { brokers: topics.brokers, tls: null, sasl: null, prefix: "chaos" };
    const kafka = kafkaClient(settings, retries);
    const places = placesOf(topics, await partitionsOf(kafka.admin(), topics));
    const producer = kafka.producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      retry: retries,
      createPartitioner: () => ({ message }) => message.partition ?? 0,
    });
    await producer.connect();
    return new TopicLoad(producer, places);
  }

  /** Sends no more; resolves with what has been acknowledged, which is all that was sent. */
  async finish(): Promise<ReadonlyMap<string, Total>> {
    this.#isOver = true;
    await this.#sending;
    return this.#acknowledged;
  }

  async abandon(): Promise<void> {
    [this.#isOver, this.#isAbandoned] = [true, true];
    await Promise.allSettled([this.#sending]);
    await this.#producer.disconnect().catch(() => {});
  }

  async #sendOn(): Promise<void> {
    for (let batch = 0; !this.#isOver; batch++) {
      await this.#send(this.#places[batch % this.#places.length]!, batch);
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }

  async #send({ topic, partition, ids }: Place, batch: number): Promise<void> {
    const readings = Array.from({ length: batchRecords }, (_, n) => {
      return { id: ids[n % ids.length]!, values: { t: (batch + n) % 64 / 8 } };
    });
    const messages = readings.map((reading) => ({
      key: topic === keyed ? reading.id : null,
      partition,
      value: JSON.stringify(reading),
    }));
    await eventually(`an answer to records of ${topic}`, recoveryDeadlineMs, async () => {
      if (this.#isAbandoned) return true;
      // It answers without those that it did not send: their partition has another leader.
      const written = await this.#producer.send({ topic, messages, acks: -1 });
      return written.length === 1 ? true : null;
    });
    for (const { id, values } of readings) {
      const { count, sum } = this.#acknowledged.get(id) ?? { count: 0, sum: 0 };
      this.#acknowledged.set(id, { count: count + 1, sum: sum + values.t });
    }
  }
}

/** Of the one that is re-keyed, once both are there. */
async function partitionsOf(
  admin: ReturnType<ReturnType<typeof kafkaClient>["admin"]>,
  { rekeyed, keyed }: ForeignTopics,
): Promise<number> {
  await admin.connect();
  try {
    return await eventually("the topics", recoveryDeadlineMs, async () => {
      const { topics } = await admin.fetchTopicMetadata({ topics: [keyed, rekeyed] });
      return topics.find(({ name }) => name === rekeyed)?.partitions.length || null;
    });
  } finally {
    await admin.disconnect();
  }
}
