/** The log on three brokers, one of which is killed: the one that leads the group of the nodes, and some of the shards. */

import assert from "node:assert/strict";
import { Kafka, logLevel } from "kafkajs";
import type { Agreement } from "../../../runtime/core/cluster.ts";
import { type KafkaSettings, mailboxTopic } from "../../../runtime/log/kafka/settings.ts";
import { skipUnlessServersInstalled } from "../../services/own_server.ts";
import { losesNothing } from "./kafka_disturbance.ts";
import { openKafkaLog } from "./kafka_logs.ts";
import { withThreeBrokers } from "./three_brokers.ts";

const shards = 4;
/** The brokers give a dead one up after 4 s; and a machine may be busy. */
const settleMs = 40_000;

/** Java's, of a string of plain letters. */
function hashOf(text: string): number {
  let hash = 0;
  for (const letter of text) hash = (Math.imul(31, hash) + letter.charCodeAt(0)) | 0;
  return hash;
}

/** Whose leader coordinates the group: `GroupMetadataManager.partitionFor`. */
function partitionOf(group: string, partitions: number): number {
  return (hashOf(group) & 0x7fffffff) % partitions;
}

interface Topics {
  readonly coordinator: number;
  readonly replicas: readonly number[];
}

/** From 1 on, as brokers are numbered. */
async function look(settings: KafkaSettings): Promise<Topics> {
  const admin = new Kafka({ brokers: [...settings.brokers], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    const [offsets, mailbox] = await Promise.all(
      ["__consumer_offsets", mailboxTopic(settings)].map(async (topic) => {
        return (await admin.fetchTopicMetadata({ topics: [topic] })).topics[0]!.partitions;
      }),
    );
    const partition = partitionOf(`${settings.prefix}.nodes`, offsets!.length);
    const { leader } = offsets!.find(({ partitionId }) => partitionId === partition)!;
    return { coordinator: leader, replicas: mailbox!.map(({ replicas }) => replicas.length) };
  } finally {
    await admin.disconnect();
  }
}

Deno.test({
  name: "KafkaLog goes on without one of three brokers, and loses and repeats nothing",
  ignore: skipUnlessServersInstalled("The log on three brokers", ["kafka"]),
  fn: () =>
    withThreeBrokers(async (settings, brokers) => {
      const agreed: Agreement[] = [];
      const open = () => openKafkaLog({ settings, shards, onAgreed: (agreement) => agreed.push(agreement) });
      const kill = async () => {
        const { coordinator, replicas } = await look(settings);
        assert.deepEqual(replicas, [3, 3, 3, 3]);
        await brokers[coordinator - 1]!.kill();
      };
      await losesNothing(open, kill, settleMs);
      assert.deepEqual(
        agreed.map(({ own }) => own),
        [[0, 1, 2, 3]],
        "it stays a member, and nobody joins anew",
      );
    }),
});
