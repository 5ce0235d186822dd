/** Foreign topics on a real broker, into an embedded engine. */

import assert from "node:assert/strict";
import { AclOperationTypes, AclPermissionTypes, AclResourceTypes, ResourcePatternTypes } from "kafkajs";
import { refusalReasons } from "../../actors/sources/records.ts";
import type { EmbeddedEngine } from "../../runtime/node/node.ts";
import { Registry } from "../../runtime/prom_client.ts";
import { RememberedPartitions } from "../../runtime/topics/remembered_partitions.ts";
import { TopicMetrics } from "../../runtime/topics/topic_metrics.ts";
import { eventually } from "../services/eventually.ts";
import { freePort } from "../../deploy/services/free_port.ts";
import { ownKafka, skipUnlessServersInstalled } from "../services/own_server.ts";
import { skipUnlessServed } from "../services/servers.ts";
import { deadlineMs, withEngine } from "./engine_harness.ts";
import { sensors, stateOf, TopicStage, untilFolded, untilLetters } from "./topic_stage.ts";

const definitionsUrl = new URL("../../actors/definitions.ts", import.meta.url).href;

function topicTest(name: string, fn: (engine: EmbeddedEngine, stage: TopicStage) => Promise<void>): void {
  Deno.test({
    name,
    ignore: skipUnlessServed("The test of foreign topics", ["kafka"]),
    fn: () =>
      withEngine(async (engine) => {
        await using stage = await TopicStage.open();
        await fn(engine, stage);
      }, { definitionsUrl }),
  });
}

topicTest(
  "records of ENTRY and OK are folded once though readers begin anew, and bad ones are dead letters",
  async (engine, stage) => {
    const { admin, entry, ok } = stage;
    let end = stage.read(engine);
    stage.read(engine, ok);
    await eventually("the topics", deadlineMs, async () => {
      const topics = await admin.listTopics();
      return topics.includes(entry) && topics.includes(ok) ? true : null;
    });
    const { topics: [made] } = await admin.fetchTopicMetadata({ topics: [entry] });
    assert.equal(made?.partitions.length, 2);
    let told = 0;
    for (let round = 0; round < 3; round++) {
      await stage.send(2000);
      const before = told;
      await eventually("some records", deadlineMs, async () => {
        told = (await stateOf(engine, "s0"))?.channels["t"]?.total.count ?? 0;
        return told > before ? true : null;
      });
      await end();
      // As after a crash before the commit: the next reader begins anywhere below.
      await stage.setBack((offset, partition) => Math.max(0, Math.floor(offset * 0.6) - partition));
      end = stage.read(engine);
    }
    await stage.put(entry, "no JSON", '{"values":{"t":1}}', null);
    await stage.put(ok, '{"id":"s1"}', '{"id":"s1","ts":5}');
    await untilFolded(engine, stage.sent);
    await eventually("the recoveries", deadlineMs, async () => {
      return (await stateOf(engine, "s1"))?.recovered.count === 2 ? true : null;
    });
    const letters = await untilLetters(engine, 3);
    assert.deepEqual(letters.map(({ reason }) => reason).sort(), ["invalid", "malformed", "malformed"]);
    for (const { topic, id } of letters) {
      assert.match(topic, new RegExp(`^${entry}/[01]$`));
      assert.ok(id.startsWith(topic.replace("/", "-")));
    }
    assert.deepEqual(stage.said, []);
  },
);

topicTest(
  "records that retention removed before they were read are one dead letter for the range, and the rest goes on",
  async (engine, stage) => {
    await stage.make(1);
    const end = stage.read(engine);
    await stage.send(sensors);
    await untilFolded(engine, stage.sent);
    await end();
    const before = new Map(stage.sent);
    await stage.send(2 * sensors);
    const { admin, entry, sent } = stage;
    const partitions = [{ partition: 0, offset: `${3 * sensors}` }];
    // The library looks for the partitions' leaders nowhere else.
    await admin.fetchTopicOffsets(entry);
    await admin.deleteTopicRecords({ topic: entry, partitions });
    for (const [id, total] of before) sent.set(id, total);
    stage.read(engine);
    await stage.send(sensors);
    await untilFolded(engine, sent);
    const letters = await untilLetters(engine, 1);
    assert.deepEqual(letters.map(({ topic, offset, reason }) => [topic, offset, reason]), [
      [`${entry}/0`, 3 * sensors - 1, "removed"],
    ]);
    assert.match(
      letters[0]!.detail,
      new RegExp(`^Records ${sensors}\\.\\.${3 * sensors - 1} of ${entry}/0 were`),
    );
    assert.deepEqual(stage.said, []);
  },
);

