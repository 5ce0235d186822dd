/**
 * `deno task chaos`: see `--help`. Exit codes: 0 nothing lost, nothing twice, every recovery in time; 1 not so; 2 wrong
 * usage.
 */

import { parseArgs } from "node:util";
import { errorMessage } from "../../runtime/core/errors.ts";
import { machineText, readMachineTime, stolenText } from "../bench/machine.ts";
import { verificationText } from "../verify/verifier.ts";
import { type ChaosReport, condemnedThreads, type PlayedRound, runChaos } from "./chaos_run.ts";
import { ratePerSecond, sensors } from "./load.ts";
import { faultText, recoveryText, reportText, seconds } from "./report.ts";

const defaultMinutes = 5;
/** Three checkpoints at the most: faults shall meet long replays as well as short ones. */
const maxAfterMs = 3000;
/** Long enough for the bounds of what waits to be met, and for every deadline of the store's. */
const awayTimes = { stopMs: 60_000, pauseMs: 15_000, nodeMs: 20_000 };

const help =
  `Starts a node as a user does, loads it, breaks it again and again, and has every answer recomputed.

  deno task chaos [--nodes N | --servers] [--brokers N] [--minutes ${defaultMinutes}] [--rounds N] [--seed S]
                   [--only LIST] [--write]

  --servers  a node on Kafka, MySQL and Redis, which are started for the run alone and broken, too
  --nodes    so many nodes on such servers: all but one share a launcher, and one has its own, in a network of its own
  --brokers  of how many brokers Kafka consists, 1 or 3: 1 with --servers, 3 with --nodes, unless given
  --minutes  no round begins later than this; ${defaultMinutes} unless --rounds is given
  --rounds   how many faults there are at most
  --seed     decides which faults come, when, for how long and where; a random one, unless given, and always printed
  --only     some of the faults alone, by their names, with commas between them
  --write    appends the report to tests/bench/RESULTS.md

Faults: kill -9 of the node, kill -9 of launcher and node, SIGSTOP and SIGCONT, a query or a message that never comes
back or exhausts its thread's heap, a full disk. With --servers: kill -9 of the node, of Kafka, of one of its three
brokers, of MariaDB, of Redis; MariaDB stopped for ${awayTimes.stopMs / 1000} s; SIGSTOP of MariaDB for ${
    awayTimes.pauseMs / 1000
  } s. With --nodes: kill -9 of a
node, of two, of launcher and node; SIGSTOP of a node, of launcher and node, and a network cut, for ${
    awayTimes.nodeMs / 1000
  } s each; a node
stopped in good order; other numbers of nodes; a thread's heap exhausted; kill -9 of servers. Of so many rounds in a row
as there are faults each has one.

Each round begins when all have recovered and take readings again: ${ratePerSecond.oneNode}/s of ${sensors} sensors, or
${ratePerSecond.severalNodes}/s where there are several nodes. They have recovered when every shard takes a reading and a strict query counts it,
and after Redis's death when cached reads come from it again. A killed server's own start is not counted.

The data lie on a small disk of their own, which needs root to be mounted; without it there is no full disk, nor a
network cut, and the run says so. With --servers and --nodes they lie in the folder for temporary files (TMPDIR), and
what \`deno task services up\` needs is needed. When something is wrong, the data are kept and the run says where.

The same seed breaks the same things in the same order. What the machine makes of it differs from run to run.
`;

function refuse(sentence: string): never {
  console.error(`${sentence} See deno task chaos --help.`);
  Deno.exit(2);
}

