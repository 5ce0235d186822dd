/**
 * A node on Kafka, MySQL and Redis as its user meets it: started before any of them, read and restarted, and while each
 * of them is away.
 */

import assert from "node:assert/strict";
import { Kafka, logLevel } from "kafkajs";
import { Redis } from "../../runtime/hot/redis/client.ts";
import { eventually } from "../services/eventually.ts";
import { tempFolder } from "../services/folder.ts";
import { Node } from "../services/node.ts";
import { account, environmentOf, type NodeServers, prepareServers } from "../services/node_servers.ts";
import { skipUnlessServersInstalled } from "../services/own_server.ts";
import { within } from "../services/within.ts";

/** For what takes a second on a machine that has nothing else to do. */
const deadlineMs = 30_000;
/** What a sender may have to wait until it is told that Kafka is away, with attempts of so long. */
const promptMs = 8000;
const attemptMs = 2500;

interface Stage {
  readonly servers: NodeServers;
  readonly start: () => Node;
  node: Node;
}

interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly body: ReturnType<typeof JSON.parse>;
}

async function ask(url: string, init: RequestInit = {}): Promise<Reply> {
  const response = await fetch(url, init);
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: JSON.parse(text) };
}

function post({ node }: Stage, readings: unknown, key?: string, signal?: AbortSignal): Promise<Reply> {
  const headers = { "content-type": "application/json", ...key !== undefined && { "idempotency-key": key } };
  return ask(`${node.url}/readings`, {
    method: "POST",
    headers,
    body: JSON.stringify(readings),
    signal: signal ?? null,
  });
}

async function accept(stage: Stage, readings: unknown): Promise<void> {
  const { status, body } = await post(stage, readings);
  assert.equal(status, 202, JSON.stringify(body));
}

function windows({ node }: Stage, id: string, consistency = "strict"): Promise<Reply> {
  return ask(`${node.url}/sensors/${id}/windows?consistency=${consistency}`);
}

async function count(stage: Stage, id: string, consistency = "strict"): Promise<number> {
  const { status, body } = await windows(stage, id, consistency);
  assert.equal(status, 200, JSON.stringify(body));
  return body.total.t.count;
}

/** Its answer. */
function untilReadyz({ node }: Stage, status: number, sentence = /(?:)/): Promise<Reply> {
  return eventually(`${status} of /readyz with ${sentence}`, deadlineMs, async () => {
    const reply = await ask(`${node.adminUrl}/readyz`);
    return reply.status === status && sentence.test(JSON.stringify(reply.body)) ? reply : null;
  });
}

async function untilCached(stage: Stage, id: string, values: number): Promise<void> {
  await eventually(`Redis to have ${values} values of ${id}`, deadlineMs, async () => {
    const { body } = await windows(stage, id, "cached");
    return body.consistency === "cached" && body.total.t.count === values ? true : null;
  });
}

async function startsWithoutServers(stage: Stage): Promise<void> {
  const { servers, node } = stage;
  const first = await eventually("an answer", deadlineMs, () => ask(`${node.url}/healthz`));
  assert.equal(first.status, 200);
  const waiting = await untilReadyz(stage, 503, /MySQL at 127\.0\.0\.1:\d+ does not answer/);
  assert.equal(waiting.headers.get("retry-after"), "1");
  const refused = await post(stage, { id: "1", values: { t: 1 } });
  assert.equal(refused.status, 503);
  assert.match(refused.body.detail, /MySQL at /);
  assert.equal(refused.headers.get("retry-after"), "1");

  await servers.mariadb.start();
  await untilReadyz(stage, 503, /Kafka at 127\.0\.0\.1:\d+ does not answer/);
  await servers.kafka.start();
  await untilReadyz(stage, 200);
  await accept(stage, { id: "1", values: { t: 1 } });
  assert.equal(await count(stage, "1"), 1);
  assert.equal((await windows(stage, "1", "cached")).body.consistency, "local", "Redis is not there yet");
  await servers.redis.start();
  await untilCached(stage, "1", 1);
  assert.match(node.errors, /warn +mysql: MySQL at .* Waiting for it\./);
  assert.match(node.errors, /warn +kafka: Kafka at .* Waiting for it\./);
  assert.match(node.errors, /warn +log: The topic \S+\.mailbox has one replica, .* not a power cut/);
}

async function stopsWhileItWaits(stage: Stage): Promise<void> {
  await using node = stage.start();
  await eventually("an answer", deadlineMs, () => ask(`${node.url}/healthz`));
  const startMs = performance.now();
  const { code, output } = await within("the end of a node that waits", node.stop());
  assert.equal(code, 0);
  assert.match(output, /stopped\n$/);
  assert.ok(performance.now() - startMs < 5000, `${performance.now() - startMs} ms`);
}

