/** Kafka, MariaDB and Redis with TLS and passwords: whom they let in, and a node on them as its user starts it. */

import assert from "node:assert/strict";
import { Redis } from "ioredis";
import { Kafka, type KafkaConfig, logLevel, type SASLOptions } from "kafkajs";
import { createConnection } from "mysql2/promise";
import { join } from "node:path";
import type { Server } from "../../deploy/services/server.ts";
import { eventually } from "../services/eventually.ts";
import { freePort } from "../../deploy/services/free_port.ts";
import { Node } from "../services/node.ts";
import { ownKafka, ownMariadb, ownRedis, skipUnlessServersInstalled } from "../services/own_server.ts";

const deadlineMs = 60_000;

const user = "al";
/** What a URL has to encode is in those that stand in one. */
const passwords = { kafka: "kafka/not+shown", mysql: "mysql/not@shown", redis: "redis/not@shown" };

interface Stage {
  readonly kafka: Server;
  readonly mariadb: Server;
  readonly redis: Server;
  readonly saslPlaintextPort: number;
  readonly saslSslPort: number;
  readonly redisTlsPort: number;
}

function authorityOf({ folder }: Server): string {
  return join(folder, "tls", "ca.pem");
}

function kafkaConfig({ kafka, ...ports }: Stage, sasl: SASLOptions, isTls: boolean): KafkaConfig {
  const port = isTls ? ports.saslSslPort : ports.saslPlaintextPort;
  const ssl = isTls ? { ca: Deno.readTextFileSync(authorityOf(kafka)) } : false;
  return { brokers: [`127.0.0.1:${port}`], sasl, ssl, logLevel: logLevel.NOTHING };
}

const account = { username: user, password: passwords.kafka };

async function kafkaKnowsItsUser(stage: Stage): Promise<void> {
  const brokersFor = async (sasl: SASLOptions, isTls: boolean) => {
    const admin = new Kafka({ ...kafkaConfig(stage, sasl, isTls), retry: { retries: 0 } }).admin();
    try {
      await admin.connect();
      return (await admin.describeCluster()).brokers.map((broker) => broker.port);
    } finally {
      await admin.disconnect();
    }
  };
  const { saslPlaintextPort, saslSslPort } = stage;
  assert.deepEqual(await brokersFor({ mechanism: "plain", ...account }, true), [saslSslPort]);
  assert.deepEqual(await brokersFor({ mechanism: "scram-sha-256", ...account }, true), [saslSslPort]);
  assert.deepEqual(await brokersFor({ mechanism: "scram-sha-512", ...account }, false), [saslPlaintextPort]);
  const wrong = { mechanism: "plain", username: user, password: "wrong" } as const;
  await assert.rejects(brokersFor(wrong, false), /Authentication failed/);
}

async function mariadbWantsTls({ mariadb }: Stage): Promise<void> {
  const { hostname: host, port } = new URL(mariadb.address);
  const known = { host, port: Number(port), user, password: passwords.mysql };
  await assert.rejects(createConnection(known), /Access denied/);
  const ca = await Deno.readTextFile(authorityOf(mariadb));
  const connection = await createConnection({ ...known, ssl: { ca } });
  const [rows] = await connection.query("SHOW STATUS LIKE 'Ssl_version'");
  assert.match(JSON.stringify(rows), /TLSv1/);
  await connection.end();
}

async function redisComesBack({ redis, redisTlsPort: port }: Stage): Promise<void> {
  await redis.kill();
  await redis.start();
  const ca = await Deno.readTextFile(authorityOf(redis));
  const client = new Redis({ host: "127.0.0.1", port, password: passwords.redis, tls: { ca } });
  assert.equal(await client.ping(), "PONG");
  await client.quit();
}

function environmentOf(stage: Stage): Readonly<Record<string, string>> {
  const { kafka, mariadb, redis, saslSslPort, redisTlsPort } = stage;
  const { host, pathname } = new URL(mariadb.address);
  return {
    KAFKA_BROKERS: `127.0.0.1:${saslSslPort}`,
    KAFKA_TLS: "true",
    KAFKA_CA: authorityOf(kafka),
    KAFKA_SASL: "scram-sha-512",
    KAFKA_USERNAME: user,
    KAFKA_PASSWORD: passwords.kafka,
    MYSQL_URL: `mysql://${user}:${encodeURIComponent(passwords.mysql)}@${host}${pathname}`,
    MYSQL_TLS: "true",
    MYSQL_CA: authorityOf(mariadb),
    REDIS_URL: `rediss://:${encodeURIComponent(passwords.redis)}@127.0.0.1:${redisTlsPort}`,
    REDIS_CA: authorityOf(redis),
  };
}

