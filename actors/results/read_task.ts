/**
 * The command line and the environment of `deno task results`, read.
 *
 * 1. Servers, topic and retention are read as a node reads them, so that what starts a node starts the task as well.
 * 2. What of a node's settings the task has no use for is left alone; what nobody knows is refused.
 */

import { readSettings } from "../cli/read_settings.ts";
import { type Redactor, redactor } from "../cli/redact.ts";
import { Refusal } from "../cli/refusal.ts";
import { type ReadText, serversOf } from "../cli/servers.ts";
import type { Environment, TaskArguments, TaskSpec } from "../cli/read_arguments.ts";
import type { Servers } from "../../runtime/node/options.ts";
import { secretsOf, type Setting, type Settings, settings } from "../settings.ts";

export const spec: TaskSpec = {
  task: "results",
  doing: "Cannot store results",
  introduction: `Stores what programs write to the topic of results (prometheusdata) in tables of
MySQL or MariaDB, each result once, without a node.

  KAFKA_BROKERS=k:9092 MYSQL_URL=mysql://u:p@m/db deno task results
  KAFKA_BROKERS=k:9092 deno task results --mysql-url-file /run/secrets/mysql

Topic, database and tables are made when they are missing. As many as you like
may run, and nodes beside them, which store results as well: they share the
topic's partitions. It runs until it is stopped (Ctrl-C, SIGTERM), waits for
servers that are away, and goes on where the last one stopped.

What records look like, and the tables: actors/results/README.md

KAFKA_TLS, KAFKA_CA, KAFKA_SASL, KAFKA_USERNAME, KAFKA_PASSWORD, MYSQL_TLS and
MYSQL_CA are as of a node: deno task start cluster --help`,
  operand: null,
  flags: {
    "--kafka-brokers": { form: "LIST", meaning: "host:port of one or more brokers (KAFKA_BROKERS)" },
    "--mysql-url-file": { form: "PATH", meaning: "a file that holds mysql://user:password@host/database" },
    "--mysql-url": { form: "URL", meaning: "the same, which other users see (MYSQL_URL)" },
    "--results-topic": { form: "TOPIC", meaning: "default prometheusdata (SENSORIUM_RESULTS_TOPIC)" },
    "--prefix": { form: "NAME", meaning: "the group is NAME.results (SENSORIUM_PREFIX)" },
    "--retention": { form: "TIME", meaning: "how long rows are kept, default 7d (SENSORIUM_RETENTION)" },
  },
};

const usedKeys: ReadonlySet<keyof Settings> = new Set([
  "kafkaBrokers",
  "kafkaTls",
  "kafkaCa",
  "kafkaSasl",
  "kafkaUsername",
  "kafkaPassword",
  "mysqlUrl",
  "mysqlTls",
  "mysqlCa",
  "prefix",
  "resultsTopic",
  "retention",
]);

export interface ResultsTask {
  readonly servers: Servers;
  readonly topic: string;
  readonly retentionMs: number;
  /** Keeps the settings' secrets out of what is said. */
  readonly redactor: Redactor;
}

function namesOf({ variable, note }: Setting): readonly string[] {
  return note.isSecret ? [variable, `${variable}_FILE`] : [variable];
}

const unused = new Set(settings.filter(({ key }) => !usedKeys.has(key)).flatMap(namesOf));

/** Throws a `Refusal`. */
export function readTask(
  { flags }: TaskArguments,
  environment: Environment,
  readText: ReadText,
): ResultsTask {
  const args = [...flags].map(([flag, value]) => `${flag}=${value}`);
  const used = Object.fromEntries(Object.entries(environment).filter(([name]) => !unused.has(name)));
  return inOwnWords(() => {
    const read = readSettings({ args, environment: used, readText });
    const missing = settings.filter(({ key }) =>
      (key === "kafkaBrokers" || key === "mysqlUrl") && read[key] === undefined
    ).map(({ variable }) => variable);
    const servers = missing.length > 0 ? null : serversOf(read, readText);
    if (servers === null) {
      const are = missing.length === 1 ? "is" : "are";
      throw new Refusal(
        `Cannot start: ${
          missing.join(" and ")
        } ${are} not set. Results are read from Kafka and stored in MySQL: ` +
          "set KAFKA_BROKERS and MYSQL_URL.",
      );
    }
    return {
      servers,
      topic: read.resultsTopic,
      retentionMs: read.retention,
      redactor: redactor(secretsOf(read)),
    };
  });
}

/** A node's refusals say that it cannot start. */
function inOwnWords<T>(read: () => T): T {
  try {
    return read();
  } catch (thrown) {
    if (!(thrown instanceof Refusal)) throw thrown;
    const sentence = thrown.message.replace(/^Cannot start/, spec.doing)
      .replace("deno task start cluster --help", `deno task ${spec.task} --help`);
    throw new Refusal(sentence, { cause: thrown });
  }
}
