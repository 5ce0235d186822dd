/** A foreign topic of a test alone, and readers of it as a node has them. */

import type { Admin, Kafka, Message, Producer } from "kafkajs";
import { refusalReasons } from "../../actors/sources/records.ts";
import { panelTopics } from "../../actors/sources/topics.ts";
import type { StoredDeadLetter } from "../../runtime/core/checkpoint.ts";
import { kafkaClient } from "../../runtime/log/kafka/client.ts";
import { retries } from "../../runtime/log/kafka/limits.ts";
import type { KafkaSettings } from "../../runtime/log/kafka/settings.ts";
import type { EmbeddedEngine } from "../../runtime/node/node.ts";
import { Registry } from "../../runtime/prom_client.ts";
import { RememberedPartitions } from "../../runtime/topics/remembered_partitions.ts";
import { TopicMetrics } from "../../runtime/topics/topic_metrics.ts";
import { runTopicSource, type TopicSourceOptions } from "../../runtime/topics/topic_source.ts";
import { eventually } from "../services/eventually.ts";
import { serverAddress, uniqueName } from "../services/servers.ts";
import { within } from "../services/within.ts";
import { deadlineMs } from "./engine_harness.ts";

export interface Total {
  readonly count: number;
  readonly sum: number;
}

export interface Reading {
  readonly id: string;
  readonly ts: number;
  readonly values: Readonly<Record<string, number>>;
}

interface Answer {
  readonly channels: Readonly<Record<string, { readonly total: Total }>>;
  readonly recovered: { readonly count: number; readonly last: number | null };
}

export async function stateOf(engine: EmbeddedEngine, id: string): Promise<Answer | null> {
  const result = await engine.ask({ kind: "sensor", id }, "state", {}, { consistency: "strict", deadlineMs });
  return result.type === "answered" ? JSON.parse(result.json) : null;
}

/** How often each sensor is read in turn. */
export const sensors = 50;

export class TopicStage implements AsyncDisposable {
  readonly prefix = uniqueName("topics");
  readonly entry = `${this.prefix}.ENTRY`;
  readonly ok = `${this.prefix}.OK`;
  readonly brokers: readonly string[];
  readonly #client: Kafka;
  readonly admin: Admin;
  readonly producer: Producer;
  readonly registry = new Registry();
  /** What the readers have said. */
  readonly said: string[] = [];
  readonly readings: Reading[] = [];
  /** By sensor, of the values of `readings`. */
  readonly sent = new Map<string, Total>();
  readonly #metrics = new TopicMetrics(this.registry, [this.entry, this.ok], refusalReasons);
  readonly #ends = new Set<() => Promise<void>>();
  readonly #startMs = Date.now() - 3_600_000;

  private constructor(brokers: readonly string[]) {
    this.brokers = brokers;
    this.#client = kafkaClient(this.#kafka, retries);
    this.admin = this.#client.admin();
    this.producer = this.#client.producer({ allowAutoTopicCreation: false });
  }

  static async open(brokers = serverAddress("kafka").split(",")): Promise<TopicStage> {
    const stage = new TopicStage(brokers);
    await Promise.all([stage.admin.connect(), stage.producer.connect()]);
    return stage;
  }