function readArguments() {
  try {
    return parseArgs({
      args: [...Deno.args],
      options: {
        minutes: { type: "string" },
        rounds: { type: "string" },
        only: { type: "string" },
        seed: { type: "string" },
        brokers: { type: "string" },
        nodes: { type: "string" },
        servers: { type: "boolean", default: false },
        write: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    }).values;
  } catch (thrown) {
    refuse(`${errorMessage(thrown)}.`);
  }
}

function wholeNumber(name: string, text: string | undefined, least: number): number | null {
  if (text === undefined) return null;
  if (/^\d{1,9}$/.test(text) && Number(text) >= least) return Number(text);
  refuse(`--${name} ${text}: a whole number from ${least} on is needed.`);
}

function brokersOf(text: string | undefined, isOnServers: boolean, nodes: number): 1 | 3 {
  if (text !== undefined && !isOnServers && nodes === 1) refuse("--brokers is for --servers and --nodes.");
  if (text === undefined) return nodes > 1 ? 3 : 1;
  if (text === "1") return 1;
  if (text === "3") return 3;
  refuse(`--brokers ${text}: 1 or 3 is needed.`);
}

function showRound(round: PlayedRound): void {
  const { number, atMs, fault } = round;
  const [place, at] = [`${number}`.padStart(4), seconds(atMs).padStart(9)];
  console.log(`${place} ${at}  ${faultText(fault).padEnd(28)} recovered in ${recoveryText(round)}`);
}

async function write(title: string, lines: readonly string[]): Promise<void> {
  const path = new URL("../bench/RESULTS.md", import.meta.url).pathname;
  Deno.writeTextFileSync(path, `\n${[title, ...lines].join("\n\n")}\n`, { append: true });
  // The formatter aligns the tables; the gate would refuse them otherwise.
  await new Deno.Command(Deno.execPath(), { args: ["fmt", "--quiet", path] }).output();
}

async function main(): Promise<number> {
  const values = readArguments();
  if (values.help) {
    console.log(help);
    return 0;
  }
  const seed = wholeNumber("seed", values.seed, 0) ?? Date.now() % 1_000_000;
  const rounds = wholeNumber("rounds", values.rounds, 1) ?? Infinity;
  const minutes = wholeNumber("minutes", values.minutes, 1) ??
    (rounds === Infinity ? defaultMinutes : Infinity);
  const nodes = wholeNumber("nodes", values.nodes, 1) ?? 1;
  const brokers = brokersOf(values.brokers, values.servers, nodes);
  const again = [
    `deno task chaos --seed ${seed}`,
    ...values.servers ? ["--servers"] : [],
    ...nodes > 1 ? [`--nodes ${nodes}`] : [],
    ...values.brokers === undefined ? [] : [`--brokers ${brokers}`],
    ...values.only === undefined ? [] : [`--only ${values.only}`],
    ...rounds === Infinity ? [] : [`--rounds ${rounds}`],
    ...minutes === Infinity ? [] : [`--minutes ${minutes}`],
  ].join(" ");
  const machine = machineText();
  console.log(`${machine}\n${again}\n`);
  const abort = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(signal, () => abort.abort());
  const before = await readMachineTime();
  let report: ChaosReport;
  try {
    report = await runChaos({
      seed,
      rounds,
      forMs: minutes * 60_000,
      maxAfterMs,
      only: values.only?.split(",") ?? null,
      onServers: nodes > 1 || values.servers ? { brokers, nodes, ...awayTimes } : null,
      onRound: showRound,
      onNote: (sentence) => console.error(`\n${sentence}\n`),
      abort: abort.signal,
    });
  } catch (thrown) {
    console.error(`\n${errorMessage(thrown)}\nAgain: ${again}`);
    return 1;
  }
  const text = reportText(report);
  console.log(`\n${text}\n\n${verificationText(report.verification)}`);
  if (values.write) {
    const stolen = stolenText(before, await readMachineTime());
    const about = `${machine}, ${Deno.loadavg()[0]!.toFixed(1)} after` +
      (stolen === "" ? "" : `; ${stolen} of the processors' time went to other machines`) +
      `; ${report.ground}`;
    const who = nodes > 1 ? `chaos among ${nodes} nodes` : "chaos";
    const what = report.isStrict ? `${who} on Kafka, MariaDB and Redis` : who;
    await write(
      `## ${new Date().toISOString().slice(0, 16).replace("T", " ")} UTC: ${what}`,
      [about, `\`${again}\``, text],
    );
  }
  if (report.keptFolder !== null) console.error(`\nThe data are kept in ${report.keptFolder}`);
  const isGood = report.keptFolder === null && !report.rounds.some(({ isLate }) => isLate) &&
    !(report.isStrict && condemnedThreads(report) > 0);
  if (!isGood) console.error(`Again: ${again}`);
  return isGood ? 0 : 1;
}

Deno.exit(await main());
