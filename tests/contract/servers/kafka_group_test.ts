/** Several nodes on one log: who gets which shard when nodes come, leave, and die. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { AssignerProtocol, Kafka, logLevel, type PartitionAssigner, PartitionAssigners } from "kafkajs";
import { shardAssigner } from "../../../runtime/log/kafka/assigner.ts";
import { type KafkaSettings, mailboxTopic, nodesGroup } from "../../../runtime/log/kafka/settings.ts";
import { sessionTimeoutMs } from "../../../runtime/log/kafka/limits.ts";
import { startKafkaLogThread } from "../../../runtime/log/kafka/start_kafka_log_thread.ts";
import type { LogThread } from "../../../runtime/log/start_log_thread.ts";
import { eventually } from "../../services/eventually.ts";
import { skipUnlessServed } from "../../services/servers.ts";
import { within } from "../../services/within.ts";
import { range } from "../log_collector.ts";
import { Agreements, GroupNode } from "./group_nodes.ts";
import { sharedSettings } from "./kafka_logs.ts";

const shards = 8;
const plenty = 1 << 30;

/**
 * What holds on a machine that is busy with other tests. Alone, kept shards pause for 50 to 150 ms, and others have a
 * node's shards 0.1 to 0.3 s after it left or was taken out.
 */
const longestPauseMs = 1000;
const atOnceMs = 2000;

function figure(what: string, ms: number): void {
  console.log(`${what}: ${Math.round(ms)} ms`);
}

/** The table says what each node heard; each holds what it has and nothing else; and shares are equal. */
async function checkAgreed(nodes: readonly GroupNode[]): Promise<void> {
  const byName = nodes.toSorted((a, b) => a.name < b.name ? -1 : 1);
  for (const { log } of nodes) {
    const table = await log.members.table();
    assert.deepEqual(table.nodes, byName.map(({ name }) => ({ name, url: `http://${name}` })));
    assert.deepEqual(
      table.owners,
      range(0, shards).map((shard) => byName.findIndex(({ own }) => own.includes(shard))),
    );
  }
  assert.deepEqual(nodes.flatMap(({ own }) => own).toSorted((a, b) => a - b), range(0, shards));
  const sizes = nodes.map(({ own }) => own.length);
  assert(Math.max(...sizes) - Math.min(...sizes) <= 1, `unequal: ${sizes}`);
  for (const { log, own } of nodes) {
    const held = await Promise.all(range(0, shards).map((shard) => log.holds(shard)));
    assert.deepEqual(held, range(0, shards).map((shard) => own.includes(shard)));
  }
}

/** Appends to every shard, one group after another, until it is told to end. */
class Appending {
  #isOver = false;
  readonly #appending: Promise<number>;

  constructor({ log }: GroupNode) {
    this.#appending = this.#append(log);
  }

  async #append(log: GroupNode["log"]): Promise<number> {
    let count = 0;
    for (; !this.#isOver; count++) {
      await log.append(range(0, shards).map((shard) => ({ shard, text: `${count}` })));
    }
    return count;
  }

  /** How many frames each shard has. */
  end(): Promise<number> {
    this.#isOver = true;
    return this.#appending;
  }
}

/** What the nodes keep while `change` goes on is read on, with no gap and no repeat. */
async function keepsReading(
  what: string,
  nodes: readonly GroupNode[],
  change: () => Promise<unknown>,
): Promise<void> {
  const before = new Map(nodes.map((node) => [node, new Map(node.readings)]));
  for (const node of nodes) for (const reading of node.readings.values()) reading.begin();
  await change();
  let longestMs = 0;
  for (const [{ name, readings }, had] of before) {
    for (const [shard, reading] of had) {
      if (readings.get(shard) !== reading) continue;
      await reading.goesOn(`${name} to go on with shard ${shard}`);
      assert.deepEqual(reading.offsets, range(0, reading.offsets.length), `shard ${shard} of ${name}`);
      longestMs = Math.max(longestMs, reading.pauseMs);
    }
  }
  figure(`${what}: longest pause of a shard that stays`, longestMs);
  assert(longestMs < longestPauseMs, `${longestMs} ms`);
}

