/**
 * Topics full of readings, as panels of the load generator would have put them there: made once, read by every figure.
 *
 * 1. A topic holds whole bodies of the generator's live stream, one record a reading: its ledger is exact.
 * 2. "keyed": by id, with Kafka's default partitioner, as many partitions as there are shards. "unkeyed": two
 *    partitions in turn, so that every sensor's readings are in both.
 */

import { Kafka, logLevel, Partitioners, type Producer } from "kafkajs";
import type { StreamLedger } from "../../../actors/simulate/ledger.ts";
import type { Plan } from "../../../actors/simulate/plan.ts";
import { readingText } from "../../../actors/simulate/reading.ts";
import { type Stream, streamOf } from "../../../actors/simulate/stream.ts";
import { lookOnlyForWaiting } from "../../../runtime/log/kafka/request_timers.ts";
import { loadSeed } from "../load.ts";

export type TopicForm = "keyed" | "unkeyed";

export const sensors = 10_000;
export const shards = 8;

/** A panel's reading as JSON has about 110 bytes. */
const panelRatio = 1;
/** Readings are so far apart in their own time. */
const ratePerSecond = 200_000;
const bodyReadings = 100;

export interface FilledTopic {
  readonly name: string;
  readonly form: TopicForm;
  readonly records: number;
  readonly meanBytes: number;
  readonly ledger: StreamLedger;
}

interface Message {
  readonly key: string | null;
  readonly value: string;
  readonly partition?: number;
}

/** One body of every lane: some hundred kilobytes in one send. */
function messagesOf(stream: Stream, body: number, isKeyed: boolean): Message[] {
  const messages: Message[] = [];
  for (let lane = 0; lane < stream.layout.lanes; lane++) {
    for (const { sensor, step } of stream.items(lane, body)) {
      const reading = stream.reading(sensor, step);
      const value = readingText(reading);
      messages.push(
        isKeyed ? { key: reading.id, value } : { key: null, value, partition: messages.length % 2 },
      );
    }
  }
  return messages;
}

async function fill(
  producer: Producer,
  topic: string,
  form: TopicForm,
  leastRecords: number,
): Promise<FilledTopic> {
  const plan: Plan = {
    seed: loadSeed,
    sensors,
    originMs: Date.now(),
    ratePerSecond,
    bodyReadings,
    historyMs: 0,
    panelRatio,
    lateRatio: 0,
    outOfOrderRatio: 0,
    duplicateRatio: 0,
  };
  const stream = streamOf(plan, "live");
  const { lanes } = stream.layout;
  const bodies = Math.ceil(leastRecords / (lanes * bodyReadings));
  let [records, bytes] = [0, 0];
  let sending: Promise<unknown> = Promise.resolve();
  for (let body = 0; body < bodies; body++) {
    const messages = messagesOf(stream, body, form === "keyed");
    for (const { value } of messages) bytes += value.length;
    records += messages.length;
    await sending;
    sending = producer.send({ topic, messages, acks: -1 });
    // It is awaited with the next body; until then a failure is nobody's.
    sending.catch(() => {});
  }
  await sending;
  const ledger: StreamLedger = {
    plan,
    stream: "live",
    settled: new Array<number>(lanes).fill(bodies),
    refused: [],
    unanswered: [],
    rejected: [],
  };
  return { name: topic, form, records, meanBytes: Math.round(bytes / records), ledger };
}

export class Topics {
  readonly #brokers: string;
  readonly #leastRecords: number;
  readonly #filled = new Map<TopicForm, Promise<FilledTopic>>();

  constructor(brokers: string, leastRecords: number) {
    this.#brokers = brokers;
    this.#leastRecords = leastRecords;
  }

  /** Fills it when it is wanted for the first time. */
  filled(form: TopicForm): Promise<FilledTopic> {
    const filled = this.#filled.get(form) ?? this.#fill(form);
    this.#filled.set(form, filled);
    return filled;
  }

  /** Removes what a node or a peer made, so that it takes no memory from the next. */
  async remove(isTheirs: (topic: string) => boolean): Promise<void> {
    const admin = this.#client().admin();
    await admin.connect();
    try {
      const topics = (await admin.listTopics()).filter(isTheirs);
      if (topics.length > 0) await admin.deleteTopics({ topics });
    } finally {
      await admin.disconnect();
    }
  }

  async #fill(form: TopicForm): Promise<FilledTopic> {
    const name = `bench.${form}`;
    const kafka = this.#client();
    const admin = kafka.admin();
    const producer = kafka.producer(
      form === "keyed" ? { createPartitioner: Partitioners.DefaultPartitioner } : {
        createPartitioner: () => ({ message }) => message.partition ?? 0,
      },
    );
    const startedAtMs = performance.now();
    await Promise.all([admin.connect(), producer.connect()]);
    try {
      const numPartitions = form === "keyed" ? shards : 2;
      await admin.createTopics({ topics: [{ topic: name, numPartitions }], waitForLeaders: true });
      const filled = await fill(producer, name, form, this.#leastRecords);
      const tookSeconds = (performance.now() - startedAtMs) / 1000;
      console.log(
        `${name}: ${filled.records} records of ${filled.meanBytes} bytes, put there in ${
          tookSeconds.toFixed(0)
        } s\n`,
      );
      return filled;
    } finally {
      await Promise.all([admin.disconnect(), producer.disconnect()]);
    }
  }

  #client(): Kafka {
    lookOnlyForWaiting();
    return new Kafka({ clientId: "bench", brokers: [this.#brokers], logLevel: logLevel.NOTHING });
  }
}
