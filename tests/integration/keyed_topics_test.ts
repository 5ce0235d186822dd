/** Foreign topics that are folded directly, on real servers: guarantees of `TopicLog`, and what becomes of bad records. */

import assert from "node:assert/strict";
import { type Admin, Kafka, logLevel, Partitioners, type Producer } from "kafkajs";
import { keyedTopicReaders } from "../../actors/sources/topics.ts";
import { shardOf } from "../../runtime/core/murmur2.ts";
import { LogError } from "../../runtime/log/port.ts";
import { type EmbeddedEngine, startEngine } from "../../runtime/node/node.ts";
import type { Servers } from "../../runtime/node/options.ts";
import { dropDatabase, newDatabase } from "../contract/servers/mysql_databases.ts";
import { eventually } from "../services/eventually.ts";
import { Node } from "../services/node.ts";
import { serverAddress, skipUnlessServed, uniqueName } from "../services/servers.ts";
import { deadlineMs } from "./engine_harness.ts";

const definitionsUrl = new URL("../../actors/definitions.ts", import.meta.url).href;
const [shards, sensors] = [4, 50];

interface Total {
  readonly count: number;
  readonly sum: number;
}

interface Answer {
  readonly channels: Readonly<Record<string, { readonly total: Total }>>;
  readonly recovered: { readonly count: number; readonly last: number | null };
}

