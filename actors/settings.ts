/**
 * The settings of a node. `settingsSchema` is the only list of them: flags, variables, defaults, the help and the
 * refusals are all read from it.
 *
 * A field takes the text of a flag or variable and gives the value. Its flag is `--` and its name in kebab case,
 * its variable `SENSORIUM_` and its name in capitals. A secret can also come from a file: `--token-file`,
 * `SENSORIUM_TOKEN_FILE`.
 */

import { z } from "zod";
import { httpUrl, isWildcard } from "./cli/http_url.ts";
import { parseProxies } from "./http/client_address.ts";

/** What a person needs to know of a setting besides its type and default. */
export interface SettingNote {
  readonly group: "Addresses" | "Access" | "Data" | "Servers" | "Work" | "Input" | "Screen";
  /** What stands for the value in the help; empty for a switch. */
  readonly value: string;
  /** What would be right, after "give": "a port number from 0 to 65535". */
  readonly expects: string;
  /** What it is for; of a switch, what the flag does that the help shows: the one that changes the default. */
  readonly meaning: string;
  readonly isSecret?: boolean;
  /** Its variable's name, where that is not made of the flag's. */
  readonly variable?: string;
}

const settingNotes = z.registry<SettingNote>();

const unitMs: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const unitBytes: Readonly<Record<string, number>> = { KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };

function wholeNumber(min: number, max: number) {
  return z.string().regex(/^\d{1,9}$/).transform(Number).pipe(z.number().min(min).max(max));
}

/** A number and a unit of `units`, as the number of what the unit counts. */
function quantity(units: Readonly<Record<string, number>>, min: number, max: number) {
  return z.string()
    .regex(new RegExp(`^\\d{1,9}(${Object.keys(units).join("|")})$`))
    .transform((text) => parseInt(text) * (units[text.replace(/^\d+/, "")] ?? NaN))
    .pipe(z.number().min(min).max(max));
}

/** Processes of one machine, each with threads of its own: more do not fold faster. */
const maxNodes = 32;

// A host name or an IPv4 or IPv6 address; whether it exists, binding it tells.
const hostName = z.string().regex(/^[0-9A-Za-z.:_-]{1,255}$/);

// Visible ASCII: it travels in an `Authorization` header.
const secret = z.string().regex(/^[!-~]{8,512}$/);

/** How many a second; null: as many as come. */
const rate = z.literal("off").transform(() => null).or(wholeNumber(1, 1_000_000));

/** The text of a URL of one of these schemes; what its parts mean, `cli/servers.ts` tells. */
function url(...schemes: readonly string[]) {
  return z.string().refine((text) => URL.canParse(text) && schemes.includes(new URL(text).protocol));
}

/** `host:port`, or `[address]:port` of an IPv6 address. */
const broker = /^([0-9A-Za-z._-]{1,255}|\[[0-9A-Fa-f:.]+\]):\d{1,5}$/;

// What Kafka lets a topic be called, short enough for what is put behind it.

const topicPattern = /^[0-9A-Za-z._-]{1,200}$/;
const topic = z.string().regex(topicPattern);
const topics = z.string().transform((text) => text.split(",").map((part) => part.trim()))
  .refine((names) => names.every((name) => topicPattern.test(name)) && new Set(names).size === names.length);

/** Where other nodes reach one: a host, whose port is added, or a whole address. */
const reachable = z.string().refine((text) => isHost(text) || isOrigin(text));

function isHost(text: string): boolean {
  return hostName.safeParse(text).success && !isWildcard(text) && URL.canParse(httpUrl(text, 1));
}

function isOrigin(text: string): boolean {
  const found = URL.parse(text);
  return found !== null && /^https?:$/.test(found.protocol) && found.href === `${found.origin}/`;
}

const portText = "a port number from 0 to 65535 (0: any free one)";

