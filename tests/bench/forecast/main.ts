/**
 * `deno task bench:forecast`: see `--help`. Exit codes: 0 every target is met, 1 one is missed or a measurement
 * failed, 2 wrong usage.
 */

import {
  chooseForecaster,
  type Fitted,
  type Forecast,
  forecast,
} from "../../../actors/analytics/forecasts/forecast.ts";
import type { TaskArguments, TaskSpec } from "../../../actors/cli/read_arguments.ts";
import { runTask } from "../../../actors/cli/run_task.ts";
import { type Figure, median, milliseconds, quantile, type Row } from "../figure.ts";
import { machineText } from "../machine.ts";
import { measureAll, writeResults } from "../report.ts";
import { meanScores, naive2, owa, type Scores, scoresOf, seasonalNaive } from "./m4_scores.ts";
import { type M4Series, readM4 } from "./m4_series.ts";

const period = 24;
const stepMs = 3_600_000;
const mostOwa = 0.55;
const coverage = { 80: [0.75, 0.85], 95: [0.9, 0.98] } as const;
const mostMs = { median: 150, p99: 1000 } as const;

const spec: TaskSpec = {
  task: "bench:forecast",
  doing: "Cannot score forecasts",
  introduction:
    `Scores forecasts of hourly series as the M4 competition did, chosen as the product chooses them.

  deno task bench:forecast DIR [--write]

DIR has train.csv and test.csv with the columns id,t,value. The exit code is 1 when a target is missed.`,
  operand: "the folder with train.csv and test.csv",
  flags: { "--write": { form: null, meaning: "append the tables to tests/bench/RESULTS.md" } },
};

interface Scored {
  readonly series: M4Series;
  readonly fitted: Fitted;
  readonly found: Forecast;
  readonly tookMs: number;
}

function forecastOf(series: M4Series): Scored {
  const startedMs = performance.now();
  const regular = { startMs: 0, stepMs, values: series.train };
  const horizonSteps = series.test.length;
  const fitted = chooseForecaster(regular, { horizonSteps });
  if (!fitted.known) throw new Error(`${series.id} cannot be forecast: ${fitted.reason}`);
  const found = forecast(fitted.value, regular);
  if (!found.known) throw new Error(`${series.id} cannot be forecast: ${found.reason}`);
  return { series, fitted: fitted.value, found: found.value, tookMs: performance.now() - startedMs };
}

const plainRow = { target: "", isMet: null, serverCpu: "", clientCpu: "" } as const;

function scoreText(scores: Scores, reference: Scores): string {
  return `sMAPE ${scores.smape.toFixed(3)}, MASE ${scores.mase.toFixed(3)}, OWA ${
    owa(scores, reference).toFixed(3)
  }`;
}

function scoreRows(all: readonly Scored[]): readonly Row[] {
  const by = (pathOf: (scored: Scored) => ArrayLike<number>) =>
    meanScores(all.map((each) => scoresOf(each.series.train, period, each.series.test, pathOf(each))));
  const reference = by(({ series: { train, test } }) => naive2(train, period, test.length));
  const naive = by(({ series: { train, test } }) => seasonalNaive(train, period, test.length));
  const chosen = by(({ found }) => found.path);
  return [
    { ...plainRow, figure: "Naive2", measured: scoreText(reference, reference) },
    { ...plainRow, figure: `seasonal naive (${period})`, measured: scoreText(naive, reference) },
    {
      ...plainRow,
      figure: `chosen automatically, ${all.length} series`,
      target: `OWA ≤ ${mostOwa}`,
      measured: scoreText(chosen, reference),
      isMet: owa(chosen, reference) <= mostOwa,
    },
  ];
}

