/** The settings of servers, as the parts that talk with them take them. */

import { X509Certificate } from "node:crypto";
import type { RedisSettings } from "../../runtime/hot/redis/settings.ts";
import { redisSettings } from "../../runtime/hot/redis/settings.ts";
import type { KafkaSettings } from "../../runtime/log/kafka/settings.ts";
import type { Servers } from "../../runtime/node/options.ts";
import type { MySqlSettings } from "../../runtime/store/mysql/settings.ts";
import { MAILBOX } from "../../runtime/core/checkpoint.ts";
import { errorMessage } from "../../runtime/core/errors.ts";
import type { Settings } from "../settings.ts";
import { Refusal } from "./refusal.ts";

/** The text of a file, by its path; throws when it cannot be read. */
export type ReadText = (path: string) => string;

const defaultMysqlPort = 3306;

/** Null: the node keeps its messages and its state in its folder. Throws a `Refusal`. */
export function serversOf(settings: Settings, readText: ReadText): Servers | null {
  const { kafkaBrokers, mysqlUrl } = settings;
  if (kafkaBrokers === undefined && mysqlUrl === undefined) {
    checkUnused(settings);
    return null;
  }
  if (kafkaBrokers === undefined) {
    throw new Refusal(
      "Cannot start: MYSQL_URL is set and KAFKA_BROKERS is not. Set both, or neither for a node on its folder.",
    );
  }
  if (mysqlUrl === undefined) {
    throw new Refusal(
      "Cannot start: KAFKA_BROKERS is set and MYSQL_URL is not. Set both, or neither for a node on its folder.",
    );
  }
  checkTopics(settings);
  return { kafka: kafkaOf(settings, kafkaBrokers, readText), mysql: mysqlOf(settings, mysqlUrl, readText) };
}

function checkTopics({ entryTopic, okTopic, keyedTopics = [], resultsTopic, prefix }: Settings): void {
  if (entryTopic === okTopic) {
    throw new Refusal(
      `Cannot start: --entry-topic and --ok-topic both name ${okTopic}. Readings and recoveries need a topic each.`,
    );
  }
  const own = [MAILBOX, `${prefix}.mailbox`];
  const read = { "--entry-topic": [entryTopic], "--ok-topic": [okTopic], "--keyed-topics": keyedTopics };
  for (const [flag, topics] of Object.entries(read)) {
    if (!topics.includes(resultsTopic)) continue;
    throw new Refusal(
      `Cannot start: ${flag} and --results-topic both name ${resultsTopic}. What comes in and what was found need a ` +
        "topic each.",
    );
  }
  for (const [flag, topics] of Object.entries({ ...read, "--results-topic": [resultsTopic] })) {
    const taken = topics.find((topic) => own.includes(topic));
    if (taken === undefined) continue;
    throw new Refusal(
      `Cannot start: ${flag} names ${taken}, which is what the node calls its own messages. Name another topic.`,
    );
  }
}

/** Null: nobody set it. Throws a `Refusal`. */
export function redisOf({ redisUrl, redisCa, prefix }: Settings, readText: ReadText): RedisSettings | null {
  if (redisUrl === undefined) {
    if (redisCa !== undefined) throw new Refusal("Cannot start: REDIS_CA is set and REDIS_URL is not.");
    return null;
  }
  const ca = caOf("REDIS_CA", redisCa, readText);
  try {
    return redisSettings(redisUrl, { ca, prefix });
  } catch (cause) {
    throw new Refusal(`Cannot start: REDIS_URL: ${errorMessage(cause)}.`, { cause });
  }
}