async function comeAndLeave(): Promise<void> {
  const settings = sharedSettings();
  const topic = `${settings.prefix}.keyed`;
  const options = { settings, shards, topics: [topic] };
  const a = await GroupNode.open("a", options);
  await checkAgreed([a]);
  const appending = new Appending(a);
  const b = await joins("b", [a], options);
  await checkAgreed([a, b]);
  const c = await joins("c", [a, b], options);
  await checkAgreed([a, b, c]);
  await readsKeyed(settings, topic, [a, b, c]);
  await keepsReading("a node leaves", [a, c], async () => {
    const leftMs = performance.now();
    await Promise.all([b.close(), a.agreements.count(4), c.agreements.count(4)]);
    const tookMs = performance.now() - leftMs;
    figure("a node leaves: others have its shards after", tookMs);
    assert(tookMs < atOnceMs, `${tookMs} ms`);
  });
  await checkAgreed([a, c]);
  const end = await appending.end();
  for (const { readings } of [a, c]) for (const reading of readings.values()) await reading.reaches(end);
  await Promise.all([a.close(), c.close()]);
}

async function joins(
  name: string,
  nodes: readonly GroupNode[],
  options: { settings: KafkaSettings; shards: number; topics: readonly string[] },
): Promise<GroupNode> {
  let node: GroupNode | null = null;
  await keepsReading(`${name} joins`, nodes, async () => {
    node = await GroupNode.open(name, options);
    const all = [...nodes, node];
    await eventually("shares that are equal", atOnceMs, () => {
      const sizes = all.map(({ own }) => own.length);
      const isWhole = sizes.reduce((sum, size) => sum + size, 0) === shards;
      return Promise.resolve(isWhole && Math.max(...sizes) - Math.min(...sizes) <= 1 ? true : null);
    });
  });
  assert(node !== null);
  return node;
}

/** Each node subscribes to every partition of the foreign topic, and gets those of its shards. */
async function readsKeyed(
  settings: KafkaSettings,
  topic: string,
  nodes: readonly GroupNode[],
): Promise<void> {
  const producer = new Kafka({ brokers: [...settings.brokers], logLevel: logLevel.NOTHING }).producer();
  await producer.connect();
  const messages = range(0, shards).map((partition) => ({ partition, key: `${partition}`, value: "1" }));
  await producer.send({ topic, messages });
  await producer.disconnect();
  const got = nodes.map(() => new Set<number>());
  const all = Promise.withResolvers<void>();
  const subscriptions = await Promise.all(
    nodes.flatMap(({ log }, node) =>
      range(0, shards).map(async (shard) => {
        const subscription = await log.topics.read(topic, shard, 0, () => {
          got[node]?.add(shard);
          if (got.reduce((sum, { size }) => sum + size, 0) >= shards) all.resolve();
        });
        subscription.grant(plenty);
        return subscription;
      })
    ),
  );
  await within("every record of the foreign topic", all.promise);
  assert.deepEqual(got.map((shards) => [...shards].sort()), nodes.map(({ own }) => own));
  for (const subscription of subscriptions) subscription.close();
}

interface NodeThread {
  readonly thread: LogThread;
  readonly agreements: Agreements;
  readonly startMs: number;
}

/** A node that can be killed: its connections stop, and it tells nobody. */
async function startNode(
  settings: KafkaSettings,
  name: string,
  dead: readonly string[] = [],
): Promise<NodeThread> {
  const startMs = performance.now();
  const member = { name, url: `http://${name}`, dead };
  const report = console.error;
  const thread = startKafkaLogThread({ settings, shards, member, report, onWaiting: report });
  const agreements = new Agreements();
  const { membership } = thread;
  membership?.onAgreed(agreements.hear);
  // It may have to be compiled first.
  await within(`${name} to be ready`, thread.ready, 60_000);
  // One that is killed may not get so far.
  membership?.join().catch(() => {});
  return { thread, agreements, startMs };
}

async function kill({ thread }: NodeThread): Promise<number> {
  await thread.worker.terminate();
  return performance.now();
}

async function isTakenOut(): Promise<void> {
  const options = { settings: sharedSettings(), shards };
  const a = await GroupNode.open("a", options);
  const killed = await startNode(options.settings, "b");
  await killed.agreements.count(4);
  await a.agreements.count(4);
  const killedMs = await kill(killed);
  assert.equal(await a.log.members.evict("nobody"), false);
  assert.equal(await a.log.members.evict("b"), true);
  await a.agreements.count(shards);
  const tookMs = performance.now() - killedMs;
  figure("killed and taken out: another has its shards after", tookMs);
  assert(tookMs < atOnceMs, `${tookMs} ms`);
  assert.equal(await a.log.members.evict("b"), false);
  await checkAgreed([a]);
  await a.close();
}

