/**
 * `deno task bench:kafka`: see `--help`. Exit codes: 0 every target is met, 1 one is missed or a measurement failed,
 * 2 wrong usage.
 */

import { failureExitCode, Refusal } from "../../../actors/cli/refusal.ts";
import { untilStopSignal } from "../../../actors/cli/stop_signal.ts";
import type { TaskArguments, TaskSpec } from "../../../actors/cli/read_arguments.ts";
import { runTask } from "../../../actors/cli/run_task.ts";
import { findProgram } from "../../../deploy/services/programs.ts";
import { machineText } from "../machine.ts";
import { measureAll, writeResults } from "../report.ts";
import { away } from "./away.ts";
import { startServers } from "./bench_servers.ts";
import { keyed, rekeyed } from "./from_topic.ts";
import type { KafkaFigure, KafkaRun, Score } from "./kafka_figure.ts";
import { hosts, nodes } from "./nodes.ts";
import { http, latency } from "./over_http.ts";
import { peer } from "./peer.ts";
import { Topics } from "./topics.ts";

/** In this order: the peer comes last, to be compared with what was measured before. */
const figures: readonly KafkaFigure[] = [keyed, rekeyed, http, latency];
const allFigures = [...figures, nodes, hosts, away, peer];

function namesOf(list: readonly KafkaFigure[]): string {
  return list.map(({ name }) => name).join(",");
}

const defaults = { seconds: 30, rounds: 3 } as const;
/** So many records lie in a topic for each second that a figure is to last: the most that is wanted of one. */
const recordsPerSecond = 150_000;

const spec: TaskSpec = {
  task: "bench:kafka",
  doing: "Cannot measure",
  introduction:
    `Measures a node on Kafka and MySQL. Both run on this machine's cores, too, as do the node and whoever loads it.

  deno task bench:kafka [--only LIST] [--peer] [--seconds N] [--rounds N] [--write]

${allFigures.map(({ name, meaning }) => `  ${name.padEnd(10)} ${meaning}`).join("\n")}

It starts servers of its own, on free ports and in a folder that it removes; they need Java 17 and MariaDB (deno task
services up --install brings both), some GiB of disk, and about ten minutes. What a node has folded is verified, sensor
by sensor, or the figure is missed. The exit code is 1 when a target is missed.`,
  operand: null,
  flags: {
    "--only": {
      form: "LIST",
      meaning: `of ${namesOf(allFigures)} (${namesOf(figures)})`,
    },
    "--peer": {
      form: null,
      meaning: "Kafka Streams on the same topics, and ratios (needs javac; fetches 73 MB once)",
    },
    "--seconds": {
      form: "N",
      meaning:
        `how long a figure lasts at its target: a topic has N × ${recordsPerSecond} records (${defaults.seconds})`,
    },
    "--rounds": {
      form: "N",
      meaning: `how often a topic is folded; the median is told (${defaults.rounds})`,
    },
    "--write": { form: null, meaning: "append the table to tests/bench/RESULTS.md" },
  },
};

function wholeNumber({ flags }: TaskArguments, name: keyof typeof defaults): number {
  const text = flags.get(`--${name}`);
  if (text === undefined) return defaults[name];
  if (/^[1-9]\d{0,3}$/.test(text)) return Number(text);
  throw new Refusal(`Cannot measure with --${name} ${text}: it takes a whole number from 1 to 9999.`);
}

function chosen({ flags }: TaskArguments): readonly KafkaFigure[] {
  const names = flags.get("--only")?.split(",").map((name) => name.trim()) ?? figures.map(({ name }) => name);
  const unknown = names.find((name) => allFigures.every((figure) => figure.name !== name));
  if (unknown !== undefined) {
    throw new Refusal(
      `Cannot measure "${unknown}": --only takes one or more of ${
        allFigures.map(({ name }) => name).join(",")
      }.`,
    );
  }
  const wanted = flags.has("--peer") ? [...names, peer.name] : names;
  return allFigures.filter(({ name }) => wanted.includes(name));
}

function needPrograms(): void {
  const missing = ["java", "mariadbd", "mariadb-install-db"].filter((name) => findProgram(name) === null);
  if (missing.length === 0) return;
  throw new Refusal(
    `Cannot measure: ${
      missing.join(", ")
    } not found. \`deno task services up --install\`, as root, installs what the ` +
      "servers need.",
  );
}

/** A signal ends the servers first: they are in sessions of their own, which no Ctrl-C reaches. */
function endWith(starting: Promise<AsyncDisposable>): void {
  void untilStopSignal().then(async () => {
    const servers = await starting;
    await servers[Symbol.asyncDispose]();
    Deno.exit(failureExitCode);
  });
}

async function work(given: TaskArguments): Promise<number> {
  const wanted = chosen(given);
  const options = {
    seconds: wholeNumber(given, "seconds"),
    rounds: wholeNumber(given, "rounds"),
    isWritten: given.flags.has("--write"),
  };
  needPrograms();
  const machine = machineText();
  console.log(`${machine}\n`);
  const starting = startServers();
  endWith(starting);
  await using servers = await starting;
  const run: KafkaRun = {
    ...options,
    servers,
    topics: new Topics(servers.brokers, options.seconds * recordsPerSecond),
    scores: new Map<string, Score>(),
  };
  const rows = await measureAll(
    wanted.map(({ name, meaning, run: measure }) => ({ name, meaning, run: () => measure(run) })),
    options,
  );
  if (options.isWritten) await writeResults(["deno task bench:kafka", ...Deno.args].join(" "), machine, rows);
  return rows.every(({ isMet }) => isMet !== false) ? 0 : 1;
}

await runTask(spec, Deno.args, work);