/** Records of the topics that panels write to, which the node has made. */
async function produce(
  { servers }: Stage,
  records: Readonly<Record<string, readonly string[]>>,
): Promise<void> {
  const client = new Kafka({ brokers: [servers.kafka.address], logLevel: logLevel.NOTHING });
  const producer = client.producer({ allowAutoTopicCreation: false });
  await producer.connect();
  for (const [topic, texts] of Object.entries(records)) {
    await producer.send({ topic, messages: texts.map((value) => ({ value })) });
  }
  await producer.disconnect();
}

async function answersAlikeAfterRestart(stage: Stage): Promise<void> {
  await accept(stage, [{ id: "2", values: { t: 20 } }, { id: "2", values: { t: 30, door: true } }]);
  const entry = [{ id: "2", values: { t: 40 } }, { id: "3", values: { t: 5 } }];
  await eventually("the topics", deadlineMs, async () => {
    await produce(stage, {
      ENTRY: entry.map((reading) => JSON.stringify(reading)),
      OK: ['{"id":"3"}', "no JSON"],
    });
    return true;
  });
  await eventually("the records to be folded", deadlineMs, async () => {
    const [two, three] = [await windows(stage, "2"), (await ask(`${stage.node.url}/sensors/3`)).body];
    return two.body.total?.t.count === 3 && three.recovered?.count === 1 ? true : null;
  });
  const letters = await ask(`${stage.node.url}/dead-letters?consistency=strict`);
  assert.equal(letters.body.items.length, 1, JSON.stringify(letters.body));
  const metrics = await (await fetch(`${stage.node.adminUrl}/metrics`)).text();
  for (
    const line of [
      'sensorium_topic_records_total{topic="ENTRY"} 2',
      'sensorium_topic_records_refused_total{topic="OK",reason="malformed"} 1',
      'sensorium_topic_lag_records{topic="ENTRY"} 0',
    ]
  ) assert.ok(metrics.includes(`${line}\n`), line);
  const facts = async () => {
    const replies = await Promise.all(["2", "3"].map((id) => windows(stage, id)));
    const { recovered } = (await ask(`${stage.node.url}/sensors/3`)).body;
    return { totals: replies.map(({ body }) => body.total), recovered };
  };
  const before = await facts();
  const { code, errors } = await stage.node.stop();
  assert.equal(code, 0, errors);
  stage.node = stage.start();
  await eventually("the node", deadlineMs, () => ask(`${stage.node.url}/healthz`));
  await untilReadyz(stage, 200);
  assert.deepEqual(await facts(), before);
  await untilCached(stage, "2", 3);
  await putsOnlyWhatCheckpointsPublish(stage);
}

/** They publish windows; a state that nobody has asked for lately is the actor's answer. */
async function putsOnlyWhatCheckpointsPublish({ servers, node }: Stage): Promise<void> {
  const url = `${node.url}/sensors/2?consistency=cached`;
  assert.equal((await ask(url)).body.consistency, "local");
  assert.equal((await ask(url)).body.consistency, "cached");
  const client = new Redis(servers.redis.address);
  const keys = await client.keys("*sensor/2?*");
  await client.quit();
  assert.deepEqual(keys.map((key) => key.replace(/.*\?/, "")), ["windows"]);
}

async function goesOnWithoutRedis(stage: Stage): Promise<void> {
  const { servers } = stage;
  await servers.redis.kill();
  const { status, body } = await windows(stage, "2", "cached");
  assert.deepEqual([status, body.consistency, body.total.t.count], [200, "local", 3]);
  await accept(stage, { id: "2", values: { t: 50 } });
  assert.equal(await count(stage, "2"), 4);
  assert.equal((await ask(`${stage.node.adminUrl}/readyz`)).status, 200);
  await servers.redis.start();
  await untilCached(stage, "2", 4);
}

async function refusesWithoutKafka(stage: Stage): Promise<void> {
  const { servers } = stage;
  await servers.kafka.kill();
  const before = await count(stage, "2", "local");
  const key = "while-kafka-is-away";
  const startMs = performance.now();
  // What is on its way when Kafka dies may be written all the same: its sender is told so by 504, later.
  const first = post(stage, { id: "2", values: { t: 60 } }, key);
  const refused = await eventually("a body that is refused", promptMs, async () => {
    // One that went with the first is told no sooner than that.
    const soon = AbortSignal.timeout(attemptMs);
    const reply = await post(stage, { id: "70", values: { t: 70 } }, "another", soon);
    return reply.status === 503 ? reply : null;
  });
  assert.ok(performance.now() - startMs < promptMs);
  assert.match(refused.body.detail, /^Cannot accept messages: Kafka at 127\.0\.0\.1:\d+ does not answer/);
  assert.ok(Number(refused.headers.get("retry-after")) > 0);
  assert.equal(await count(stage, "2", "local"), before, "what is folded is answered");
  const strict = await windows(stage, "2");
  assert.equal(strict.status, 503);
  assert.match(strict.body.detail, /^Cannot learn what is to be folded: .*; with consistency "local"/);
  await untilReadyz(stage, 503, /Kafka at /);
  assert.equal((await ask(`${stage.node.adminUrl}/healthz`)).status, 200);
  await servers.kafka.start();
  await untilReadyz(stage, 200);
  assert.ok([202, 504].includes((await first).status), `${(await first).status}`);
  await eventually("the body to be accepted", deadlineMs, async () => {
    return (await post(stage, { id: "2", values: { t: 60 } }, key)).status === 202 ? true : null;
  });
  assert.equal(await count(stage, "2"), before + 1);
  await produce(stage, { ENTRY: ['{"id":"4","values":{"t":1}}', '{"id":"4","values":{"t":2}}'] });
  await eventually("records of a topic to be read again", deadlineMs, async () => {
    return (await windows(stage, "4")).body.total?.t.count === 2 ? true : null;
  });
}