function kafkaOf(settings: Settings, brokers: readonly string[], readText: ReadText): KafkaSettings {
  const { kafkaTls, kafkaCa, kafkaSasl, kafkaUsername, kafkaPassword, prefix } = settings;
  if (kafkaCa !== undefined && !kafkaTls) {
    throw new Refusal(
      "Cannot start: KAFKA_CA is set and KAFKA_TLS is not; set it to true, or unset KAFKA_CA.",
    );
  }
  const tls = kafkaTls ? { ca: caOf("KAFKA_CA", kafkaCa, readText) } : null;
  if (kafkaSasl === undefined) {
    if (kafkaUsername === undefined && kafkaPassword === undefined) {
      return { brokers, tls, sasl: null, prefix };
    }
    throw new Refusal(
      "Cannot start: a user or password of Kafka is set and KAFKA_SASL is not; set it to plain, scram-sha-256 or " +
        "scram-sha-512.",
    );
  }
  if (kafkaUsername === undefined || kafkaPassword === undefined) {
    throw new Refusal(
      "Cannot start: KAFKA_SASL needs KAFKA_USERNAME and KAFKA_PASSWORD, and not both are set.",
    );
  }
  const sasl = { mechanism: kafkaSasl, username: kafkaUsername, password: kafkaPassword };
  return { brokers, tls, sasl, prefix };
}

function mysqlOf(settings: Settings, text: string, readText: ReadText): MySqlSettings {
  const { mysqlTls, mysqlCa, prefix } = settings;
  if (mysqlCa !== undefined && !mysqlTls) {
    throw new Refusal(
      "Cannot start: MYSQL_CA is set and MYSQL_TLS is not; set it to true, or unset MYSQL_CA.",
    );
  }
  const url = new URL(text);
  const database = decode(url.pathname.replace(/^\//, ""));
  if (url.hostname === "" || database === "" || url.username === "") {
    throw new Refusal(
      "Cannot start: MYSQL_URL does not fit; give mysql://user:password@host:port/database, with a database.",
    );
  }
  return {
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: url.port === "" ? defaultMysqlPort : Number(url.port),
    user: decode(url.username),
    password: decode(url.password),
    database,
    tls: mysqlTls ? { ca: caOf("MYSQL_CA", mysqlCa, readText) } : null,
    prefix,
  };
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch (cause) {
    throw new Refusal(
      "Cannot start: MYSQL_URL does not fit; what is special in its user, password or database is percent-encoded.",
      { cause },
    );
  }
}

function caOf(name: string, path: string | undefined, readText: ReadText): string | null {
  if (path === undefined) return null;
  let text: string;
  try {
    text = readText(path);
  } catch (cause) {
    throw new Refusal(
      `Cannot start: ${name} names ${path}, which cannot be read. Give the path of a readable PEM file.`,
      { cause },
    );
  }
  const certificates = text.match(/-----BEGIN CERTIFICATE-----[^]*?(?:-----END CERTIFICATE-----|$)/g);
  if (certificates === null) {
    throw new Refusal(`Cannot start: ${name} names ${path}, which holds no certificate. Give a PEM file.`);
  }
  for (const [index, certificate] of certificates.entries()) checkCertificate(certificate, index, name, path);
  return text;
}

/** Here, because each client says it in other words, or takes it for a server that is away and waits. */
function checkCertificate(certificate: string, index: number, name: string, path: string): void {
  try {
    new X509Certificate(certificate);
  } catch (cause) {
    throw new Refusal(
      `Cannot start: ${name} names ${path}, whose certificate ${index + 1} is damaged or cut short. ` +
        "Give a PEM file that is whole.",
      { cause },
    );
  }
}

/** What is set for servers that are not used would be believed to be in force. */
function checkUnused(
  { kafkaTls, kafkaCa, kafkaSasl, kafkaUsername, kafkaPassword, keyedTopics, mysqlTls, mysqlCa }: Settings,
) {
  const isKafka = kafkaTls ||
    [kafkaCa, kafkaSasl, kafkaUsername, kafkaPassword, keyedTopics].some((one) => one !== undefined);
  if (isKafka) throw new Refusal("Cannot start: settings of Kafka are given, and KAFKA_BROKERS is not set.");
  if (mysqlTls || mysqlCa !== undefined) {
    throw new Refusal("Cannot start: settings of MySQL are given, and MYSQL_URL is not set.");
  }
}