export const settingsSchema = z.object({
  port: wholeNumber(0, 65_535).prefault("5002").register(settingNotes, {
    group: "Addresses",
    value: "PORT",
    expects: portText,
    meaning: "Where the API and the live page listen.",
  }),
  adminPort: wholeNumber(0, 65_535).prefault("9464").register(settingNotes, {
    group: "Addresses",
    value: "PORT",
    expects: portText,
    meaning: "Where /metrics, /healthz, /readyz and backups are; health is answered without a token.",
  }),
  host: hostName.prefault("127.0.0.1").register(settingNotes, {
    group: "Addresses",
    value: "ADDRESS",
    expects: "an address of this machine, such as 127.0.0.1 or 0.0.0.0",
    meaning: "Address of both ports. Any but a loopback address needs a token, or --insecure.",
  }),
  nodes: wholeNumber(1, maxNodes).prefault("1").register(settingNotes, {
    group: "Addresses",
    value: "COUNT",
    expects: `a whole number from 1 to ${maxNodes}`,
    meaning:
      "Nodes on this machine. They share --port; the admin port of node-0 is --admin-port, of node-1 the next.",
  }),
  advertise: reachable.optional().register(settingNotes, {
    group: "Addresses",
    value: "HOST",
    expects: "a host name or address, such as 10.0.0.3, or of one node a URL, such as http://10.0.0.3:9464",
    meaning: "Where nodes on other machines reach the admin ports of this one. Unless told, --host.",
  }),
  token: secret.optional().register(settingNotes, {
    group: "Access",
    value: "TEXT",
    expects: "8 to 512 visible ASCII characters without spaces",
    meaning:
      "What clients must send as `Authorization: Bearer TEXT`. Other users see flags: prefer the file.",
    isSecret: true,
  }),
  insecure: z.stringbool().prefault("false").register(settingNotes, {
    group: "Access",
    value: "",
    expects: "true or false",
    meaning: "Listen on an address that others can reach without asking for a token.",
  }),
  trustedProxies: z.string().transform((text, { addIssue }) => {
    const proxies = parseProxies(text);
    if (proxies !== null) return proxies;
    addIssue("not addresses");
    return z.NEVER;
  }).optional().register(settingNotes, {
    group: "Access",
    value: "LIST",
    expects: "addresses and ranges separated by commas, such as 127.0.0.1,10.0.0.0/8",
    meaning: "Proxies whose `X-Forwarded-For` is believed when a client's rate is counted.",
  }),
  data: z.string().min(1).prefault("./data").register(settingNotes, {
    group: "Data",
    value: "DIR",
    expects: "a folder's path",
    meaning: "Folder of the log and the store; made when it is missing. One node uses it at a time.",
  }),
  shards: wholeNumber(1, 1024).prefault("8").register(settingNotes, {
    group: "Data",
    value: "COUNT",
    expects: "a whole number from 1 to 1024",
    meaning: "Into how many shards ids are divided. Fixed when the data folder is made.",
  }),
  retention: quantity(unitMs, 3_600_000, 3650 * 86_400_000).prefault("7d").register(settingNotes, {
    group: "Data",
    value: "TIME",
    expects: "a number and s, m, h or d, from 1h to 3650d",
    meaning: "How long history is kept.",
  }),
  kafkaBrokers: z.string().transform((text) => text.split(",").map((part) => part.trim()))
    .refine((brokers) => brokers.every((text) => broker.test(text))).optional().register(settingNotes, {
      group: "Servers",
      value: "LIST",
      expects: "host:port of one or more brokers separated by commas, such as 127.0.0.1:9092",
      meaning:
        "Kafka's brokers. With --mysql-url: mailboxes and store are there instead of in the data folder.",
      variable: "KAFKA_BROKERS",
    }),
  kafkaTls: z.stringbool().prefault("false").register(settingNotes, {
    group: "Servers",
    value: "",
    expects: "true or false",
    meaning: "Talk TLS with Kafka.",
    variable: "KAFKA_TLS",
  }),
  kafkaCa: z.string().min(1).optional().register(settingNotes, {
    group: "Servers",
    value: "PATH",
    expects: "the path of a PEM file",
    meaning: "The authority that signed the brokers' certificates, if it is not one that the system trusts.",
    variable: "KAFKA_CA",
  }),
  kafkaSasl: z.enum(["plain", "scram-sha-256", "scram-sha-512"]).optional().register(settingNotes, {
    group: "Servers",
    value: "MECHANISM",
    expects: "plain, scram-sha-256 or scram-sha-512",
    meaning: "How to log in to Kafka; needs --kafka-username and --kafka-password.",
    variable: "KAFKA_SASL",
  }),
  kafkaUsername: z.string().min(1).optional().register(settingNotes, {
    group: "Servers",
    value: "NAME",
    expects: "a name",
    meaning: "Who logs in to Kafka.",
    variable: "KAFKA_USERNAME",
  }),
  kafkaPassword: z.string().min(1).optional().register(settingNotes, {
    group: "Servers",
    value: "TEXT",
    expects: "a password",
    meaning: "Their password. Other users see flags: prefer the file.",
    isSecret: true,
    variable: "KAFKA_PASSWORD",
  }),
  mysqlUrl: url("mysql:").optional().register(settingNotes, {
    group: "Servers",
    value: "URL",
    expects: "mysql://user:password@host:port/database",
    meaning: "The MySQL or MariaDB database of the store; made when it is missing and the user may.",
    isSecret: true,
    variable: "MYSQL_URL",
  }),
  mysqlTls: z.stringbool().prefault("false").register(settingNotes, {
    group: "Servers",
    value: "",
    expects: "true or false",
    meaning: "Talk TLS with MySQL.",
    variable: "MYSQL_TLS",
  }),
  mysqlCa: z.string().min(1).optional().register(settingNotes, {
    group: "Servers",
    value: "PATH",
    expects: "the path of a PEM file",
    meaning: "The authority that signed MySQL's certificate, if it is not one that the system trusts.",
    variable: "MYSQL_CA",
  }),
  redisUrl: url("redis:", "rediss:").optional().register(settingNotes, {
    group: "Servers",
    value: "URL",
    expects: "redis://user:password@host:port/database, or rediss:// with TLS",
    meaning: "Redis, for ?consistency=cached and dashboards.",
    isSecret: true,
    variable: "REDIS_URL",
  }),
  redisCa: z.string().min(1).optional().register(settingNotes, {
    group: "Servers",
    value: "PATH",
    expects: "the path of a PEM file",
    meaning: "The authority that signed Redis's certificate, if it is not one that the system trusts.",
    variable: "REDIS_CA",
  }),
  prefix: z.string().regex(/^[0-9a-z][0-9a-z._-]{0,63}$/).prefault("sensorium").register(settingNotes, {
    group: "Servers",
    value: "NAME",
    expects: "up to 64 of a-z, 0-9, dot, dash and underscore",
    meaning: "First part of the names of topics, groups and keys: of one cluster alone.",
  }),
  entryTopic: topic.prefault("ENTRY").register(settingNotes, {
    group: "Servers",
    value: "TOPIC",
    expects: "a topic's name",
    meaning: "Where other systems put readings, as POST /readings takes them; made when it is missing.",
  }),
  okTopic: topic.prefault("OK").register(settingNotes, {
    group: "Servers",
    value: "TOPIC",
    expects: "a topic's name",
    meaning: 'Where other systems put recoveries: {"id": ...}; made when it is missing.',
  }),
  keyedTopics: topics.optional().register(settingNotes, {
    group: "Servers",
    value: "LIST",
    expects: "names of topics separated by commas, each once",
    meaning:
      "Topics keyed by id, by Kafka's default partitioner, with a partition for each shard: folded directly.",
  }),
  checkpointMs: wholeNumber(10, 60_000).prefault("1000").register(settingNotes, {
    group: "Work",
    value: "MS",
    expects: "a whole number of milliseconds from 10 to 60000",
    meaning:
      "At most between checkpoints of a shard: what a crash may fold again. Nothing accepted is ever lost.",
  }),
  threads: z.literal("auto").transform(() => null).or(wholeNumber(1, 64)).prefault("auto").register(
    settingNotes,
    {
      group: "Work",
      value: "COUNT",
      expects: "a whole number from 1 to 64, or auto",
      meaning: "Threads of a node that fold shards. auto: one for each of its cores but one.",
    },
  ),
  actorMemory: quantity(unitBytes, 16 * 2 ** 20, 2 ** 40).prefault("512MiB").register(settingNotes, {
    group: "Work",
    value: "SIZE",
    expects: "a number and KiB, MiB or GiB, from 16MiB to 1024GiB",
    meaning:
      "Memory of a node's actors; above it those used least lately stay in the store alone until needed.",
  }),
  bodyLimit: quantity(unitBytes, 2 ** 10, 2 ** 30).prefault("8MiB").register(settingNotes, {
    group: "Input",
    value: "SIZE",
    expects: "a number and KiB, MiB or GiB, from 1KiB to 1GiB",
    meaning: "The largest request body, after unpacking.",
  }),
  maxRatePerId: rate.prefault("1000").register(settingNotes, {
    group: "Input",
    value: "COUNT",
    expects: "a whole number from 1 to 1000000, or off",
    meaning: "Readings a second of one id, and ten times as many at once; above it, 429. Not of history.",
  }),
  maxRatePerClient: rate.prefault("off").register(settingNotes, {
    group: "Input",
    value: "COUNT",
    expects: "a whole number from 1 to 1000000, or off",
    meaning:
      "Requests and items a second of one client address, and ten times as many at once; above it, 429.",
  }),
  resultsTopic: topic.prefault("prometheusdata").register(settingNotes, {
    group: "Servers",
    value: "TOPIC",
    expects: "the name of a topic: letters, digits, . _ -",
    meaning: "Where metadata, forecasts and windows of series go, and are stored from.",
  }),
  config: z.string().min(1).max(4096).optional().register(settingNotes, {
    group: "Input",
    value: "FILE",
    expects: "the path of a JSON file",
    meaning:
      "Sources and rules: what is read, which series are analysed, and how; see README. Also over HTTP.",
  }),
  remoteWriteMaxSeries: wholeNumber(1, 10_000_000).prefault("100000").register(settingNotes, {
    group: "Input",
    value: "COUNT",
    expects: "a whole number from 1 to 10000000",
    meaning: "Series that are taken from Prometheus' remote write; further ones are counted, and left out.",
  }),
  timeLogs: z.string().min(1).max(4096).optional().register(settingNotes, {
    group: "Screen",
    value: "DIR",
    expects: "the path of a folder",
    meaning: "Writes how long analyses took into files there; of several nodes into DIR/node-0 and so on.",
  }),
  hostMetrics: z.stringbool().prefault("true").register(settingNotes, {
    group: "Input",
    value: "",
    expects: "true or false",
    meaning: "Do not read this machine's own processor, memory, disks and network every second.",
  }),
  logLevel: z.enum(["error", "warn", "info", "debug"]).prefault("info").register(settingNotes, {
    group: "Screen",
    value: "LEVEL",
    expects: "error, warn, info or debug",
    meaning: "What is written to standard error. debug adds every request, and the stacks of errors.",
  }),
  logFormat: z.enum(["pretty", "json"]).prefault("pretty").register(settingNotes, {
    group: "Screen",
    value: "FORMAT",
    expects: "pretty or json",
    meaning: "json: instead of the screen, one JSON object a line on standard error, for a log collector.",
  }),
});