topicTest(
  "partitions that go to another node's reader and come back are read on where that one was",
  async (engine, stage) => {
    const { admin, entry, sent } = stage;
    await stage.make(4);
    const registry = new Registry();
    const metrics = new TopicMetrics(registry, [entry], refusalReasons);
    stage.read(engine, entry, { metrics });
    await stage.send(2 * sensors);
    await untilFolded(engine, sent);
    for (let round = 0; round < 2; round++) {
      const read = await stage.metric("sensorium_topic_records_total");
      const end = stage.read(engine);
      await eventually("records for the other reader", deadlineMs, async () => {
        await stage.send(sensors);
        return await stage.metric("sensorium_topic_records_total") > read ? true : null;
      });
      await untilFolded(engine, sent);
      await end();
      // What the first has not read itself is not to be had any more: it must not look for it.
      await admin.deleteTopicRecords({ topic: entry, partitions: await stage.untilCommitted() });
      await eventually("the first reader to know where the other was", deadlineMs, async () => {
        const [lag] = (await registry.getSingleMetric("sensorium_topic_lag_records")?.get())?.values ?? [];
        return lag?.value === 0 ? true : null;
      });
    }
    await stage.send(4 * sensors);
    await untilFolded(engine, sent);
    await engine.flush(deadlineMs);
    assert.deepEqual((await engine.store.deadLetters({ after: null, limit: 1 })).items, []);
    assert.deepEqual(stage.said, []);
  },
);

topicTest(
  "a record of 2 MB is a dead letter with its topic, partition and offset, and the rest goes on",
  async (engine, stage) => {
    await stage.make(1);
    stage.read(engine);
    await stage.send(sensors);
    await stage.put(stage.entry, `"${"x".repeat(2_000_000)}"`);
    await stage.send(sensors);
    await untilFolded(engine, stage.sent);
    const [letter] = await untilLetters(engine, 1);
    assert.ok(letter !== undefined);
    assert.deepEqual([letter.topic, letter.offset, letter.reason], [
      `${stage.entry}/0`,
      sensors,
      "too-large",
    ]);
    assert.match(letter.detail, /2000002 bytes; 524288 are the most/);
    assert.ok(letter.message.length < 2000, "only its beginning is shown");
  },
);

const records = "sensorium_topic_records_total";
const lag = "sensorium_topic_lag_records";

topicTest(
  "a topic's counters outlive its reader, and its lag is what nobody has read",
  async (engine, stage) => {
    await stage.make(2);
    const topic = stage.entry;
    let end = stage.read(engine);
    await stage.send(sensors);
    await stage.put(topic, "no JSON", "nor this", "{}");
    await untilFolded(engine, stage.sent);
    await untilLetters(engine, 3);
    assert.equal(await stage.metric(records, { topic }), sensors + 3);
    assert.equal(await stage.metric(lag, { topic }), 0);
    await end();
    await stage.send(sensors);
    const held = Promise.withResolvers<void>();
    const slow = {
      lastRecords: (deadlineMs: number) => engine.lastRecords(deadlineMs),
      records: (topic: string, partition: number) => {
        const batch = engine.records(topic, partition);
        const send = batch.send.bind(batch);
        batch.send = () => held.promise.then(send);
        return batch;
      },
    };
    end = stage.read(slow);
    await eventually("the lag", deadlineMs, async () => {
      return await stage.metric(lag, { topic }) === sensors ? true : null;
    });
    assert.equal(await stage.metric(records, { topic }), sensors + 3, "nothing is durable yet");
    held.resolve();
    await untilFolded(engine, stage.sent);
    await eventually(
      "no lag",
      deadlineMs,
      async () => await stage.metric(lag, { topic }) === 0 ? true : null,
    );
    assert.equal(await stage.metric(records, { topic }), 2 * sensors + 3);
    const refused = "sensorium_topic_records_refused_total";
    assert.equal(await stage.metric(refused, { topic, reason: "malformed" }), 2);
    assert.equal(await stage.metric(refused, { topic, reason: "invalid" }), 1);
  },
);

