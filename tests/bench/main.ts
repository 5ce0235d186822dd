/** `deno task bench [figure...]`: measures, prints a table, and with `--write` keeps it in RESULTS.md. */

import { parseArgs } from "node:util";
import { askLatency } from "./ask_latency.ts";
import type { BenchOptions, Figure, Row } from "./figure.ts";
import { hostDeath, hostHang, nodeDeath } from "./failover.ts";
import { firstReading } from "./first_reading.ts";
import { folding } from "./folding.ts";
import { growth } from "./growth.ts";
import { ingestion } from "./ingestion.ts";
import { machineText, readMachineTime, stolenText } from "./machine.ts";
import { memory } from "./memory.ts";
import { overload } from "./overload.ts";
import { peers } from "./peers/peers.ts";
import { poison } from "./poison.ts";
import { queryLatency } from "./query_latency.ts";
import { recovery } from "./recovery.ts";
import { scale } from "./scale.ts";
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
    exitWith(`${thrown instanceof Error ? thrown.message : String(thrown)}. See --help.`);
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

/** With the share of the processors' time that other machines took meanwhile: a figure with much of it says little. */
interface MeasuredRow extends Row {
  readonly stolen: string;
}

function verdict(isMet: boolean | null): string {
  return isMet === null ? "" : isMet ? "yes" : "NO";
}

function tableText(rows: readonly MeasuredRow[]): string {
  const lines = rows.map((row) => {
    const { figure, target, measured, isMet, serverCpu, clientCpu, stolen } = row;
    const cells = [figure, target, measured, verdict(isMet), serverCpu, clientCpu, stolen];
    return `| ${cells.join(" | ")} |`;
  });
  return [
    "| figure | target | measured | met | server's processor time | client's | stolen |",
    "| --- | --- | --- | --- | --- | --- | --- |",
    ...lines,
  ].join("\n");
}

function print(row: Row, stolen: string): void {
  const target = row.target === "" ? "" : `   wanted ${row.target}: ${verdict(row.isMet)}`;
  console.log(`${row.figure}\n    ${row.measured}${target}`);
  if (row.details !== undefined) console.log(`\n${row.details}\n`);
  if (row.serverCpu !== "") console.log(`    server ${row.serverCpu}; client ${row.clientCpu || "none"}`);
  if (stolen !== "") console.log(`    ${stolen} of the processors' time went to other machines`);
}

async function measureAll(wanted: readonly Figure[], options: BenchOptions): Promise<readonly MeasuredRow[]> {
  const rows: MeasuredRow[] = [];
  for (const figure of wanted) {
    const before = await readMachineTime();
    const measured = await figure.run(options);
    const stolen = stolenText(before, await readMachineTime());
    for (const row of measured) {
      print(row, stolen);
      rows.push({ ...row, stolen });
    }
  }
  return rows;
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
if (values.write) {
  const title = `## ${new Date().toISOString().slice(0, 16).replace("T", " ")} UTC`;
  const command = ["deno task bench", ...Deno.args].join(" ");
  const parts = [
    title,
    machine,
    `\`${command}\``,
    tableText(rows),
    ...rows.flatMap((row) => row.details ?? []),
  ];
  const text = `\n${parts.join("\n\n")}\n`;
  const path = new URL("RESULTS.md", import.meta.url).pathname;
  Deno.writeTextFileSync(path, text, { append: true });
  // The formatter aligns the table; the gate would refuse it otherwise.
  await new Deno.Command(Deno.execPath(), { args: ["fmt", "--quiet", path] }).output();
}
Deno.exit(rows.every(({ isMet }) => isMet !== false) ? 0 : 1);
