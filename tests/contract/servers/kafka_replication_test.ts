/** What opening the log says of a mailbox that three brokers keep less well than they could. */

import assert from "node:assert/strict";
import { type Admin, ConfigResourceTypes, Kafka, logLevel } from "kafkajs";
import { type KafkaSettings, mailboxTopic } from "../../../runtime/log/kafka/settings.ts";
import { eventually } from "../../services/eventually.ts";
import { skipUnlessServersInstalled } from "../../services/own_server.ts";
import { openKafkaLog } from "./kafka_logs.ts";
import { withThreeBrokers } from "./three_brokers.ts";

const shards = 2;
const deadlineMs = 30_000;

function onThreeBrokers(
  test: (admin: Admin, settings: KafkaSettings) => Promise<void>,
): Promise<void> {
  return withThreeBrokers(async (settings) => {
    const admin = new Kafka({ brokers: [...settings.brokers], logLevel: logLevel.NOTHING }).admin();
    await admin.connect();
    try {
      await test(admin, settings);
    } finally {
      await admin.disconnect();
    }
  });
}

async function warningOf(settings: KafkaSettings): Promise<string | null> {
  const log = await openKafkaLog({ settings, shards });
  await log.close();
  return log.warning;
}

/** As it is when it was made while one broker was up. */
async function makeWithOneReplica(admin: Admin, topic: string): Promise<void> {
  const entries = {
    "message.timestamp.type": "LogAppendTime",
    "retention.ms": "-1",
    "max.message.bytes": String(32 * 2 ** 20),
    "min.insync.replicas": "1",
  };
  const configEntries = Object.entries(entries).map(([name, value]) => ({ name, value }));
  await admin.createTopics({
    topics: [{ topic, numPartitions: shards, replicationFactor: 1, configEntries }],
    waitForLeaders: true,
  });
}

async function replicasOf(admin: Admin, topic: string): Promise<number> {
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
  return Math.min(...topics[0]!.partitions.map(({ isr }) => isr.length));
}

async function raiseReplicas(admin: Admin, topic: string): Promise<void> {
  const partitionAssignment = [0, 1].map((partition) => ({ partition, replicas: [1, 2, 3] }));
  await admin.alterPartitionReassignments({ topics: [{ topic, partitionAssignment }], timeout: 10_000 });
  await eventually(
    "three replicas of each partition",
    deadlineMs,
    async () => await replicasOf(admin, topic) === 3 ? true : null,
  );
}

async function raiseInSync(admin: Admin, topic: string): Promise<void> {
  const resource = { type: ConfigResourceTypes.TOPIC, name: topic };
  const { resources } = await admin.describeConfigs({ resources: [resource], includeSynonyms: false });
  const own = resources[0]!.configEntries.filter(({ isDefault }) => !isDefault);
  const kept = own.map(({ configName, configValue }) => ({ name: configName, value: configValue }));
  const configEntries = [
    ...kept.filter(({ name }) => name !== "min.insync.replicas"),
    { name: "min.insync.replicas", value: "2" },
  ];
  await admin.alterConfigs({ resources: [{ ...resource, configEntries }], validateOnly: false });
}

Deno.test({
  name: "KafkaLog open() warns of a mailbox that fewer brokers have made, until what it says is done",
  ignore: skipUnlessServersInstalled("The mailbox's replication", ["kafka"]),
  fn: () =>
    onThreeBrokers(async (admin, settings) => {
      const topic = mailboxTopic(settings);
      await makeWithOneReplica(admin, topic);
      const ofOne = await warningOf(settings) ?? "";
      assert.match(ofOne, /log\.mailbox has replication factor 1 .*3 brokers: .*power cut/);
      assert.match(ofOne, /raise the factor to 3 .*min\.insync\.replicas=2/);
      await raiseReplicas(admin, topic);
      assert.match(await warningOf(settings) ?? "", /factor 3 and min\.insync\.replicas=1: .*replicas=2/);
      await raiseInSync(admin, topic);
      assert.equal(await warningOf(settings), null);
      assert.equal(await warningOf({ ...settings, prefix: "new" }), null);
    }),
});
