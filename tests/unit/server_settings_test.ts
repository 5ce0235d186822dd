/** Which settings of servers go together, and what is said of those that do not. */

import assert from "node:assert/strict";
import { readSettings } from "../../actors/cli/read_settings.ts";
import { Refusal } from "../../actors/cli/refusal.ts";
import { type ReadText, redisOf, serversOf } from "../../actors/cli/servers.ts";

/** Nobody's authority; its key was thrown away. */
const pem = `-----BEGIN CERTIFICATE-----
MIIBLjCB4aADAgECAhQIOCQxvz6jtxxnkpPVv/sm4nmbejAFBgMrZXAwDDEKMAgG
A1UEAwwBdDAgFw0yNjExMjYwMTM2MjdaGA8yMTI2MTEwMjAxMzYyN1owDDEKMAgG
A1UEAwwBdDAqMAUGAytlcAMhAFYMCD2kN1T7mJQo9my5wtL6chAkKP7CmkJszZMg
6DnRo1MwUTAdBgNVHQ4EFgQUIOEiwm2LXdNUwV/3vtlgDNVcRBgwHwYDVR0jBBgw
FoAUIOEiwm2LXdNUwV/3vtlgDNVcRBgwDwYDVR0TAQH/BAUwAwEB/zAFBgMrZXAD
QQDc4fAKVgIzNDN1IlvZWUaefCWzNZHm3ZxZ96v0trNXALpq6MM5YvfzklLGUUXT
r3UbaELVmkzJs5Mcaoe0W3oP
-----END CERTIFICATE-----
`;

const readText: ReadText = (path) => {
  if (path === "/ca.pem") return pem;
  if (path === "/short.pem") return pem + pem.slice(0, 200);
  if (path === "/key.pem") return "-----BEGIN PRIVATE KEY-----\n";
  throw new Error("no such file");
};

function read(environment: Readonly<Record<string, string>>) {
  const settings = readSettings({ args: [], environment, readText });
  return { servers: serversOf(settings, readText), redis: redisOf(settings, readText) };
}

const both = { KAFKA_BROKERS: "k:9092", MYSQL_URL: "mysql://u:hidden@m/d" };

Deno.test("serversOf() and redisOf() give null when nothing is set", () => {
  assert.deepEqual(read({}), { servers: null, redis: null });
});

Deno.test("serversOf() and redisOf() read addresses, credentials and authorities", () => {
  const environment = {
    ...both,
    MYSQL_URL: "mysql://u%40x:p%2Fw@[::1]:3307/d%20b",
    MYSQL_TLS: "true",
    KAFKA_TLS: "true",
    KAFKA_CA: "/ca.pem",
    KAFKA_SASL: "scram-sha-512",
    KAFKA_USERNAME: "al",
    KAFKA_PASSWORD: "hidden",
    REDIS_URL: "rediss://:pw@r/2",
    REDIS_CA: "/ca.pem",
    SENSORIUM_PREFIX: "p",
  };
  assert.deepEqual(read(environment), {
    servers: {
      kafka: {
        brokers: ["k:9092"],
        tls: { ca: pem },
        sasl: { mechanism: "scram-sha-512", username: "al", password: "hidden" },
        prefix: "p",
      },
      mysql: {
        host: "::1",
        port: 3307,
        user: "u@x",
        password: "p/w",
        database: "d b",
        tls: { ca: null },
        prefix: "p",
      },
    },
    redis: {
      host: "r",
      port: 6379,
      username: null,
      password: "pw",
      database: 2,
      tls: { ca: pem },
      prefix: "p",
    },
  });
});