function coverageRow(all: readonly Scored[], level: 80 | 95): Row {
  let [inside, count] = [0, 0];
  for (const { series, found } of all) {
    const [lower, upper] = level === 80 ? [found.lower80, found.upper80] : [found.lower95, found.upper95];
    for (const [h, value] of series.test.entries()) {
      if (value >= lower[h]! && value <= upper[h]!) inside++;
      count++;
    }
  }
  const [least, most] = coverage[level];
  const share = inside / count;
  return {
    ...plainRow,
    figure: `what came lay in the ${level} % interval`,
    target: `${least * 100} to ${most * 100} %`,
    measured: `${(share * 100).toFixed(1)} %`,
    isMet: share >= least && share <= most,
  };
}

function soundRow(all: readonly Scored[]): Row {
  const numbers = all.flatMap(({ found }) => [...found.path, ...found.lower95, ...found.upper95]);
  const exploded = all.filter(({ series: { train }, found }) => {
    const [least, most] = [Math.min(...train), Math.max(...train)];
    const padding = 3 * (most - least);
    return found.path.some((value) => value < least - padding || value > most + padding);
  });
  const broken = numbers.filter((value) => !Number.isFinite(value)).length;
  const failed = all.reduce((sum, { fitted, found }) => sum + fitted.failed + found.fallbacks.length, 0);
  return {
    ...plainRow,
    figure: "not finite; beyond three times the series' range",
    target: "0; 0",
    measured: `${broken}; ${exploded.length}; candidates that failed and were left out: ${failed}`,
    isMet: broken === 0 && exploded.length === 0,
  };
}

function timeRow(all: readonly Scored[]): Row {
  const times = all.map(({ tookMs }) => tookMs);
  const p99 = quantile(times, 0.99);
  const points = all.map(({ series }) => series.train.length);
  return {
    ...plainRow,
    figure: `competition, back-test and forecast of a series of ${Math.min(...points)} to ${
      Math.max(...points)
    } points`,
    target: `median ≤ ${mostMs.median} ms, p99 ≤ ${mostMs.p99} ms`,
    measured: `median ${milliseconds(median(times))}, p99 ${milliseconds(p99)}`,
    isMet: median(times) <= mostMs.median && p99 <= mostMs.p99,
  };
}

/** Scores of each candidate alone are those of its own back-test: none sees what came. */
function methodsTable(all: readonly Scored[]): string {
  const weights = new Map<string, number>();
  for (const { fitted } of all) {
    for (const part of fitted.method.split(" + ")) {
      const [, share, name] = /^(?:(\d+) % )?(.*)$/.exec(part)!;
      weights.set(name!, (weights.get(name!) ?? 0) + (share === undefined ? 1 : Number(share) / 100));
    }
  }
  const lines = [...weights].sort(([, a], [, b]) => b - a).map(([name, sum]) =>
    `| ${name} | ${sum.toFixed(1)} |`
  );
  return ["| method | series' worth of weight |", "| --- | --- |", ...lines].join("\n");
}

function figuresOf(series: readonly M4Series[]): readonly Figure[] {
  const measure = (): readonly Row[] => {
    // Code is compiled while it runs for the first time, which no series of a node that runs for days waits for.
    forecastOf(series[0]!);
    const all = series.map(forecastOf);
    const rows = [...scoreRows(all), coverageRow(all, 80), coverageRow(all, 95), soundRow(all), timeRow(all)];
    return rows.map((row, i) => i === rows.length - 1 ? { ...row, details: methodsTable(all) } : row);
  };
  return [{ name: "forecast", meaning: "", run: () => Promise.resolve(measure()) }];
}

async function work({ operand, flags }: TaskArguments): Promise<number> {
  const series = readM4(operand);
  const machine = machineText();
  console.log(`${machine}\n`);
  const options = { seconds: 0, rounds: 1, isWritten: flags.has("--write") };
  const rows = await measureAll(figuresOf(series), options);
  if (options.isWritten) await writeResults("deno task bench:forecast DIR --write", machine, rows);
  return rows.every(({ isMet }) => isMet !== false) ? 0 : 1;
}

await runTask(spec, Deno.args, work);