async function isMissed(): Promise<void> {
  const options = { settings: sharedSettings(), shards };
  const a = await GroupNode.open("a", options);
  const killed = await startNode(options.settings, "b");
  await killed.agreements.count(4);
  await a.agreements.count(4);
  const killedMs = await kill(killed);
  await a.agreements.count(shards, 2 * sessionTimeoutMs);
  const tookMs = performance.now() - killedMs;
  figure("killed and not taken out: another has its shards after", tookMs);
  assert(tookMs < sessionTimeoutMs + atOnceMs, `${tookMs} ms`);
  await a.close();
}

async function isStartedAgain(): Promise<void> {
  const settings = sharedSettings();
  const first = await startNode(settings, "a/first");
  await first.agreements.count(shards);
  await kill(first);
  const second = await startNode(settings, "a/second", ["a/first"]);
  await second.agreements.count(shards);
  figure("killed and started again: it has its shards after", performance.now() - second.startMs);
  const [agreement] = second.agreements.all;
  assert(agreement !== undefined);
  figure("of which it joined for", agreement.durationMs);
  assert(agreement.durationMs < 1000, `${agreement.durationMs} ms: it waited for the dead one`);
  const { owners, nodes } = await second.thread.membership!.table();
  assert.deepEqual(nodes, [{ name: "a/second", url: "http://a/second" }]);
  assert.deepEqual(owners, range(0, shards).map(() => 0));
  await second.thread.close();
}

/** The others have begun to wait for the dead one. */
async function isTakenOutLate(): Promise<void> {
  const options = { settings: sharedSettings(), shards };
  const a = await GroupNode.open("a", options);
  const killed = await startNode(options.settings, "b");
  await killed.agreements.count(4);
  await a.agreements.count(4);
  await kill(killed);
  const [kept] = a.own;
  assert(kept !== undefined);
  const opening = GroupNode.open("c", options);
  await eventually("the nodes to agree anew", 5000, async () => await a.log.holds(kept) ? null : true, 1);
  const own = a.own;
  const evictedMs = performance.now();
  assert.equal(await a.log.members.evict("b"), true);
  const c = await opening;
  await Promise.all([a.agreements.count(4), c.agreements.count(4)]);
  const tookMs = performance.now() - evictedMs;
  figure("taken out while the others wait for it: they agree after", tookMs);
  assert(tookMs < atOnceMs, `${tookMs} ms`);
  assert.deepEqual(a.own, own, "it keeps what it had");
  await checkAgreed([a, c]);
  await Promise.all([a.close(), c.close()]);
}

/** Its shards are others' for a moment. */
async function comesBack(): Promise<void> {
  const options = { settings: sharedSettings(), shards };
  const a = await GroupNode.open("a", options);
  const b = await GroupNode.open("b", options);
  await a.agreements.count(4);
  const appending = new Appending(a);
  await keepsReading("a node that lives is taken out", [a], async () => {
    const agreements = b.agreements.all.length;
    assert.equal(await a.log.members.evict("b"), true);
    await eventually("b to come back", atOnceMs, async () => {
      const { nodes } = await a.log.members.table();
      return nodes.length === 2 && b.agreements.all.length > agreements ? true : null;
    });
    await Promise.all([a.agreements.count(4), b.agreements.count(4)]);
  });
  await checkAgreed([a, b]);
  const end = await appending.end();
  for (const { readings } of [a, b]) for (const reading of readings.values()) await reading.reaches(end);
  await Promise.all([a.close(), b.close()]);
}

const change = fc.record({ kind: fc.constantFrom("join", "join", "leave", "evict"), place: fc.nat() });
const steps = fc.array(change, { minLength: 1, maxLength: 3 });

/** Several changes at once, and again when the nodes agree; the first node stays, and appends. */
async function changesAtRandom(): Promise<void> {
  const seed = Date.now() % 1_000_000;
  console.log(`seed ${seed}`);
  const options = { settings: sharedSettings(), shards };
  const first = await GroupNode.open("n0", options);
  const appending = new Appending(first);
  const nodes = [first];
  let count = 1;
  const make = async ({ kind, place }: { readonly kind: string; readonly place: number }) => {
    const of = nodes[place % nodes.length]!;
    if (kind === "evict") await first.log.members.evict(of.name);
    else if (kind === "join" && nodes.length < 5) nodes.push(await GroupNode.open(`n${count++}`, options));
    else if (of !== first) {
      nodes.splice(nodes.indexOf(of), 1);
      await of.close();
    }
  };
  for (const changes of fc.sample(steps, { seed, numRuns: 8 })) {
    const what = changes.map(({ kind }) => kind).join(", ");
    await keepsReading(what, [...nodes], async () => {
      await Promise.all(changes.map(make));
      await agrees(nodes);
    });
  }
  const end = await appending.end();
  for (const { readings } of nodes) for (const reading of readings.values()) await reading.reaches(end);
  await Promise.all(nodes.map((node) => node.close()));
}