/** Of ids that are long, so that the bound on bytes is met with few messages. */
const longId = (n: number) => `${n % 100}`.padEnd(1000, "x");
const bodyReadings = 4000;
/** Several times what may wait. */
const maxBodies = 60;

async function buffersWithoutMysql(stage: Stage): Promise<void> {
  const { servers, node } = stage;
  await servers.mariadb.stop();
  await untilReadyz(stage, 503, /MySQL at /);
  const before = await count(stage, "2");
  await accept(stage, { id: "2", values: { t: 80 } });
  assert.equal(await count(stage, "2"), before + 1, "what is in memory is folded and answered");
  const list = await ask(`${node.url}/sensors?consistency=local`);
  assert.equal(list.status, 503);
  assert.match(list.body.detail, /MySQL at /);
  const strict = await ask(`${node.url}/sensors?consistency=strict`);
  assert.equal(strict.status, 503, "at once, and not when its deadline is over");
  assert.match(strict.body.detail, /^Cannot make checkpoints: MySQL at /);

  const body = Array.from({ length: bodyReadings }, (_, n) => ({ id: longId(n), values: { t: 1 } }));
  let accepted = 0;
  let refused: Reply | null = null;
  while (refused === null && accepted < maxBodies) {
    const reply = await post(stage, body);
    if (reply.status === 202) accepted++;
    else refused = reply;
  }
  assert.equal(refused?.status, 503, `${accepted} bodies were accepted: ${JSON.stringify(refused?.body)}`);
  assert.match(refused.body.detail, /bytes wait to be folded/);
  assert.ok(accepted > 5, `${accepted} bodies were accepted`);

  await servers.mariadb.start();
  await untilReadyz(stage, 200);
  const ids = Array.from({ length: 100 }, (_, n) => longId(n));
  const counts = await Promise.all(ids.map((id) => count(stage, id)));
  assert.deepEqual(new Set(counts), new Set([accepted * bodyReadings / 100]));
}

Deno.test({
  name:
    "A node on Kafka, MySQL and Redis starts without them, answers alike after a restart, and outlasts each of them",
  ignore: skipUnlessServersInstalled("A node on servers", ["kafka", "mariadb", "redis"]),
  fn: async (t) => {
    await using folder = await tempFolder();
    const servers = await prepareServers(folder.path);
    const flags = ["--no-host-metrics", "--shards", "4", "--max-rate-per-id", "off"];
    const environment = environmentOf(servers);
    const start = () => Node.launch({ dataDir: folder.path, flags, environment });
    const stage: Stage = { servers, start, node: start() };
    const written: string[] = [];
    const step = async (name: string, run: (stage: Stage) => Promise<void>) => {
      const { node } = stage;
      const isRight = await t.step(name, () => run(stage));
      if (!isRight) throw new Error(`The steps after "${name}" build on it`);
      written.push(node.output, node.errors);
    };
    try {
      await step("waits for servers in any order", startsWithoutServers);
      await step("answers alike after a restart", answersAlikeAfterRestart);
      await step("goes on while Redis is away", goesOnWithoutRedis);
      await step("refuses messages while Kafka is away", refusesWithoutKafka);
      await step("buffers within bounds while MySQL is away", buffersWithoutMysql);
      const { code, errors } = await stage.node.stop();
      assert.equal(code, 0, errors);
      for (const server of [servers.kafka, servers.mariadb, servers.redis]) await server.kill();
      await step("stops at once while it waits", stopsWhileItWaits);
      assert.ok(!written.join().includes(account.password), "no password is written");
    } catch (thrown) {
      console.error(`The node wrote:\n${stage.node.output}\n${stage.node.errors}`);
      throw thrown;
    } finally {
      await stage.node[Symbol.asyncDispose]();
      for (const server of [servers.kafka, servers.mariadb, servers.redis]) await server.kill();
    }
  },
});