async function makeAnew(stage: TopicStage): Promise<void> {
  const { admin, entry } = stage;
  await admin.deleteTopics({ topics: [entry] });
  await eventually("the topic to be gone", deadlineMs, async () => {
    return (await admin.listTopics()).includes(entry) ? null : true;
  });
  await stage.make(1);
}

const madeAnew =
  / was deleted and made anew \(its id was \S+ at first, and is \S+\): it is read from its beginning/;

topicTest(
  "a topic that was made anew while nobody read it is folded from its beginning",
  async (engine, stage) => {
    const { entry, said } = stage;
    await stage.make(1);
    let end = stage.read(engine);
    await stage.send(2 * sensors);
    await untilFolded(engine, stage.sent);
    await end();
    assert.deepEqual(said, []);
    await makeAnew(stage);
    // Fewer than the old one had: offsets alone would take them all for repeats.
    await stage.send(sensors);
    end = stage.read(engine);
    await untilFolded(engine, stage.sent);
    assert.equal(said.length, 1);
    assert.match(said[0] ?? "", new RegExp(`^${entry}${madeAnew.source}`));
    await end();
    await stage.setBack((committed) => Math.max(0, committed - 10));
    end = stage.read(engine);
    await stage.send(sensors);
    await untilFolded(engine, stage.sent);
    await end();
    // And a third one, longer than the second.
    await makeAnew(stage);
    await stage.send(5 * sensors);
    stage.read(engine);
    await untilFolded(engine, stage.sent);
    assert.equal(said.length, 2, said.join("\n"));
  },
);

topicTest(
  "a topic that is made anew while it is read is folded from its beginning",
  async (engine, stage) => {
    const { said } = stage;
    await stage.make(1);
    stage.read(engine);
    await stage.send(2 * sensors);
    await untilFolded(engine, stage.sent);
    const { admin, entry } = stage;
    await admin.deleteTopics({ topics: [entry] });
    // Whoever is first makes it: the reader, or the producers' owner.
    await eventually("the new topic", deadlineMs, async () => {
      await stage.make(1).catch(() => {});
      return said.some((each) => madeAnew.test(each)) ? true : null;
    });
    await eventually("the producer to find it", deadlineMs, async () => {
      return await stage.put(entry, '{"id":"first","values":{"t":1}}').then(() => true, () => null);
    });
    await stage.send(sensors);
    await untilFolded(engine, stage.sent);
    assert.equal((await stateOf(engine, "first"))?.channels["t"]?.total.count, 1);
  },
);

topicTest("a topic with too many partitions is refused with one sentence", async (engine, stage) => {
  await stage.make(3);
  const remembered = new RememberedPartitions(4);
  remembered.add(["other/0", "other/1"]);
  await stage.send(sensors);
  const end = stage.read(engine, stage.entry, { remembered });
  const sentence = await eventually("a sentence", deadlineMs, () => Promise.resolve(stage.said[0] ?? null));
  assert.equal(
    sentence,
    `Cannot read ${stage.entry}: it has 3 partitions, and 2 of other topics, or of earlier ones of this name, are or were read; ` +
      "4 altogether are the most. Use a topic with fewer partitions. Trying again.",
  );
  assert.equal(await stateOf(engine, "s0"), null);
  await end();
  assert.equal(stage.said.length, 1);
});

/** How long the supervisor of a source waits for it. */
const stopMs = 10_000;

