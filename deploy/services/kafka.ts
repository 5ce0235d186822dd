/**
 * A Kafka broker: KRaft, broker and controller in one process, on the loopback address unless told otherwise; alone, or
 * one of a cluster of equals.
 *
 * 1. The listener at `port` asks for nothing. `secure` adds two more, for which a client needs the user's password.
 * 2. Topics are never made by their mere use.
 * 3. A cluster of three goes on when any one of them is gone.
 */

import { join } from "node:path";
import { type Certificates, makeCertificates } from "./certificates.ts";
import { cacheFolder, type DownloadProgress, fetchKafka } from "./download.ts";
import { checkJava, javaProgram } from "./java.ts";
import {
  kafkaCleanerBytes,
  kafkaHeapMebibytes,
  kafkaHeartbeatMs,
  kafkaMinSessionTimeoutMs,
  kafkaSessionTimeoutMs,
  loopback,
  preparationDeadlineMs,
  stopDeadlineMs,
} from "./limits.ts";
import { askTcp } from "./probe.ts";
import { plainPath, type ProcessId, run } from "./processes.ts";
import { Server } from "./server.ts";

export interface KafkaSecurity {
  readonly saslPlaintextPort: number;
  readonly saslSslPort: number;
  /** Known to PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512 alike. Both without quotes, commas and brackets. */
  readonly user: string;
  readonly password: string;
}

/** What all brokers of one cluster are told alike. */
export interface KafkaCluster {
  /** As Kafka makes them: 16 bytes in base64url. */
  readonly id: string;
  /** Of each, in the order of their numbers. */
  readonly controllerPorts: readonly number[];
}

export interface KafkaOptions {
  readonly folder: string;
  /** From 1 on, which is the one that stands for itself. */
  readonly number?: number;
  /** Without it the broker is all there is. */
  readonly cluster?: KafkaCluster | undefined;
  /** The address that it listens on. */
  readonly host?: string;
  readonly port: number;
  /** Of the controller, which nobody but brokers talks to. */
  readonly controllerPort: number;
  readonly secure?: KafkaSecurity;
  /** Lines `name=value` after all others. */
  readonly settings?: readonly string[];
  readonly progress?: DownloadProgress;
}

const loggingFile = "log4j2.properties";
const noProgress: DownloadProgress = { begin() {}, onBytes() {}, end() {} };

/** Fetches, formats, starts. Resolves when the broker answers; `secure`'s authority is then in `folder/tls/ca.pem`. */
export async function startKafka(options: KafkaOptions): Promise<Server> {
  const server = await prepareKafka(options);
  await server.start();
  return server;
}

/** All but the start. */
export async function prepareKafka(options: KafkaOptions): Promise<Server> {
  const { folder, secure } = options;
  const environment = Deno.env.toObject();
  const java = javaProgram(environment);
  await checkJava(java);
  const jars = await fetchKafka(environment, options.progress ?? noProgress);
  await Deno.mkdir(folder, { recursive: true });
  const certificates = secure === undefined ? null : await makeCertificates(join(folder, "tls"));
  const propertiesFile = join(folder, "server.properties");
  await Deno.writeTextFile(propertiesFile, serverProperties(options, certificates), { mode: 0o600 });
  await Deno.writeTextFile(join(folder, loggingFile), loggingProperties);
  if (await clusterIdIn(folder) === null) await format(java, jvm(jars, folder), propertiesFile, options);
  return kafkaServer(options);
}

/** Those of one cluster: what they are told alike is found out here. */
export async function prepareBrokers(brokers: readonly KafkaOptions[]): Promise<readonly Server[]> {
  const cluster = await clusterOf(brokers);
  return await Promise.all(brokers.map((options, index) => {
    return prepareKafka({ ...options, number: index + 1, cluster });
  }));
}

/** Undefined for a broker alone. */
export async function clusterOf(
  brokers: readonly Pick<KafkaOptions, "folder" | "controllerPort">[],
): Promise<KafkaCluster | undefined> {
  if (brokers.length < 2) return undefined;
  const ids = await Promise.all(brokers.map(({ folder }) => clusterIdIn(folder)));
  const id = ids.find((each) => each !== null) ?? newClusterId();
  return { id, controllerPorts: brokers.map(({ controllerPort }) => controllerPort) };
}

/** One that is prepared. `id`: of its process, where it runs already. */
export function kafkaServer(
  { folder, number = 1, host = loopback, port }: KafkaOptions,
  id: ProcessId | null = null,
): Server {
  const environment = Deno.env.toObject();
  const heap = [`-Xms${kafkaHeapMebibytes}m`, `-Xmx${kafkaHeapMebibytes}m`, "-XX:+ExitOnOutOfMemoryError"];
  const plan = {
    name: number === 1 ? "Kafka" : `Kafka ${number}`,
    program: javaProgram(environment),
    args: [
      ...heap,
      ...jvm(cacheFolder(environment), folder),
      "kafka.Kafka",
      join(folder, "server.properties"),
    ],
    folder,
    address: `${host}:${port}`,
    answers: async (signal: AbortSignal) => isVersions(await askTcp(host, port, askVersions, signal)),
    stopDeadlineMs: stopDeadlineMs.kafka,
  };
  return new Server(plan, id);
}

function jvm(jars: string, folder: string): readonly string[] {
  const logging = `-Dlog4j2.configurationFile=${join(folder, loggingFile)}`;
  return ["-cp", join(jars, "*"), logging, "-Djava.awt.headless=true"];
}

/** Of a folder that is formatted; null: it is not. */
async function clusterIdIn(folder: string): Promise<string | null> {
  const text = await Deno.readTextFile(join(folder, "log", "meta.properties")).catch(() => "");
  return /^cluster\.id=(.+)$/m.exec(text)?.[1] ?? null;
}

