/** Windows and histories as tables: their columns, and windows as rows, as CSV and `deno task export` show them. */

import { z } from "zod";
import type { CsvValue } from "./csv.ts";

/** After those that say whose it is. */
const windowCells = ["from", "to", "count", "min", "max", "mean", "stdSample", "stdPopulation"] as const;

export const windowColumns = ["channel", "window", ...windowCells] as const;
export const pointColumns = [
  "start",
  "count",
  "min",
  "max",
  "mean",
  "sum",
  "stdSample",
  "stdPopulation",
] as const;

export const tableCell = z.union([z.string(), z.number()]).nullable();

/** What of an answer is a table: statistics by channel, by window. */
export const WindowTable = z.object({
  channels: z.record(z.string(), z.record(z.string(), z.record(z.string(), z.unknown()))),
});

/** A row for each channel and window; what a window does not have is null. Throws on another answer. */
export function windowRows(answer: unknown): Readonly<Record<string, CsvValue>>[] {
  const { channels } = WindowTable.parse(answer);
  return Object.entries(channels).flatMap(([channel, windows]) =>
    Object.entries(windows).map(([window, statistics]) => {
      const cells = windowCells.map((name) => [name, tableCell.parse(statistics[name] ?? null)]);
      return { channel, window, ...Object.fromEntries(cells) };
    })
  );
}