export type Settings = z.infer<typeof settingsSchema>;

/** A setting as the command line, the environment and the help name it. */
export interface Setting {
  readonly key: keyof Settings;
  readonly schema: z.ZodType;
  readonly flag: string;
  readonly variable: string;
  /** As it would be written; null when there is none. */
  readonly defaultText: string | null;
  readonly isSwitch: boolean;
  readonly note: SettingNote;
}

function describe(key: string, schema: z.ZodType): Setting {
  const note = settingNotes.get(schema);
  if (note === undefined) throw new Error(`The setting ${key} has no note`);
  const words = key.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  return {
    key: settingsSchema.keyof().parse(key),
    schema,
    flag: `--${words}`,
    variable: note.variable ?? `SENSORIUM_${words.toUpperCase().replaceAll("-", "_")}`,
    defaultText: schema instanceof z.ZodPrefault ? String(schema.def.defaultValue) : null,
    isSwitch: note.value === "",
    note,
  };
}

export const settings: readonly Setting[] = Object.entries(settingsSchema.shape)
  .map(([key, schema]) => describe(key, schema));

/** The values of those that are secret, and the passwords in those that are URLs. */
export function secretsOf(values: Settings): string[] {
  const secret = settings.filter(({ note }) => note.isSecret);
  const texts = secret.map(({ key }) => values[key]).filter((value) => typeof value === "string");
  const passwords = texts.map((text) => URL.parse(text)?.password ?? "").filter((text) => text !== "");
  return [...texts, ...passwords, ...passwords.map(decodeURIComponent)];
}