/** Keyed topics of a test alone, and what was sent to them. */
class Stage implements AsyncDisposable {
  readonly prefix = uniqueName("keyed");
  readonly entry = `${this.prefix}.ENTRY`;
  readonly ok = `${this.prefix}.OK`;
  readonly brokers = serverAddress("kafka").split(",");
  readonly mysql = newDatabase();
  readonly #client = new Kafka({ brokers: this.brokers, logLevel: logLevel.NOTHING });
  readonly admin: Admin = this.#client.admin();
  readonly producer: Producer = this.#client.producer({
    allowAutoTopicCreation: false,
    createPartitioner: Partitioners.DefaultPartitioner,
  });
  /** By sensor, of the values that were sent. */
  readonly sent = new Map<string, Total>();
  readonly #startMs = Date.now() - 3_600_000;
  #n = 0;

  static async open(partitions = shards): Promise<Stage> {
    const stage = new Stage();
    await Promise.all([stage.admin.connect(), stage.producer.connect()]);
    await stage.admin.createTopics({
      topics: [{
        topic: stage.entry,
        numPartitions: partitions,
        configEntries: [{ name: "max.message.bytes", value: "4000000" }],
      }],
      waitForLeaders: true,
    });
    return stage;
  }

  async send(count: number): Promise<void> {
    const messages = Array.from({ length: count }, () => {
      const [id, value] = [`s${this.#n % sensors}`, this.#n % 64 / 8];
      const total = this.sent.get(id) ?? { count: 0, sum: 0 };
      this.sent.set(id, { count: total.count + 1, sum: total.sum + value });
      return { key: id, value: JSON.stringify({ id, ts: this.#startMs + this.#n++, values: { t: value } }) };
    });
    await this.producer.send({ topic: this.entry, messages });
  }

  get settings() {
    return { entryTopic: this.entry, okTopic: this.ok, keyedTopics: [this.entry, this.ok] };
  }

  get servers(): Servers {
    return {
      kafka: { brokers: this.brokers, tls: null, sasl: null, prefix: this.prefix },
      mysql: this.mysql,
    };
  }

  start(): Promise<EmbeddedEngine> {
    return startEngine({
      definitionsUrl,
      dataDir: "",
      servers: this.servers,
      topics: keyedTopicReaders(this.settings),
      shards,
      threads: 2,
      onFatal: (error) => assert.fail(`The engine lost a thread: ${error.message}`),
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const topics = (await this.admin.listTopics()).filter((topic) => topic.startsWith(`${this.prefix}.`));
    await this.admin.deleteTopics({ topics });
    await Promise.all([this.admin.disconnect(), this.producer.disconnect()]);
    await dropDatabase(this.mysql);
  }
}

async function stateOf(engine: EmbeddedEngine, id: string): Promise<Answer | null> {
  const result = await engine.ask({ kind: "sensor", id }, "state", {}, { consistency: "strict", deadlineMs });
  return result.type === "answered" ? JSON.parse(result.json) : null;
}

/** Resolves when all that was sent is folded, and throws when something was folded twice. */
async function untilFolded(engine: EmbeddedEngine, sent: ReadonlyMap<string, Total>): Promise<void> {
  for (const [id, total] of sent) {
    await eventually(`${total.count} readings of ${id}`, deadlineMs, async () => {
      const count = (await stateOf(engine, id))?.channels["t"]?.total.count ?? 0;
      return count >= total.count ? true : null;
    });
    assert.deepEqual((await stateOf(engine, id))?.channels["t"]?.total, total, id);
  }
}

async function untilLetters(engine: EmbeddedEngine, count: number) {
  return await eventually(`${count} dead letters`, deadlineMs, async () => {
    await engine.flush(deadlineMs);
    const { items } = await engine.store.deadLetters({ after: null, limit: 20 });
    return items.length >= count ? items : null;
  });
}

/** One record for each way to be refused. */
async function sendBad({ producer, entry }: Stage): Promise<void> {
  const reading = (id: string) => JSON.stringify({ id, values: { t: 1 } });
  const wrong = (shardOf("s1", shards) + 1) % shards;
  await producer.send({
    topic: entry,
    messages: [
      { key: "s1", value: "no JSON", partition: 0 },
      { key: "s1", value: '{"values":{"t":1}}', partition: 1 },
      { key: "s2", value: reading("s1") },
      { key: null, value: reading("s1"), partition: 2 },
      { key: "s1", value: reading("s1"), partition: wrong },
      { key: "s1", value: null },
      { key: "s1", value: `"${"x".repeat(2_000_000)}"` },
    ],
  });
}

const badReasons = [
  "invalid",
  "malformed",
  "malformed",
  "too-large",
  "wrong-key",
  "wrong-key",
  "wrong-partition",
];

Deno.test({
  name:
    "records of a topic keyed by id are folded once over restarts, and what was removed or is bad is a dead letter",
  ignore: skipUnlessServed("The test of keyed topics", ["kafka", "mysql"]),
  async fn() {
    await using stage = await Stage.open();
    await stage.send(2000);
    let engine = await stage.start();
    try {
      await untilFolded(engine, stage.sent);
      await stage.send(2000);
      await sendBad(stage);
      const { producer, ok } = stage;
      await producer.send({
        topic: ok,
        messages: [{ key: "s1", value: '{"id":"s1"}' }, { key: "s1", value: '{"id":"s1","ts":5}' }],
      });
      await untilFolded(engine, stage.sent);
      const letters = await untilLetters(engine, badReasons.length);
      assert.deepEqual(letters.map(({ reason }) => reason).sort(), badReasons);
      for (const { topic, offset } of letters) {
        assert.match(topic, new RegExp(`^${stage.entry}/[0-3]$`));
        assert.ok(offset >= 0);
      }
      const recovered = await eventually("two recoveries", deadlineMs, async () => {
        const found = (await stateOf(engine, "s1"))?.recovered;
        return found?.count === 2 ? found : null;
      });
      assert.notEqual(recovered.last, null);
      await engine.stop(deadlineMs);

      // While nobody reads: records come, and the first of them go again.
      const before = new Map(stage.sent);
      await stage.send(sensors);
      const [shard, lost] = [shardOf("s0", shards), [...stage.sent.keys()].filter((id) => inShard(id, "s0"))];
      const offsets = await stage.admin.fetchTopicOffsets(stage.entry);
      const end = Number(offsets.find(({ partition }) => partition === shard)!.high);
      await stage.admin.deleteTopicRecords({
        topic: stage.entry,
        partitions: [{ partition: shard, offset: String(end) }],
      });
      for (const id of lost) stage.sent.set(id, before.get(id)!);
      engine = await stage.start();
      await stage.send(sensors);
      await untilFolded(engine, stage.sent);
      const removed = (await untilLetters(engine, badReasons.length + 1)).filter(({ reason }) =>
        reason === "removed"
      );
      assert.deepEqual(removed.map(({ topic, offset }) => [topic, offset]), [[
        `${stage.entry}/${shard}`,
        end - 1,
      ]]);
      await engine.flush(deadlineMs);
      assert.equal(await engine.topicLag(stage.entry), 0);
      const { shards: placed, missing } = await engine.cluster(deadlineMs);
      assert.deepEqual(missing, []);
      const none = { [stage.entry]: 0, [stage.ok]: 0 };
      assert.deepEqual(placed.map(({ topicLags }) => topicLags), placed.map(() => none));
      assert.match(removed[0]!.detail, new RegExp(`^Records ${end - lost.length}\\.\\.${end - 1} of `));
    } finally {
      await engine.stop(deadlineMs);
    }
  },
});

function inShard(id: string, other: string): boolean {
  return shardOf(id, shards) === shardOf(other, shards);
}

Deno.test({
  name: "a topic that is declared keyed and has another number of partitions is refused",
  ignore: skipUnlessServed("The test of refused keyed topics", ["kafka", "mysql"]),
  async fn() {
    await using stage = await Stage.open(3);
    await assert.rejects(stage.start(), (error) => {
      assert.ok(error instanceof LogError);
      assert.match(
        error.message,
        /ENTRY has 3 partitions, and there are 4 shards: .* number of shards to 3 /,
      );
      return true;
    });
  },
});

const kills = 2;

Deno.test({
  name: "a node that is killed while it folds a keyed topic counts each record once",
  ignore: skipUnlessServed("The test of kills over keyed topics", ["kafka", "mysql"]),
  async fn() {
    await using stage = await Stage.open();
    const url = new URL(serverAddress("mysql"));
    url.pathname = `/${stage.mysql.database}`;
    const options = {
      dataDir: "not-used",
      environment: { KAFKA_BROKERS: stage.brokers.join(","), MYSQL_URL: url.href },
      flags: [
        "--prefix",
        stage.prefix,
        "--entry-topic",
        stage.entry,
        "--ok-topic",
        stage.ok,
        "--keyed-topics",
        stage.settings.keyedTopics.join(),
        "--shards",
        `${shards}`,
        "--no-host-metrics",
      ],
    };
    const countOf = async ({ url }: Node, id: string): Promise<number> => {
      const response = await fetch(`${url}/sensors/${id}/windows`);
      const { total } = await response.json();
      return response.status === 200 ? total.t.count : 0;
    };
    for (let round = 0; round <= kills; round++) {
      await stage.send(20_000);
      await using node = await Node.start(options);
      const [id, total] = ["s7", stage.sent.get("s7")!];
      const isOver = round === kills;
      await eventually(`readings of ${id}`, deadlineMs, async () => {
        const count = await countOf(node, id);
        return (isOver ? count >= total.count : count > total.count - 20_000 / sensors) ? true : null;
      });
      if (isOver) {
        for (const [id, { count }] of stage.sent) assert.equal(await countOf(node, id), count, id);
        const lag = `sensorium_topic_lag_records{topic="${stage.entry}"} 0\n`;
        await eventually("no lag after the next checkpoint", deadlineMs, async () => {
          const metrics = await (await fetch(`${node.url}/metrics`)).text();
          return metrics.includes(lag) ? true : null;
        });
      } else await node.kill();
    }
  },
});
