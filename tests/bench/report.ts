/** Runs figures one after another, prints them, and keeps them in RESULTS.md. */

import { dirname } from "node:path";
import type { BenchOptions, Figure, Row } from "./figure.ts";
import { readMachineTime, stolenText } from "./machine.ts";

/** With the share of the processors' time that other machines took meanwhile: a figure with much of it says little. */
export interface MeasuredRow extends Row {
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

export async function measureAll(
  wanted: readonly Figure[],
  options: BenchOptions,
): Promise<readonly MeasuredRow[]> {
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

/**
 * Appends a section to RESULTS.md.
 *
 * @param command what was run, as it was typed
 * @param machine as `machineText` told before it
 */
export async function writeResults(
  command: string,
  machine: string,
  rows: readonly MeasuredRow[],
): Promise<void> {
  const title = `## ${new Date().toISOString().slice(0, 16).replace("T", " ")} UTC`;
  const details = rows.flatMap((row) => row.details ?? []);
  const text = `\n${[title, machine, `\`${command}\``, tableText(rows), ...details].join("\n\n")}\n`;
  const path = new URL("RESULTS.md", import.meta.url).pathname;
  Deno.writeTextFileSync(path, text, { append: true });
  // The formatter aligns the table and indents charts; the gate would refuse them otherwise.
  await new Deno.Command(Deno.execPath(), { args: ["fmt", "--quiet", dirname(path)] }).output();
}