/** Whether a broker has its data there. */
export async function isFormatted(folder: string): Promise<boolean> {
  return await clusterIdIn(folder) !== null;
}

async function format(
  java: string,
  flags: readonly string[],
  propertiesFile: string,
  { secure, cluster }: KafkaOptions,
) {
  const users = secure === undefined ? [] : ["SCRAM-SHA-256", "SCRAM-SHA-512"].flatMap((mechanism) => [
    "--add-scram",
    `${mechanism}=[name=${secure.user},password=${secure.password}]`,
  ]);
  // A controller that fails to end between two of its files has left a folder half made: format it again.
  const args = [
    "format",
    "--ignore-formatted",
    "--cluster-id",
    cluster?.id ?? newClusterId(),
    "--config",
    propertiesFile,
    ...users,
  ];
  await run(java, [...flags, "kafka.tools.StorageTool", ...args], preparationDeadlineMs);
}

/** As Kafka makes them: 16 random bytes in base64url. One that begins with "-" would read as a flag. */
function newClusterId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const text = bytes.toBase64({ alphabet: "base64url", omitPadding: true });
  return text.startsWith("-") ? newClusterId() : text;
}

/** ApiVersions, version 0, correlation id 1, no client id: https://kafka.apache.org/protocol#protocol_messages */
const askVersions = Uint8Array.of(0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff);

/** A broker answers once it has registered and is unfenced. After size and correlation id comes the error code. */
function isVersions(answer: Uint8Array): boolean {
  return answer.length > 10 && answer[7] === 1 && answer[8] === 0 && answer[9] === 0;
}

export function serverProperties(options: KafkaOptions, certificates: Certificates | null): string {
  const { folder, number = 1, cluster, host = loopback, port, controllerPort, secure, settings = [] } =
    options;
  const controllerPorts = cluster?.controllerPorts ?? [controllerPort];
  const replicas = controllerPorts.length;
  const leastReplicas = Math.max(1, replicas - 1);
  const clients = [
    `PLAINTEXT://${host}:${port}`,
    ...(secure === undefined ? [] : [
      `SASL_PLAINTEXT://${host}:${secure.saslPlaintextPort}`,
      `SASL_SSL://${host}:${secure.saslSslPort}`,
    ]),
  ];
  const protocols = ["PLAINTEXT", "SASL_PLAINTEXT", "SASL_SSL"].map((name) => `${name}:${name}`);
  return [
    "process.roles=broker,controller",
    `node.id=${number}`,
    `controller.quorum.voters=${
      controllerPorts.map((each, index) => `${index + 1}@${loopback}:${each}`).join()
    }`,
    "controller.listener.names=CONTROLLER",
    `listeners=${[...clients, `CONTROLLER://${loopback}:${controllerPort}`].join()}`,
    `advertised.listeners=${clients.join()}`,
    `listener.security.protocol.map=${[...protocols, "CONTROLLER:PLAINTEXT"].join()}`,
    "inter.broker.listener.name=PLAINTEXT",
    `log.dirs=${plainPath(join(folder, "log"))}`,
    "auto.create.topics.enable=false",
    `default.replication.factor=${replicas}`,
    // Eight partitions instead of fifty are made in a moment.
    ...["offsets.topic", "transaction.state.log"].flatMap((topic) => [
      `${topic}.replication.factor=${replicas}`,
      `${topic}.num.partitions=8`,
    ]),
    `transaction.state.log.min.isr=${leastReplicas}`,
    `share.coordinator.state.topic.replication.factor=${replicas}`,
    `share.coordinator.state.topic.min.isr=${leastReplicas}`,
    // The first member of a group need not wait for others.
    "group.initial.rebalance.delay.ms=0",
    `group.min.session.timeout.ms=${kafkaMinSessionTimeoutMs}`,
    `broker.session.timeout.ms=${kafkaSessionTimeoutMs}`,
    `broker.heartbeat.interval.ms=${kafkaHeartbeatMs}`,
    "num.network.threads=2",
    "num.io.threads=4",
    "background.threads=2",
    `log.cleaner.dedupe.buffer.size=${kafkaCleanerBytes}`,
    ...(secure === undefined || certificates === null ? [] : securityLines(secure, certificates)),
    ...settings,
    "",
  ].join("\n");
}

function securityLines({ user, password }: KafkaSecurity, { keyAndCertificate }: Certificates): string[] {
  const scramModule = "org.apache.kafka.common.security.scram.ScramLoginModule required;";
  const plainModule = "org.apache.kafka.common.security.plain.PlainLoginModule required " +
    `user_${user}="${password}";`;
  return [
    "ssl.keystore.type=PEM",
    `ssl.keystore.location=${plainPath(keyAndCertificate)}`,
    ...["sasl_plaintext", "sasl_ssl"].flatMap((listener) => [
      `listener.name.${listener}.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512`,
      `listener.name.${listener}.plain.sasl.jaas.config=${plainModule}`,
      `listener.name.${listener}.scram-sha-256.sasl.jaas.config=${scramModule}`,
      `listener.name.${listener}.scram-sha-512.sasl.jaas.config=${scramModule}`,
    ]),
  ];
}

/** Without it log4j prints errors only. */
const loggingProperties = `rootLogger.level=WARN
rootLogger.appenderRef.stdout.ref=stdout
appender.stdout.type=Console
appender.stdout.name=stdout
appender.stdout.layout.type=PatternLayout
appender.stdout.layout.pattern=%d{ISO8601} %p %m (%c{1})%n
`;
