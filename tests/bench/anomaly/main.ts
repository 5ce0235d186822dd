/**
 * `deno task bench:anomaly`: see `--help`. Exit codes: 0 every target is met, 1 one is missed or a measurement
 * failed, 2 wrong usage.
 */

import { AnomalyDetector } from "../../../actors/analytics/anomalies/anomaly_detector.ts";
import type { TaskArguments, TaskSpec } from "../../../actors/cli/read_arguments.ts";
import { runTask } from "../../../actors/cli/run_task.ts";
import { type Figure, grouped, median, quantile, type Row } from "../figure.ts";
import { machineText } from "../machine.ts";
import { measureAll, writeResults } from "../report.ts";
import { type LabelledFile, readLabelledFiles } from "./nab_files.ts";
import { normalized, profiles, standard } from "./nab_score.ts";
import { checkThreshold, costsUs, detections, scoreOf } from "./replay.ts";

const leastScore = 50;
const mostCostUs = 5;
const mostBytes = 2048;
const otherThresholds = [0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65];

const spec: TaskSpec = {
  task: "bench:anomaly",
  doing: "Cannot score anomalies",
  introduction:
    `Scores the anomaly detector as the Numenta Anomaly Benchmark does, one threshold for all files.

  deno task bench:anomaly DIR [--write]

DIR has data/ and labels/combined_windows.json, as github.com/numenta/NAB does. The exit code is 1 when a target is
missed.`,
  operand: "the folder with data/ and labels/",
  flags: { "--write": { form: null, meaning: "append the tables to tests/bench/RESULTS.md" } },
};

const plainRow = { target: "", isMet: null, serverCpu: "", clientCpu: "" } as const;

function fileTable(files: readonly LabelledFile[], found: readonly (readonly number[])[]): string {
  const lines = files.map((file, i) => {
    const { windows, detected, falsePositives, raw } = scoreOf(file, found[i]!, standard);
    return `| ${file.name} | ${
      grouped(file.values.length)
    } | ${windows} | ${detected} | ${falsePositives} | ${raw.toFixed(2)} |`;
  });
  return [
    "| file | rows | windows | detected | false positives | raw score |",
    "| --- | --- | --- | --- | --- | --- |",
    ...lines,
  ]
    .join("\n");
}

function scoreRows(files: readonly LabelledFile[]): readonly Row[] {
  const found = files.map((file) => detections(file));
  return profiles.map((profile) => {
    const score = normalized(files.map((file, i) => scoreOf(file, found[i]!, profile)), profile);
    const row = { ...plainRow, figure: `${profile.name}, ${files.length} files`, measured: score.toFixed(1) };
    if (profile !== standard) return row;
    return {
      ...row,
      target: `≥ ${leastScore}`,
      isMet: score >= leastScore,
      details: fileTable(files, found),
    };
  });
}

function thresholdRow(files: readonly LabelledFile[]): Row {
  const { thresholds, scores, leftOut } = checkThreshold(files, otherThresholds, standard);
  const each = thresholds.map((threshold, i) => `${threshold}: ${scores[i]!.toFixed(1)}`).join(", ");
  return {
    ...plainRow,
    figure: "standard, by threshold",
    measured: `${each}; each file with the best of the others ${leftOut.toFixed(1)}`,
  };
}

function costRows(files: readonly LabelledFile[]): readonly Row[] {
  const costs = costsUs(files);
  const { bytes } = AnomalyDetector.create();
  return [{
    ...plainRow,
    figure: "processor time a value",
    target: `median ≤ ${mostCostUs} µs`,
    measured: `median ${median(costs).toFixed(2)} µs, p99 of batches ${quantile(costs, 0.99).toFixed(2)} µs`,
    isMet: median(costs) <= mostCostUs,
  }, {
    ...plainRow,
    figure: "state of a series, encoded",
    target: `≤ ${grouped(mostBytes)} B`,
    measured: `${grouped(bytes)} B`,
    isMet: bytes <= mostBytes,
  }];
}

function figuresOf(files: readonly LabelledFile[]): readonly Figure[] {
  const figure = (name: string, measure: () => readonly Row[]): Figure => ({
    name,
    meaning: "",
    run: () => Promise.resolve(measure()),
  });
  return [
    figure("score", () => scoreRows(files)),
    figure("threshold", () => [thresholdRow(files)]),
    figure("cost", () => costRows(files)),
  ];
}

async function work({ operand, flags }: TaskArguments): Promise<number> {
  const files = readLabelledFiles(operand);
  const machine = machineText();
  console.log(`${machine}\n`);
  const options = { seconds: 0, rounds: 1, isWritten: flags.has("--write") };
  const rows = await measureAll(figuresOf(files), options);
  if (options.isWritten) await writeResults("deno task bench:anomaly DIR --write", machine, rows);
  return rows.every(({ isMet }) => isMet !== false) ? 0 : 1;
}

await runTask(spec, Deno.args, work);
