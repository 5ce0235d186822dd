/**
 * The mailbox's topic, and the foreign ones that are folded directly: made if absent, else checked.
 *
 * 1. An existing topic is left as it is. One with another number of partitions, with time stamps that are not the
 *    log's own, or that forgets by time or size is refused: frames would go to wrong shards, stamps would go back,
 *    or frames would vanish before they are folded.
 * 2. That the mailbox has fewer replicas than the brokers allow is told and not refused: it was made by fewer of them.
 * 3. Of a foreign topic the number of partitions alone matters: who writes to it decides how long it remembers.
 */

import { type Admin, ConfigResourceTypes, type PartitionMetadata } from "kafkajs";
import { LogError } from "../port.ts";
import { typeOf } from "./errors.ts";
import { maxBatchBytes } from "./limits.ts";
import { replicationWarning, wantedInSync, wantedReplicas } from "./replication.ts";

const wanted: Readonly<Record<string, string>> = {
  "cleanup.policy": "delete",
  "message.timestamp.type": "LogAppendTime",
  "retention.ms": "-1",
  "retention.bytes": "-1",
};

/** Resolves with what a person should know of it, as a sentence; null when all is as it should be. */
export async function ensureMailboxTopic(
  admin: Admin,
  topic: string,
  shards: number,
): Promise<string | null> {
  if (await isMissing(admin, topic)) {
    await create(admin, topic, shards, { ...wanted, "max.message.bytes": String(maxBatchBytes) });
  }
  const [partitions = []] = await partitionsOf(admin, [topic]);
  refuse(mailboxProblem(topic, partitions.length, shards));
  const { minInSync } = await checkConfiguration(admin, topic);
  const { brokers } = await admin.describeCluster();
  const replicas = Math.min(...partitions.map(({ replicas }) => replicas.length));
  return replicationWarning({ topic, replicas, minInSync, brokers: brokers.length });
}

/** What is wrong with its number of partitions, as a sentence; null when nothing is. */
export function mailboxProblem(topic: string, partitions: number, shards: number): string | null {
  if (partitions === shards) return null;
  return `Topic ${topic} has ${partitions} partitions, and there are ${shards} shards: each shard is a partition. ` +
    `Set the number of shards to ${partitions}, or use another prefix.`;
}

export async function ensureKeyedTopic(admin: Admin, topic: string, shards: number): Promise<void> {
  if (await isMissing(admin, topic)) await create(admin, topic, shards, {});
  const [partitions = []] = await partitionsOf(admin, [topic]);
  refuse(keyedProblem(topic, partitions.length, shards));
}

/** The same of a foreign topic that is folded directly. */
export function keyedProblem(topic: string, partitions: number, shards: number): string | null {
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
  const replicationFactor = wantedReplicas(brokers.length);
  const entries = {
    ...configuration,
    "min.insync.replicas": String(wantedInSync(replicationFactor)),
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

/**
 * Of each of the topics. Whoever uses the client for others of them at the same time asks for all: what the library
 * learns takes the place of what it knew of any, and an extent that is being asked for would have no partitions.
 */
export async function partitionsOf(
  admin: Admin,
  names: readonly string[],
): Promise<readonly (readonly PartitionMetadata[])[]> {
  const { topics } = await admin.fetchTopicMetadata({ topics: [...names] });
  return names.map((wanted) => topics.find(({ name }) => name === wanted)?.partitions ?? []);
}

async function checkConfiguration(admin: Admin, topic: string): Promise<{ readonly minInSync: number }> {
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
  if (batchBytes >= maxBatchBytes) return { minInSync: Number(found.get("min.insync.replicas")) };
  throw new LogError(
    "refused",
    `Topic ${topic} has max.message.bytes=${batchBytes}; a mailbox needs at least ${maxBatchBytes}.`,
  );
}