  get #kafka(): KafkaSettings {
    return { brokers: this.brokers, tls: null, sasl: null, prefix: this.prefix };
  }

  async make(partitions: number): Promise<void> {
    await this.admin.createTopics({
      topics: [{
        topic: this.entry,
        numPartitions: partitions,
        configEntries: [{ name: "max.message.bytes", value: "4000000" }],
      }],
      waitForLeaders: true,
    });
  }

  /** Readings with any key or none, and to be expected. */
  async send(count: number): Promise<void> {
    const messages = Array.from({ length: count }, (): Message => {
      const n = this.readings.length;
      const [id, value] = [`s${n % sensors}`, n % 64 / 8];
      const reading = { id, ts: this.#startMs + n, values: { t: value } };
      const { count, sum } = this.sent.get(id) ?? { count: 0, sum: 0 };
      this.sent.set(id, { count: count + 1, sum: sum + value });
      this.readings.push(reading);
      return { key: n % 3 === 0 ? null : `k${n % 7}`, value: JSON.stringify(reading) };
    });
    await this.producer.send({ topic: this.entry, messages });
  }

  async put(topic: string, ...values: readonly Message["value"][]): Promise<void> {
    await this.producer.send({ topic, messages: values.map((value) => ({ value })) });
  }

  /** A node's reader of one of the two topics; the function ends it. */
  read(
    engine: TopicSourceOptions["engine"],
    topic: string = this.entry,
    options: Partial<TopicSourceOptions> = {},
  ): () => Promise<void> {
    const stop = new AbortController();
    const topics = panelTopics({ entryTopic: this.entry, okTopic: this.ok, keyedTopics: [] });
    const ended = runTopicSource({
      kafka: this.#kafka,
      engine,
      topic,
      read: topics.get(topic)!,
      remembered: new RememberedPartitions(),
      metrics: this.#metrics,
      signal: stop.signal,
      warn: (sentence) => this.said.push(sentence),
      info: (sentence) => this.said.push(sentence),
      ...options,
    });
    const end = async () => {
      this.#ends.delete(end);
      stop.abort();
      await within("the end of a reader", ended, deadlineMs);
    };
    this.#ends.add(end);
    return end;
  }

  /** Where the partitions of `entry` end, once its group has committed that. */
  async untilCommitted(): Promise<{ readonly partition: number; readonly offset: string }[]> {
    const { entry, prefix, admin } = this;
    return await eventually("the group to commit", deadlineMs, async () => {
      const [of] = await admin.fetchOffsets({ groupId: `${prefix}.sources.${entry}`, topics: [entry] });
      const committed = new Map(of?.partitions.map(({ partition, offset }) => [partition, offset]));
      const ends = await admin.fetchTopicOffsets(entry);
      if (!ends.every(({ partition, high }) => committed.get(partition) === high)) return null;
      return ends.map(({ partition, high }) => ({ partition, offset: high }));
    });
  }

  /** Changes what the group of `entry` has committed, while it has no reader. */
  async setBack(offsetOf: (committed: number, partition: number) => number): Promise<void> {
    const { entry, prefix } = this;
    const groupId = `${prefix}.sources.${entry}`;
    const [of] = await this.admin.fetchOffsets({ groupId, topics: [entry] });
    const consumer = this.#client.consumer({ groupId, maxWaitTimeInMs: 50 });
    const joined = Promise.withResolvers<void>();
    consumer.on(consumer.events.FETCH, () => joined.resolve());
    await consumer.connect();
    await consumer.subscribe({ topics: [entry] });
    await consumer.run({ autoCommit: false, eachBatch: () => Promise.resolve() });
    await within("a fetch of the group", joined.promise, deadlineMs);
    await consumer.commitOffsets((of?.partitions ?? []).map(({ partition, offset, metadata }) => ({
      topic: entry,
      partition,
      offset: `${offsetOf(Number(offset), partition)}`,
      metadata,
    })));
    await consumer.disconnect();
  }

  /** The sum of a metric's values that have these labels. */
  async metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    const found = await this.registry.getSingleMetric(name)?.get();
    const values = (found?.values ?? []).filter((value) =>
      Object.entries(labels).every(([label, text]) =>
        Object.entries(value.labels).some(
          ([name, found]) => name === label && found === text,
        )
      )
    );
    return values.reduce((sum, { value }) => sum + Number(value), 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const end of [...this.#ends]) await end();
    const topics = (await this.admin.listTopics()).filter((topic) => topic.startsWith(this.prefix));
    if (topics.length > 0) await this.admin.deleteTopics({ topics });
    await Promise.all([this.admin.disconnect(), this.producer.disconnect()]);
  }
}

/** Resolves when all that was sent is folded, and throws when something was folded twice. */
export async function untilFolded(engine: EmbeddedEngine, sent: ReadonlyMap<string, Total>): Promise<void> {
  for (const [id, total] of sent) {
    await eventually(`${total.count} readings of ${id}`, deadlineMs, async () => {
      const count = (await stateOf(engine, id))?.channels["t"]?.total.count ?? 0;
      return count >= total.count ? true : null;
    });
    assertTotal(id, (await stateOf(engine, id))?.channels["t"]?.total, total);
  }
}

function assertTotal(id: string, found: Total | undefined, expected: Total): void {
  if (found?.count === expected.count && found.sum === expected.sum) return;
  throw new Error(`${id} has ${JSON.stringify(found)}, and was sent ${JSON.stringify(expected)}`);
}

export async function untilLetters(
  engine: EmbeddedEngine,
  count: number,
): Promise<readonly StoredDeadLetter[]> {
  return await eventually(`${count} dead letters`, deadlineMs, async () => {
    await engine.flush(deadlineMs);
    const { items } = await engine.store.deadLetters({ after: null, limit: 20 });
    return items.length >= count ? items : null;
  });
}
