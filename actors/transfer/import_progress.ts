/** How far an import is, and what came of it, as text. */

import { sizeText } from "../cli/size_text.ts";

export interface ImportTally {
  rows: number;
  bytes: number;
  forgotten: number;
  badLines: number;
  files: number;
  /** Files of which all was imported before. */
  filesBefore: number;
  filesFailed: number;
}

export function emptyTally(): ImportTally {
  return { rows: 0, bytes: 0, forgotten: 0, badLines: 0, files: 0, filesBefore: 0, filesFailed: 0 };
}

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const barUnits = 20;

function counted(count: number, noun: string, plural = `${noun}s`): string {
  return `${whole.format(count)} ${count === 1 ? noun : plural}`;
}

/** `[######..............]  31 %, 12.1 MiB of 38.9 MiB, 240,000 rows/s, 4 s left` */
export function progressText({ rows, bytes }: ImportTally, totalBytes: number, tookMs: number): string {
  const share = totalBytes === 0 ? 1 : Math.min(1, bytes / totalBytes);
  const filled = Math.floor(share * barUnits);
  const bar = "#".repeat(filled).padEnd(barUnits, ".");
  const leftS = share === 0 ? null : Math.ceil(tookMs * (1 - share) / share / 1000);
  return [
    `[${bar}] ${String(Math.floor(share * 100)).padStart(3)} %`,
    `${sizeText(bytes)} of ${sizeText(totalBytes)}`,
    `${whole.format(rows / (tookMs / 1000))} rows/s`,
    ...leftS === null ? [] : [`${leftS} s left`],
  ].join(", ");
}

export function closingText(tally: ImportTally, tookMs: number): string {
  const { rows, forgotten, badLines, files, filesBefore, filesFailed } = tally;
  const seconds = tookMs / 1000;
  const lines = [
    `${counted(rows, "row")} of ${counted(files, "file")} in ${seconds.toFixed(1)} s (${
      whole.format(rows / seconds)
    } rows/s)`,
    ...filesBefore === 0 ? [] : [`${counted(filesBefore, "file")} had been imported before`],
    ...badLines === 0 ? [] : [`${counted(badLines, "line")} refused`],
    ...filesFailed === 0 ? [] : [`${counted(filesFailed, "file")} failed`],
    ...forgotten === 0 ? [] : [
      `${counted(forgotten, "row")} ${
        forgotten === 1 ? "is" : "are"
      } older than the node keeps history, so that ` +
      "only totals go on counting them: start it with a longer --retention",
    ],
  ];
  return `${lines.join("\n")}\n`;
}
