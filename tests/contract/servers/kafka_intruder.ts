/** Writes under the number of a log's producer, so that the broker refuses all that the log's producer sends later. */

import assert from "node:assert/strict";
import { type Broker, type Cluster, Kafka, logLevel } from "kafkajs";
import { type KafkaSettings, mailboxTopic } from "../../../runtime/log/kafka/settings.ts";
import { uniqueName } from "../../services/servers.ts";

/** What every broker of the library has, and its types leave out. */
interface ProducerNumbers {
  initProducerId(request: { readonly transactionTimeout: number }): Promise<{ readonly producerId: string }>;
}

const hasNumbers = (broker: object): broker is ProducerNumbers => "initProducerId" in broker;

/** What a shard takes for a repeat; see `kafka_disturbance.ts`. */
export const intruded = "an intruder's again";

export interface Intrusion {
  readonly epoch: number;
  readonly sequence: number;
  readonly records: number;
}

/** Calls `act` with the only broker. */
async function withBroker<T>(settings: KafkaSettings, act: (broker: Broker) => Promise<T>): Promise<T> {
  const kafka = new Kafka({ brokers: [...settings.brokers], logLevel: logLevel.NOTHING });
  let cluster: Cluster | null = null;
  // It joins no group: it is how the library gives away its connections.
  const consumer = kafka.consumer({
    groupId: uniqueName("none"),
    partitionAssigners: [(parts) => {
      cluster = parts.cluster;
      const metadata = Buffer.alloc(0);
      return {
        name: "none",
        version: 0,
        protocol: () => ({ name: "none", metadata }),
        assign: () => Promise.resolve([]),
      };
    }],
  });
  const clusterOf = (): Cluster => {
    assert(cluster !== null);
    return cluster;
  };
  await consumer.connect();
  try {
    await clusterOf().refreshMetadata();
    return await act(await clusterOf().findControllerBroker());
  } finally {
    await consumer.disconnect();
  }
}

/** Into shard 0, as the producer that the broker made last. */
export async function intrude(
  settings: KafkaSettings,
  { epoch, sequence, records }: Intrusion,
): Promise<void> {
  await withBroker(settings, async (broker) => {
    assert(hasNumbers(broker));
    // A broker counts them.
    const { producerId } = await broker.initProducerId({ transactionTimeout: 60_000 });
    const messages = Array.from({ length: records }, () => ({ value: intruded }));
    await broker.produce({
      topicData: [{
        topic: mailboxTopic(settings),
        partitions: [{ partition: 0, firstSequence: sequence, messages }],
      }],
      producerId: Number(producerId) - 1,
      producerEpoch: epoch,
    });
  });
}
