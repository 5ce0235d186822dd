/** Whether brokers have caught up with each other: until then, the death of another one stops what needs two. */

import { Kafka, logLevel } from "kafkajs";
import { lookOnlyForWaiting } from "../../runtime/log/kafka/request_timers.ts";
import { eventually } from "../services/eventually.ts";

/** A broker that was killed reads its log anew, and fetches what it has missed. */
const deadlineMs = 120_000;

/** Resolves when every partition of every topic has all its replicas in sync. */
export async function untilInSync(brokers: readonly string[]): Promise<void> {
  lookOnlyForWaiting();
  const kafka = new Kafka({ clientId: "chaos", brokers: [...brokers], logLevel: logLevel.NOTHING });
  const admin = kafka.admin({ retry: { retries: 1 } });
  try {
    await eventually("all replicas to be in sync", deadlineMs, async () => {
      await admin.connect();
      const { topics } = await admin.fetchTopicMetadata();
      const isInSync = topics.every(({ partitions }) =>
        partitions.every(({ isr, replicas }) => isr.length === replicas.length)
      );
      return isInSync ? true : null;
    }, 200);
  } finally {
    await admin.disconnect();
  }
}