/** Until each heard what the table tells. */
async function agrees(nodes: readonly GroupNode[]): Promise<void> {
  await eventually("the nodes to agree", 10_000, async () => {
    await checkAgreed(nodes);
    return true;
  });
}

/** By the name of ours, with words that are not. */
const foreignAssigner: PartitionAssigner = (config) => {
  const ours = shardAssigner(shards, () => ({ name: "", url: "", shards: [], generation: 0 }))(config);
  const userData = Buffer.from("{}");
  const protocol = ({ topics }: { readonly topics: string[] }) => ({
    name: ours.name,
    metadata: AssignerProtocol.MemberMetadata.encode({ version: 7, topics, userData }),
  });
  return { ...ours, protocol };
};

interface ForeignConsumer {
  /** What it is given: partitions by topic. */
  readonly joined: Promise<Readonly<Record<string, number[]>>>;
  end(): Promise<void>;
}

/** A consumer of somebody else, in our group. */
async function foreignConsumer(
  settings: KafkaSettings,
  partitionAssigners: PartitionAssigner[],
): Promise<ForeignConsumer> {
  const kafka = new Kafka({ brokers: [...settings.brokers], logLevel: logLevel.NOTHING });
  const groupId = nodesGroup(settings);
  const consumer = kafka.consumer({
    groupId,
    partitionAssigners,
    heartbeatInterval: 100,
    maxWaitTimeInMs: 100,
  });
  const joined = Promise.withResolvers<Readonly<Record<string, number[]>>>();
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => joined.resolve(payload.memberAssignment));
  await consumer.connect();
  await consumer.subscribe({ topics: [mailboxTopic(settings)] });
  await consumer.run({ eachBatch: () => Promise.resolve() });
  return { joined: within("the foreign consumer to join", joined.promise), end: () => consumer.disconnect() };
}

async function ignoresForeign(): Promise<void> {
  const options = { settings: sharedSettings(), shards };
  const a = await GroupNode.open("a", options);
  const foreign = await foreignConsumer(options.settings, [foreignAssigner]);
  assert.deepEqual(await foreign.joined, {});
  assert.equal(a.own.length, shards);
  await checkAgreed([a]);
  await foreign.end();
  await a.close();
}

async function saysWhoIsForeign(): Promise<void> {
  const settings = sharedSettings();
  // So that there is a topic.
  await (await GroupNode.open("a", { settings, shards })).close();
  const foreign = await foreignConsumer(settings, [PartitionAssigners.roundRobin]);
  await foreign.joined;
  const [refused, cured] = [Promise.withResolvers<string>(), Promise.withResolvers<void>()];
  const onWaiting = (sentence: string | null) =>
    sentence === null ? cured.resolve() : refused.resolve(sentence);
  const b = await GroupNode.open("b", { settings, shards, onWaiting });
  assert.match(await within("a sentence", refused.promise), /has members that are no nodes of this version/);
  assert.equal(await b.log.holds(0), false);
  assert.deepEqual(b.own, []);
  await foreign.end();
  await within("the node to join", cured.promise);
  await b.agreements.count(shards);
  await b.close();
}

if (!skipUnlessServed("Nodes in a group", ["kafka"])) {
  const test = (what: string, body: () => Promise<void>) =>
    Deno.test(`KafkaLog of several nodes ${what}`, body);
  test("divides the shards when nodes come and leave, and reads on what stays", comeAndLeave);
  test("gives the shards of a dead node that is taken out to others at once", isTakenOut);
  test("gives the shards of a dead node that nobody takes out to others after its session", isMissed);
  test("takes a dead node out that the others wait for already", isTakenOutLate);
  test("does not wait at its start for the node that it was before", isStartedAgain);
  test("takes a node back that was taken out and lives", comesBack);
  test("reads on what stays whatever nodes come, leave and are taken out at once", changesAtRandom);
  test("gives nothing to a member of the group that says nothing it understands", ignoresForeign);
  test("says that others are in its group, and joins when they have left", saysWhoIsForeign);
}
