/** `deno task bench [figure...]`: measures, prints a table, and with `--write` keeps it in RESULTS.md. */

import { parseArgs } from "node:util";
import { errorMessage } from "../../runtime/core/errors.ts";
import { analysis } from "./analysis.ts";
import { askLatency } from "./ask_latency.ts";
import { csvImport } from "./csv_import.ts";
import { besideAnalyses } from "./beside_analyses.ts";
import type { Figure } from "./figure.ts";
import { hostDeath, hostHang, nodeDeath } from "./failover.ts";
import { firstReading } from "./first_reading.ts";
import { folding } from "./folding.ts";
import { growth } from "./growth.ts";
import { ingestion } from "./ingestion.ts";
import { machineText } from "./machine.ts";
import { memory } from "./memory.ts";
import { overload } from "./overload.ts";
import { peers } from "./peers/peers.ts";
import { poison } from "./poison.ts";
import { queryLatency } from "./query_latency.ts";
import { recovery } from "./recovery.ts";
import { measureAll, writeResults } from "./report.ts";
import { remoteWrite } from "./remote_write.ts";
import { scale } from "./scale.ts";
import { scrape } from "./scrape.ts";
import { singleReading } from "./single_reading.ts";
import { soak } from "./soak.ts";
import { start } from "./start.ts";
import { watchdog } from "./watchdog.ts";

const figures: readonly Figure[] = [
  folding,
  poison,
  ingestion,
  singleReading,
  queryLatency,
  askLatency,
  start,
  recovery,
  hostDeath,
  hostHang,
  nodeDeath,
  memory,
  overload,
  firstReading,
  scrape,
  remoteWrite,
  csvImport,
  analysis,
  besideAnalyses,
];
/** Too long to be measured unasked, or not about this project alone. */
const longFigures: readonly Figure[] = [growth, scale, soak, peers, watchdog];
const allFigures = [...figures, ...longFigures];

function helpText(): string {
  return [
    "Measures this machine's figures: deno task bench [figure...] [--seconds 60] [--rounds 3] [--write]",
    "",
    ...allFigures.map(({ name, meaning }) => `  ${name.padEnd(10)} ${meaning}`),
    "",
    `Without a name all are measured but ${longFigures.map(({ name }) => name).join(", ")}.`,
    "--write appends the table to tests/bench/RESULTS.md.",
  ].join("\n");
}

function exitWith(sentence: string): never {
  console.error(sentence);
  Deno.exit(2);
}

function readArguments() {
  try {
    return parseArgs({
      args: [...Deno.args],
      allowPositionals: true,
      options: {
        seconds: { type: "string", default: "60" },
        rounds: { type: "string", default: "3" },
        write: { type: "boolean", default: false },
        peers: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
  } catch (thrown) {
    exitWith(`${errorMessage(thrown)}. See --help.`);
  }
}

function wholeNumber(name: string, text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) exitWith(`--${name} ${text}: a whole number above 0 is needed.`);
  return Number(text);
}

function chosen(names: readonly string[]): readonly Figure[] {
  const unknown = names.find((name) => allFigures.every((figure) => figure.name !== name));
  if (unknown !== undefined) exitWith(`There is no figure ${unknown}. See --help.`);
  return names.length === 0 ? figures : allFigures.filter(({ name }) => names.includes(name));
}

const { values, positionals } = readArguments();
if (values.help) {
  console.log(helpText());
  Deno.exit(0);
}
const options = {
  seconds: wholeNumber("seconds", values.seconds),
  rounds: wholeNumber("rounds", values.rounds),
  isWritten: values.write,
};
const wanted = chosen(values.peers ? [...positionals, peers.name] : positionals);
const machine = machineText();
console.log(`${machine}\n`);
const rows = await measureAll(wanted, options);
if (values.write) await writeResults(["deno task bench", ...Deno.args].join(" "), machine, rows);
Deno.exit(rows.every(({ isMet }) => isMet !== false) ? 0 : 1);
