/** What a node refuses of its servers: exit code 2, one sentence that says what would be right, and never a password. */

import assert from "node:assert/strict";
import { Kafka, logLevel } from "kafkajs";
import { createConnection } from "mysql2/promise";
import type { Server } from "../../deploy/services/server.ts";
import { freePort } from "../../deploy/services/free_port.ts";
import { type Ended, runStart } from "../services/node.ts";
import { ownKafka, ownMariadb, ownRedis, skipUnlessServersInstalled } from "../services/own_server.ts";

const secret = "not-to-be-shown";
const wrong = "wr0ng-pass";

type Environment = Readonly<Record<string, string>>;

interface Stage {
  readonly kafka: Server;
  readonly mariadb: Server;
  readonly saslPort: number;
  readonly tlsPort: number;
  /** With which a node starts, on a prefix and a database of this name. */
  right(name: string): Environment;
}

async function refused(environment: Environment, ...flags: readonly string[]): Promise<Ended> {
  const ports = ["--port", `${freePort()}`, "--admin-port", `${freePort()}`];
  return await runStart(["cluster", ...ports, "--no-host-metrics", ...flags], environment);
}

type Case = readonly [when: string, environment: Environment, sentence: RegExp, flags?: readonly string[]];

async function checkRefusal([when, environment, sentence, flags = []]: Case): Promise<void> {
  const { code, output, errors } = await refused(environment, ...flags);
  assert.equal(code, 2, `${when}: ${output}${errors}`);
  const lines = errors.trim().split("\n");
  for (const line of lines) assert.match(line, sentence, when);
  // What may pass by itself is waited for first, and said with the same words.
  assert.equal(lines.filter((line) => !/\bwarn\b/.test(line)).length, 1, `${when}: ${errors}`);
  assert.equal(output, "", when);
  for (const text of [secret, wrong]) assert.ok(!errors.includes(text), `${when}: ${errors}`);
}

/** A few at once: each is three processes. */
async function checkAll(cases: readonly Case[]): Promise<void> {
  const left = cases.values();
  await Promise.all([1, 2].map(async () => {
    for (const each of left) await checkRefusal(each);
  }));
}

async function sql({ mariadb }: Stage, ...statements: readonly string[]): Promise<void> {
  const { hostname: host, port } = new URL(mariadb.address);
  const connection = await createConnection({ host, port: Number(port), user: "root" });
  for (const statement of statements) await connection.query(statement);
  await connection.end();
}

async function makeTopic({ kafka }: Stage, topic: string, partitions: number): Promise<void> {
  const admin = new Kafka({ brokers: [kafka.address], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: partitions }], waitForLeaders: true });
  await admin.disconnect();
}

/** Whose row says so; the rest of its tables is made before it is read. */
async function makeStore(stage: Stage, name: string, version: number, prefix: string, shards: number) {
  await sql(
    stage,
    `CREATE DATABASE \`${name}\``,
    `CREATE TABLE \`${name}\`.meta (one INT PRIMARY KEY, version INT, identity TEXT, prefix TEXT, shards INT, log TEXT)`,
    `INSERT INTO \`${name}\`.meta VALUES (1, ${version}, 'i', '${prefix}', ${shards}, NULL)`,
  );
}

async function refusesSettings(): Promise<void> {
  const mysql = `mysql://al:${secret}@127.0.0.1:1/d`;
  await checkAll([
    ["MySQL alone", { MYSQL_URL: mysql }, /MYSQL_URL is set and KAFKA_BROKERS is not/],
    ["Kafka alone", { KAFKA_BROKERS: "127.0.0.1:1" }, /KAFKA_BROKERS is set and MYSQL_URL is not/],
    [
      "an authority without TLS",
      { KAFKA_BROKERS: "127.0.0.1:1", MYSQL_URL: mysql, MYSQL_CA: "/ca.pem" },
      /MYSQL_CA is set and MYSQL_TLS is not/,
    ],
    ["a URL that is none", { KAFKA_BROKERS: "127.0.0.1:1", MYSQL_URL: secret }, /MYSQL_URL does not fit/],
  ]);
}

