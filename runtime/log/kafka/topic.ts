/**
 * The mailbox's topic: made if absent, else checked.
 *
 * 1. An existing topic is left as it is. One with another number of partitions, with time stamps that are not the
 *    log's own, or that forgets by time or size is refused: frames would go to wrong shards, stamps would go back,
 *    or frames would vanish before they are folded.
 */

import { type Admin, ConfigResourceTypes } from "kafkajs";
import { LogError } from "../port.ts";
import { typeOf } from "./errors.ts";
import { maxBatchBytes } from "./limits.ts";

const wanted: Readonly<Record<string, string>> = {
  "cleanup.policy": "delete",
  "message.timestamp.type": "LogAppendTime",
  "retention.ms": "-1",
  "retention.bytes": "-1",
};

export async function ensureMailboxTopic(admin: Admin, topic: string, shards: number): Promise<void> {
  const existing = await admin.listTopics();
  if (!existing.includes(topic)) await create(admin, topic, shards);
  await checkPartitions(admin, topic, shards);
  await checkConfiguration(admin, topic);
}

async function create(admin: Admin, topic: string, shards: number): Promise<void> {
  const { brokers } = await admin.describeCluster();
  const replicationFactor = Math.min(3, brokers.length);
  const entries = {
    ...wanted,
    "min.insync.replicas": String(Math.max(1, replicationFactor - 1)),
    "max.message.bytes": String(maxBatchBytes),
  };
  const configEntries = Object.entries(entries).map(([name, value]) => ({ name, value }));
  try {
    await admin.createTopics({
      topics: [{ topic, numPartitions: shards, replicationFactor, configEntries }],
      waitForLeaders: true,
    });
  } catch (thrown) {
    // Another node was first.
    if (typeOf(thrown) !== "TOPIC_ALREADY_EXISTS") throw thrown;
  }
}

async function checkPartitions(admin: Admin, topic: string, shards: number): Promise<void> {
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
  const partitions = topics[0]?.partitions.length ?? 0;
  if (partitions === shards) return;
  throw new LogError(
    "refused",
    `Topic ${topic} has ${partitions} partitions, and there are ${shards} shards: each shard is a partition. ` +
      `Set the number of shards to ${partitions}, or use another prefix.`,
  );
}

async function checkConfiguration(admin: Admin, topic: string): Promise<void> {
  const { resources } = await admin.describeConfigs({
    resources: [{ type: ConfigResourceTypes.TOPIC, name: topic }],
    includeSynonyms: false,
  });
  const found = new Map(
    resources[0]?.configEntries.map(({ configName, configValue }) => [configName, configValue]),
  );
  for (const [name, value] of Object.entries(wanted)) {
    const is = found.get(name);
    if (is === value) continue;
    throw new LogError("refused", `Topic ${topic} has ${name}=${is}; a mailbox needs ${name}=${value}.`);
  }
  const batchBytes = Number(found.get("max.message.bytes"));
  if (batchBytes >= maxBatchBytes) return;
  throw new LogError(
    "refused",
    `Topic ${topic} has max.message.bytes=${batchBytes}; a mailbox needs at least ${maxBatchBytes}.`,
  );
}