const refused: readonly (readonly [when: string, Readonly<Record<string, string>>, RegExp])[] = [
  ["MySQL alone", { MYSQL_URL: both.MYSQL_URL }, /MYSQL_URL is set and KAFKA_BROKERS is not\. Set both/],
  ["Kafka alone", { KAFKA_BROKERS: "k:1" }, /KAFKA_BROKERS is set and MYSQL_URL is not\. Set both/],
  ["an authority without TLS of Kafka", { ...both, KAFKA_CA: "/ca.pem" }, /KAFKA_TLS is not; set it to true/],
  ["an authority without TLS of MySQL", { ...both, MYSQL_CA: "/ca.pem" }, /MYSQL_TLS is not; set it to true/],
  ["an authority without TLS of Redis", { REDIS_URL: "redis://r", REDIS_CA: "/ca.pem" }, /rediss:\/\//],
  ["an authority without Redis", { REDIS_CA: "/ca.pem" }, /REDIS_CA is set and REDIS_URL is not/],
  ["TLS without Kafka", { KAFKA_TLS: "true" }, /settings of Kafka are given, and KAFKA_BROKERS is not set/],
  ["keyed topics without Kafka", { SENSORIUM_KEYED_TOPICS: "a" }, /settings of Kafka are given/],
  [
    "a keyed topic of its own",
    { ...both, SENSORIUM_KEYED_TOPICS: "a,sensorium.mailbox" },
    /its own messages/,
  ],
  [
    "its own topic as one of readings",
    { ...both, SENSORIUM_ENTRY_TOPIC: "sensorium.mailbox" },
    /--entry-topic names sensorium\.mailbox, which is what the node calls its own messages/,
  ],
  [
    "one topic for both",
    { ...both, SENSORIUM_OK_TOPIC: "ENTRY" },
    /both name ENTRY\. Readings and recoveries/,
  ],
  [
    "its own topic as one of results",
    { ...both, SENSORIUM_RESULTS_TOPIC: "sensorium.mailbox" },
    /--results-topic names sensorium\.mailbox, which is what the node calls its own messages/,
  ],
  [
    "results in a topic that is read",
    { ...both, SENSORIUM_RESULTS_TOPIC: "OK" },
    /--ok-topic and --results-topic both name OK\. What comes in/,
  ],
  ["TLS without MySQL", { MYSQL_TLS: "true" }, /settings of MySQL are given, and MYSQL_URL is not set/],
  ["a user without a mechanism", { ...both, KAFKA_USERNAME: "a" }, /KAFKA_SASL is not; set it to plain/],
  [
    "a mechanism without a password",
    { ...both, KAFKA_SASL: "plain", KAFKA_USERNAME: "a" },
    /not both are set/,
  ],
  ["a URL without a database", { ...both, MYSQL_URL: "mysql://u:hidden@m" }, /with a database/],
  ["a URL without a user", { ...both, MYSQL_URL: "mysql://m/d" }, /user:password@host/],
  ["a URL that is not percent-encoded", { ...both, MYSQL_URL: "mysql://u:%hidden@m/d" }, /percent-encoded/],
  ["a database of Redis that is no number", { REDIS_URL: "redis://:hidden@r/x" }, /REDIS_URL: .* a number/],
  [
    "an authority's file that is missing",
    { ...both, KAFKA_TLS: "true", KAFKA_CA: "/x" },
    /KAFKA_CA .* \/x, which/,
  ],
  ["a file that is none", { ...both, MYSQL_TLS: "true", MYSQL_CA: "/key.pem" }, /holds no certificate/],
  [
    "a certificate that is cut short",
    { REDIS_URL: "rediss://r", REDIS_CA: "/short.pem" },
    /REDIS_CA names \/short\.pem, whose certificate 2 is damaged/,
  ],
];

for (const [when, environment, sentence] of refused) {
  Deno.test(`serversOf() or redisOf() refuses ${when}`, () => {
    assert.throws(() => read(environment), (error) => {
      assert.ok(error instanceof Refusal);
      assert.match(error.message, /^Cannot start: .*\.$/);
      assert.match(error.message, sentence);
      assert.doesNotMatch(error.message, /hidden/);
      return true;
    });
  });
}