async function refusesOthersData(stage: Stage): Promise<void> {
  await makeTopic(stage, "six.mailbox", 6);
  await makeStore(stage, "newer", 99, "newer", 8);
  await makeStore(stage, "theirs", 0, "other", 8);
  await makeStore(stage, "three", 0, "three", 3);
  await sql(stage, "CREATE DATABASE foreign_one", "CREATE TABLE foreign_one.customers (id INT)");
  await checkAll([
    [
      "another number of partitions",
      stage.right("six"),
      /Topic six\.mailbox has 6 partitions, and .* 8 shards/,
    ],
    ["a newer version", stage.right("newer"), /tables have version 99, and this program knows up to \d+;/],
    ["another prefix", stage.right("theirs"), /of the cluster with the prefix "other", not "theirs"; set/],
    ["another number of shards", stage.right("three"), /made for 3 shards, not 8; set 3/],
    ["another program's tables", stage.right("foreign_one"), /tables of another program \(as "customers"\)/],
  ]);
}

async function refusesCredentials(stage: Stage): Promise<void> {
  const right = stage.right("credentials");
  const { host } = new URL(stage.mariadb.address);
  const sasl = (password: string) => ({
    ...right,
    KAFKA_BROKERS: `127.0.0.1:${stage.saslPort}`,
    KAFKA_SASL: "scram-sha-512",
    KAFKA_USERNAME: "al",
    KAFKA_PASSWORD: password,
  });
  await checkAll([
    ["a wrong password of Kafka", sasl(wrong), /Kafka at .* refuses the user name or the password/],
    [
      "a wrong password of MySQL",
      { ...right, MYSQL_URL: `mysql://al:${wrong}@${host}/credentials` },
      /Access denied for user 'al'.*; correct the user or the password/,
    ],
    [
      "a wrong password of Redis",
      { ...right, REDIS_URL: right.REDIS_URL!.replace(secret, wrong) },
      /Redis at 127\.0\.0\.1:\d+ refuses what .*WRONGPASS.*; correct REDIS_URL/,
    ],
    ["TLS where there is none", { ...right, KAFKA_TLS: "true" }, /closes the connection at once.* by TLS/],
    [
      "an authority that did not sign",
      { ...sasl(secret), KAFKA_BROKERS: `127.0.0.1:${stage.tlsPort}`, KAFKA_TLS: "true" },
      /certificate that is not trusted/,
    ],
    ["no TLS where it is wanted", { ...right, MYSQL_TLS: "true" }, /MySQL at .*turn TLS on at the server/],
  ]);
}

Deno.test("A node refuses settings of servers that do not go together", refusesSettings);

Deno.test({
  name:
    "A node refuses servers that hold others' data or do not let it in, with one sentence and no password",
  ignore: skipUnlessServersInstalled("Refusals of servers", ["kafka", "mariadb", "redis"]),
  fn: async (t) => {
    const [saslPort, tlsPort] = [freePort(), freePort()];
    const secure = { saslPlaintextPort: saslPort, saslSslPort: tlsPort, user: "al", password: secret };
    await using kafka = await ownKafka({ secure });
    await using mariadb = await ownMariadb({ user: { name: "al", password: secret } });
    await using redis = await ownRedis({ password: secret });
    const { host } = new URL(mariadb.server.address);
    const right = (name: string) => ({
      KAFKA_BROKERS: kafka.server.address,
      MYSQL_URL: `mysql://al:${secret}@${host}/${name}`,
      REDIS_URL: redis.server.address,
      SENSORIUM_PREFIX: name,
    });
    const stage: Stage = { kafka: kafka.server, mariadb: mariadb.server, saslPort, tlsPort, right };
    await t.step("of others", () => refusesOthersData(stage));
    await t.step("credentials and TLS", () => refusesCredentials(stage));
  },
});