topicTest(
  "a reader stops in time while a send does not end, and what it held is folded once",
  async (engine, stage) => {
    await stage.make(1);
    await stage.send(sensors);
    const sending = Promise.withResolvers<void>();
    const held = Promise.withResolvers<void>();
    const stuck = {
      lastRecords: (deadlineMs: number) => engine.lastRecords(deadlineMs),
      records: (topic: string, partition: number) => {
        const batch = engine.records(topic, partition);
        const send = batch.send.bind(batch);
        batch.send = () => {
          sending.resolve();
          return held.promise.then(send);
        };
        return batch;
      },
    };
    const end = stage.read(stuck);
    await sending.promise;
    const beginMs = performance.now();
    await end();
    const tookMs = performance.now() - beginMs;
    assert.ok(tookMs < stopMs, `${tookMs} ms`);
    stage.read(engine);
    await stage.send(sensors);
    await untilFolded(engine, stage.sent);
    // The late one comes after all.
    held.resolve();
    await stage.send(sensors);
    await untilFolded(engine, stage.sent);
    assert.deepEqual(stage.said, []);
  },
);

/** A broker on which a user may do what it is allowed to, and whoever comes without a password may do everything. */
async function guardedKafka(user: string, password: string) {
  const ports = { saslPlaintextPort: freePort(), saslSslPort: freePort() };
  const own = await ownKafka({
    secure: { ...ports, user, password },
    settings: [
      "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
      "super.users=User:ANONYMOUS",
    ],
  });
  return { ...own, sasl: `127.0.0.1:${ports.saslPlaintextPort}` };
}

async function allow(
  { admin }: TopicStage,
  user: string,
  resourceType: AclResourceTypes,
  resourceName: string,
  ...operations: readonly AclOperationTypes[]
): Promise<void> {
  await admin.createAcls({
    acl: operations.map((operation) => ({
      resourceType,
      resourceName,
      resourcePatternType: ResourcePatternTypes.PREFIXED,
      principal: `User:${user}`,
      host: "*",
      operation,
      permissionType: AclPermissionTypes.ALLOW,
    })),
  });
}

Deno.test({
  name: "a topic that may not be read is told of once, keeps no other from it, and is read once it may be",
  ignore: skipUnlessServersInstalled("The test of guarded topics", ["kafka"]),
  fn: () =>
    withEngine(async (engine) => {
      const [user, password] = ["node", "not-to-be-shown"];
      await using kafka = await guardedKafka(user, password);
      await using stage = await TopicStage.open([kafka.server.address]);
      const { entry, ok, prefix, said } = stage;
      await stage.make(2);
      await stage.admin.createTopics({ topics: [{ topic: ok, numPartitions: 2 }], waitForLeaders: true });
      await allow(stage, user, AclResourceTypes.GROUP, prefix, AclOperationTypes.READ);
      await allow(stage, user, AclResourceTypes.TOPIC, ok, AclOperationTypes.READ);
      await allow(stage, user, AclResourceTypes.TOPIC, entry, AclOperationTypes.DESCRIBE);
      const settings = {
        brokers: [kafka.sasl],
        tls: null,
        sasl: { mechanism: "scram-sha-256", username: user, password },
        prefix,
      } as const;
      for (const topic of [entry, ok]) stage.read(engine, topic, { kafka: settings });
      await stage.send(sensors);
      await stage.put(ok, '{"id":"s1"}');
      await eventually("the recovery", deadlineMs, async () => {
        return (await stateOf(engine, "s1"))?.recovered.count === 1 ? true : null;
      });
      const sentence = await eventually("a sentence", deadlineMs, () => Promise.resolve(said[0] ?? null));
      assert.match(
        sentence,
        new RegExp(
          `^Cannot read ${entry}: Kafka at ${kafka.sasl} does not allow this user what it needs: .*topic`,
        ),
      );
      assert.equal((await stateOf(engine, "s1"))?.channels["t"], undefined);

      await allow(stage, user, AclResourceTypes.TOPIC, entry, AclOperationTypes.READ);
      await untilFolded(engine, stage.sent);
      assert.deepEqual(said, [sentence, `Reads ${entry} again.`]);
      assert.ok(!said.join().includes(password));
    }, { definitionsUrl }),
});