function assertNoSecret(where: string, text: string): void {
  for (const secret of Object.values(passwords)) {
    for (const spelling of [secret, encodeURIComponent(secret), btoa(secret)]) {
      assert.ok(!text.includes(spelling), `${where} shows a password:\n${text}`);
    }
  }
}

async function answerOf(node: Node, path: string): Promise<ReturnType<typeof JSON.parse>> {
  const response = await fetch(`${node.url}${path}`);
  const text = await response.text();
  assert.equal(response.status, 200, `${path}: ${text}`);
  return JSON.parse(text);
}

async function post(node: Node, body: string): Promise<void> {
  const headers = { "content-type": "application/json" };
  const response = await fetch(`${node.url}/readings`, { method: "POST", headers, body });
  const text = await response.text();
  assert.equal(response.status, 202, text);
}

/** To the topic that the node has made, as another program would. */
async function produce(stage: Stage, value: string): Promise<void> {
  const sasl = { mechanism: "scram-sha-256", ...account } as const;
  const producer = new Kafka(kafkaConfig(stage, sasl, true)).producer({ allowAutoTopicCreation: false });
  await producer.connect();
  await eventually("the topic", deadlineMs, () => producer.send({ topic: "ENTRY", messages: [{ value }] }));
  await producer.disconnect();
}

const windows = "/sensors/1/windows";

/** What its windows hold, also once Redis has it. */
async function untilCached(node: Node, count: number): Promise<unknown> {
  const { total } = await answerOf(node, windows);
  assert.equal(total.t.count, count);
  await eventually("Redis to have it", deadlineMs, async () => {
    const cached = await answerOf(node, `${windows}?consistency=cached`);
    return cached.consistency === "cached" && cached.total.t.count === count ? true : null;
  });
  return total;
}

async function showsNoSecret(node: Node): Promise<void> {
  for (const url of [`${node.url}/actors`, `${node.url}/cluster`, `${node.adminUrl}/metrics`]) {
    const response = await fetch(url);
    assertNoSecret(url, await response.text());
    assert.equal(response.status, 200, url);
  }
}

async function stopped(node: Node): Promise<void> {
  const { code, output, errors } = await node.stop();
  assert.equal(code, 0, errors);
  assertNoSecret("What it wrote", `${output}\n${errors}`);
}

async function nodeAnswersAlike(stage: Stage): Promise<void> {
  const options = {
    dataDir: "not-used",
    environment: environmentOf(stage),
    flags: ["--no-host-metrics", "--shards", "4", "--log-level", "debug"],
  };
  await using first = await Node.start(options);
  await post(first, '[{"id":"1","values":{"t":20}},{"id":"1","values":{"t":21.5}}]');
  await produce(stage, '{"id":"1","values":{"t":40}}');
  await eventually("the record to be folded", deadlineMs, async () => {
    return (await answerOf(first, windows)).total.t.count === 3 ? true : null;
  });
  const before = await untilCached(first, 3);
  assert.deepEqual(before, { t: { count: 3, sum: 81.5 } });
  await showsNoSecret(first);
  await stopped(first);

  await using second = await Node.start(options);
  assert.deepEqual(await untilCached(second, 3), before);
  await post(second, '{"id":"1","values":{"t":1}}');
  await untilCached(second, 4);
  await showsNoSecret(second);
  await stopped(second);
}

Deno.test({
  name:
    "servers with TLS and passwords let in whoever knows them, and a node, which answers alike after a restart",
  ignore: skipUnlessServersInstalled("A node on servers with TLS", ["kafka", "mariadb", "redis"]),
  fn: async (t) => {
    const [saslPlaintextPort, saslSslPort, redisTlsPort] = [freePort(), freePort(), freePort()];
    const secure = { saslPlaintextPort, saslSslPort, user, password: passwords.kafka };
    await using kafka = await ownKafka({ secure });
    await using mariadb = await ownMariadb({ user: { name: user, password: passwords.mysql }, tls: true });
    await using redis = await ownRedis({ password: passwords.redis, tlsPort: redisTlsPort });
    const servers = { kafka: kafka.server, mariadb: mariadb.server, redis: redis.server };
    const stage: Stage = { ...servers, saslPlaintextPort, saslSslPort, redisTlsPort };
    await t.step(
      "Kafka knows its user by PLAIN and SCRAM, with and without TLS",
      () => kafkaKnowsItsUser(stage),
    );
    await t.step("MariaDB lets its user in with TLS only", () => mariadbWantsTls(stage));
    await t.step(
      "Redis lets in whoever knows its password, also after its death",
      () => redisComesBack(stage),
    );
    await t.step(
      "a node takes readings, folds a topic, shows no password, and answers alike after a restart",
      () => nodeAnswersAlike(stage),
    );
  },
});
