/** What a failed send means for a log on Kafka. The numbers are those of `runtime/log/kafka/appends.ts`. */

import assert from "node:assert/strict";
import type { Kafka, Producer, ProducerRecord } from "kafkajs";
import { KafkaAppends } from "../../runtime/log/kafka/appends.ts";
import { LogError } from "../../runtime/log/port.ts";

type Send = (record: ProducerRecord) => Promise<unknown>;

/** Brokers whose producers are as told: the first, the second, and so on; the last of them for all that follow. */
function brokers(...sends: readonly [Send, ...Send[]]) {
  let producers = 0;
  const producer = (): Partial<Producer> => {
    const send = sends[Math.min(producers++, sends.length - 1)]!;
    return {
      connect: () => Promise.resolve(),
      disconnect: () => Promise.resolve(),
      send: send as Producer["send"],
    };
  };
  const waiting: (string | null)[] = [];
  const appends = new KafkaAppends({
    kafka: { producer } as unknown as Kafka,
    settings: { brokers: ["kafka:9092"], tls: null, sasl: null, prefix: "p" },
    topic: "p.mailbox",
    waiting: (sentence) => void waiting.push(sentence),
  });
  return { appends, waiting, producers: () => producers };
}

function writes(log: string[]): Send {
  return ({ messages }) => {
    const partitions = new Map<number, number>();
    for (const { partition = 0, value } of messages) {
      if (!partitions.has(partition)) partitions.set(partition, log.length);
      log.push(String(value));
    }
    return Promise.resolve([...partitions].map(([partition, base]) => {
      return { partition, baseOffset: `${base}`, logAppendTime: "7" };
    }));
  };
}

const frame = (text: string) => [{ shard: 0, text }];

function codeOf(outcome: PromiseSettledResult<unknown>): string {
  if (outcome.status === "fulfilled") return "written";
  assert.ok(outcome.reason instanceof LogError);
  return outcome.reason.code;
}

/** None of them is cured by sending again: the library gives up at once. */
const fatal = [
  ["OUT_OF_ORDER_SEQUENCE_NUMBER", 45],
  ["INVALID_PRODUCER_EPOCH", 47],
  ["UNKNOWN_PRODUCER_ID", 59],
] as const;

for (const [type, code] of fatal) {
  Deno.test(`3, 4: after ${type} another producer goes on, and nothing overtakes what may be repeated`, async () => {
    const log: string[] = [];
    const error = Object.assign(new Error(type), { type, code, retriable: false });
    const sending = Promise.withResolvers<never>();
    const { appends, waiting, producers } = brokers(() => sending.promise, writes(log));
    await appends.open();
    const first = appends.append(frame("1"));
    await new Promise((resolve) => setImmediate(resolve));
    const behind = appends.append(frame("2"));
    sending.reject(error);
    const outcomes = await Promise.allSettled([first, behind]);
    assert.deepEqual(outcomes.map(codeOf), ["unknown", "unavailable"]);
    assert.equal(producers(), 2);
    assert.match(waiting[0] ?? "", /^Kafka at kafka:9092 answers with an error: /);
    assert.equal(waiting.at(-1), null, "it goes on by itself");
    await appends.append(frame("1"));
    assert.deepEqual(await appends.append(frame("2")), [{ offset: 1, stampMs: 7 }]);
    assert.deepEqual(log, ["1", "2"]);
    await appends.close();
  });
}
