/** The command line of `deno task services`, read. */

import { nearest } from "../../actors/cli/nearest.ts";
import { Refusal } from "../../actors/cli/refusal.ts";
import type { TaskArguments, TaskSpec } from "../../actors/cli/read_arguments.ts";
import { brokerCounts, defaultPorts } from "./limits.ts";
import { type Kind, kinds } from "./state.ts";

const defaultFolder = "services";

const verbs = ["up", "down", "status"] as const;
export type Verb = (typeof verbs)[number];

export interface ServicesCommand {
  readonly verb: Verb;
  readonly folder: string;
  readonly only: readonly Kind[];
  /** By kind: what a flag says; 0: any that is free. */
  readonly ports: Readonly<Partial<Record<Kind, number>>>;
  /** How many Kafka brokers; null: as many as there were. */
  readonly brokers: number | null;
  readonly install: boolean;
  readonly env: boolean;
  readonly delete: boolean;
}

const portFlags = { kafka: "--kafka-port", mariadb: "--mysql-port", redis: "--redis-port" } as const;

/** The flag that sets a server's port. */
export function portFlag(kind: Kind): string {
  return portFlags[kind];
}

const flagsOf: Readonly<Record<Verb, readonly string[]>> = {
  up: ["--data", "--only", "--brokers", "--install", "--env", ...Object.values(portFlags)],
  down: ["--data", "--only", "--delete"],
  status: ["--data", "--only"],
};

export const spec: TaskSpec = {
  task: "services",
  doing: "Cannot serve",
  introduction: `Real servers for development and tests: Kafka, MariaDB and Redis, on this machine
alone (127.0.0.1) and without passwords.

  deno task services up        start what is not running; it stays when the task ends
  deno task services status    what runs, where, since when; exit code 1 unless all do
  deno task services down      stop it; with --delete, its data goes, too

A node on them, and the tests that need them:

  KAFKA_BROKERS=127.0.0.1:${defaultPorts.kafka} MYSQL_URL=mysql://root@127.0.0.1:${defaultPorts.mariadb}/sensorium \\
    REDIS_URL=redis://127.0.0.1:${defaultPorts.redis} deno task start cluster
  eval "$(deno task services up --env)" && deno task test

They are Java 17 or later, MariaDB and Redis of this system (--install fetches
what is missing, with apt-get, as root), and Kafka's jars from Maven Central
(45 MB, once, below ~/.cache/sensorium; MAVEN_REPOSITORY_URL names a mirror).
Each server's log is DIR/<server>/server.log.`,
  operand: "what to do: up, down or status",
  flags: {
    "--data": { form: "DIR", meaning: `the servers' folder (./${defaultFolder})` },
    "--only": { form: "NAMES", meaning: `some of ${kinds.join(",")} (all)` },
    "--kafka-port": {
      form: "PORT",
      meaning: `up: Kafka's port (${defaultPorts.kafka}); 0: any that is free`,
    },
    "--mysql-port": { form: "PORT", meaning: `up: MariaDB's (${defaultPorts.mariadb})` },
    "--redis-port": { form: "PORT", meaning: `up: Redis' (${defaultPorts.redis})` },
    "--brokers": {
      form: "N",
      meaning: `up: Kafka brokers, ${brokerCounts.join(" or ")}, on ports in a row (as before, or 1)`,
    },
    "--install": { form: null, meaning: "up: install the Debian packages that are missing" },
    "--env": { form: null, meaning: "up: print nothing but what sets the tests' variables in a shell" },
    "--delete": { form: null, meaning: "down: remove the servers' data" },
  },
};

/** Throws a `Refusal`. */
export function readCommand({ operand, flags }: TaskArguments): ServicesCommand {
  const verb = verbs.find((each) => each === operand);
  if (verb === undefined) {
    const near = nearest(operand, verbs);
    const hint = near === null ? "It is up, down or status." : `Did you mean ${near}?`;
    throw new Refusal(`Cannot "${operand}" services. ${hint} See: deno task services --help`);
  }
  for (const flag of flags.keys()) {
    if (flagsOf[verb].includes(flag)) continue;
    const others = verbs.filter((each) => flagsOf[each].includes(flag)).join(" and ");
    throw new Refusal(`Cannot use ${flag} with "services ${verb}": it is for ${others}.`);
  }
  return {
    verb,
    folder: flags.get("--data") ?? defaultFolder,
    only: readOnly(flags.get("--only")),
    ports: readPorts(flags),
    brokers: readBrokers(flags.get("--brokers")),
    install: flags.has("--install"),
    env: flags.has("--env"),
    delete: flags.has("--delete"),
  };
}

function readOnly(text: string | undefined): readonly Kind[] {
  if (text === undefined) return kinds;
  const names = text.split(",").map((name) => name.trim());
  const wrong = names.find((name) => !kinds.some((kind) => kind === name));
  if (wrong !== undefined) {
    throw new Refusal(`Cannot serve "${wrong}": --only takes one or more of ${kinds.join(",")}.`);
  }
  return kinds.filter((kind) => names.includes(kind));
}

function readBrokers(text: string | undefined): number | null {
  if (text === undefined) return null;
  const count = brokerCounts.find((each) => text === `${each}`);
  if (count !== undefined) return count;
  throw new Refusal(
    `Cannot start ${text} Kafka brokers: --brokers takes ${
      brokerCounts.join(" or ")
    }. Of two, neither goes on ` +
      "without the other.",
  );
}

function readPorts(flags: TaskArguments["flags"]): Partial<Record<Kind, number>> {
  const ports: Partial<Record<Kind, number>> = {};
  for (const kind of kinds) {
    const text = flags.get(portFlags[kind]);
    if (text === undefined) continue;
    const port = /^\d{1,5}$/.test(text) ? Number(text) : Infinity;
    if (port > 65535) {
      throw new Refusal(
        `Cannot listen on port "${text}": ${portFlags[kind]} takes a number from 0 to 65535.`,
      );
    }
    ports[kind] = port;
  }
  return ports;
}
