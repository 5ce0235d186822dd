/**
 * The mailbox's topic, and the foreign ones that are folded directly: made if absent, else checked.
 *
 * 1. An existing topic is left as it is. One with another number of partitions, with time stamps that are not the
 *    log's own, or that forgets by time or size is refused: frames would go to wrong shards, stamps would go back,
 *    or frames would vanish before they are folded.
 * 2. Of a foreign topic the number of partitions alone matters: who writes to it decides how long it remembers.
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
  if (await isMissing(admin, topic)) {
    await create(admin, topic, shards, { ...wanted, "max.message.bytes": String(maxBatchBytes) });
  }
  refuse(await mailboxProblem(admin, topic, shards));
  await checkConfiguration(admin, topic);
}

/** What is wrong with its number of partitions, as a sentence; null when nothing is. */
export async function mailboxProblem(admin: Admin, topic: string, shards: number): Promise<string | null> {
  const partitions = await countPartitions(admin, topic);
  if (partitions === shards) return null;
  return `Topic ${topic} has ${partitions} partitions, and there are ${shards} shards: each shard is a partition. ` +
    `Set the number of shards to ${partitions}, or use another prefix.`;
}

export async function ensureKeyedTopic(admin: Admin, topic: string, shards: number): Promise<void> {
  if (await isMissing(admin, topic)) await create(admin, topic, shards, {});
  refuse(await keyedProblem(admin, topic, shards));
}

/** The same of a foreign topic that is folded directly. */
export async function keyedProblem(admin: Admin, topic: string, shards: number): Promise<string | null> {
  const partitions = await countPartitions(admin, topic);
  if (partitions === shards) return null;
  return `Topic ${topic} has ${partitions} partitions, and there are ${shards} shards: a topic that is folded directly ` +
    `has one for each shard. Set the number of shards to ${partitions} for new data, or do not declare the topic keyed.`;
}

function refuse(problem: string | null): void {
  if (problem !== null) throw new LogError("refused", problem);
}

async function isMissing(admin: Admin, topic: string): Promise<boolean> {
  return !(await admin.listTopics()).includes(topic);
}

async function create(
  admin: Admin,
  topic: string,
  numPartitions: number,
  configuration: Readonly<Record<string, string>>,
): Promise<void> {
  const { brokers } = await admin.describeCluster();
  const replicationFactor = Math.min(3, brokers.length);
  const entries = {
    ...configuration,
    "min.insync.replicas": String(Math.max(1, replicationFactor - 1)),
  };
  const configEntries = Object.entries(entries).map(([name, value]) => ({ name, value }));
  try {
    await admin.createTopics({
      topics: [{ topic, numPartitions, replicationFactor, configEntries }],
      waitForLeaders: true,
    });
  } catch (thrown) {
    // Another node was first.
    if (typeOf(thrown) !== "TOPIC_ALREADY_EXISTS") throw thrown;
  }
}

async function countPartitions(admin: Admin, topic: string): Promise<number> {
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
  return topics[0]?.partitions.length ?? 0;
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
