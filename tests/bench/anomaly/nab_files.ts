/** Reads a folder of the Numenta Anomaly Benchmark's layout: `data/<category>/<file>.csv` and `labels/`. */

import { join } from "node:path";
import { z } from "zod";
import { Refusal } from "../../../actors/cli/refusal.ts";
import type { Window } from "./nab_score.ts";

export interface LabelledFile {
  /** As the labels name it: `category/file.csv`. */
  readonly name: string;
  readonly timesMs: readonly number[];
  readonly values: readonly number[];
  readonly windows: readonly Window[];
}

const labelsSchema = z.record(z.string(), z.array(z.tuple([z.string(), z.string()])));

function readText(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (cause) {
    throw new Refusal(
      `Cannot score anomalies: ${path} cannot be read. Name a folder with data/ and labels/combined_windows.json, ` +
        "as github.com/numenta/NAB has them.",
      { cause },
    );
  }
}

/** `2014-04-01 00:00:00`, with or without a fraction, as UTC; NaN for anything else. */
function timeMs(text: string): number {
  return Date.parse(`${text.replace(" ", "T")}Z`);
}

function readRows(path: string): Pick<LabelledFile, "timesMs" | "values"> {
  const timesMs: number[] = [];
  const values: number[] = [];
  const lines = readText(path).split(/\r?\n/);
  lines.slice(1).forEach((line, i) => {
    if (line === "") return;
    const [time = "", value = ""] = line.split(",");
    if (Number.isNaN(timeMs(time)) || value === "" || Number.isNaN(Number(value))) {
      throw new Refusal(
        `Cannot score anomalies: line ${i + 2} of ${path} is "${line}"; a time and a number are needed.`,
      );
    }
    timesMs.push(timeMs(time));
    values.push(Number(value));
  });
  return { timesMs, values };
}

function windowOf(name: string, timesMs: readonly number[], [from, to]: readonly [string, string]): Window {
  const window = { from: timesMs.indexOf(timeMs(from)), to: timesMs.lastIndexOf(timeMs(to)) };
  if (window.from >= 0 && window.to >= window.from) return window;
  throw new Refusal(
    `Cannot score anomalies: the window ${from} to ${to} of ${name} has edges that the file lacks.`,
  );
}

function parseLabels(path: string): z.infer<typeof labelsSchema> {
  try {
    return labelsSchema.parse(JSON.parse(readText(path)));
  } catch (cause) {
    if (cause instanceof Refusal) throw cause;
    throw new Refusal(
      `Cannot score anomalies: ${path} is not what it should be, a JSON object with a list of [from, to] for each file.`,
      { cause },
    );
  }
}

/** Every file that the labels name, in their order. Throws a `Refusal`. */
export function readLabelledFiles(folder: string): readonly LabelledFile[] {
  const labels = Object.entries(parseLabels(join(folder, "labels", "combined_windows.json")));
  if (labels.length === 0) throw new Refusal(`Cannot score anomalies: the labels in ${folder} name no file.`);
  return labels.map(([name, edges]) => {
    const rows = readRows(join(folder, "data", name));
    const windows = edges.map((each) => windowOf(name, rows.timesMs, each));
    return { name, ...rows, windows: windows.toSorted((a, b) => a.from - b.from) };
  });
}
