/**
 * What an analysis of one series takes: its metadata, and the whole competition of forecasting methods with back-test,
 * on the compute thread of a node, by the jobs that the node runs.
 *
 * As many are asked for at a time as a node does. The target is about the time on the thread; how long a job waits for
 * the one before it is told apart.
 */

import type { ForecastJob, ForecastJobAnswer } from "../../actors/analysis/forecasting.ts";
import { analysesAtOnce, defaultHorizonMs, stepMs } from "../../actors/analysis/limits.ts";
import type { RegularSeries } from "../../actors/analytics/regular_series.ts";
import type { Metadata } from "../../actors/analytics/statistics/metadata.ts";
import { type BenchCompute, withCompute } from "./bench_compute.ts";
import {
  type BenchOptions,
  type Figure,
  grouped,
  median,
  milliseconds,
  quantile,
  type Row,
} from "./figure.ts";
import { kindsOfSeries } from "./kinds_of_series.ts";

/** What is expected of the middle and of the slowest hundredth of all series. */
interface Target {
  readonly medianMs: number | null;
  readonly p99Ms: number;
}

interface Work {
  readonly name: string;
  readonly points: number;
  /** Null: nothing is wanted. */
  readonly target: Target | null;
  /** Of each kind of series, in one round. */
  readonly each: number;
  /** Throws when nothing was found. */
  run(compute: BenchCompute, series: RegularSeries): Promise<number>;
}

/** A day of minutes, of which metadata are made, and forecasts. */
const dayPoints = 1440;

async function metadata(compute: BenchCompute, series: RegularSeries): Promise<number> {
  const { output, tookMs } = await compute.run<Metadata>("metadata", series);
  if (!output.stationarity.known) throw new Error(`Nothing was found: ${output.verdict}`);
  return tookMs;
}

/** Without a fit from before, so that the methods compete. */
async function competition(compute: BenchCompute, series: RegularSeries): Promise<number> {
  const atMs = series.startMs + series.values.length * stepMs;
  const channel = "value";
  const job: ForecastJob = {
    channel,
    formerChannel: channel,
    series,
    horizonSteps: defaultHorizonMs / stepMs,
    memory: null,
    atMs,
  };
  const { output, tookMs } = await compute.run<ForecastJobAnswer>("forecast", job);
  if (output.memory === null || output.memory.fitted.origins === 0) throw new Error("There was no back-test");
  return tookMs;
}

const works: readonly Work[] = [
  {
    name: "metadata of one series",
    points: dayPoints,
    target: { medianMs: null, p99Ms: 30 },
    each: 20,
    run: metadata,
  },
  {
    name: "one series' whole competition with back-test",
    points: 700,
    target: { medianMs: 150, p99Ms: 1000 },
    each: 6,
    run: competition,
  },
  {
    name: "one series' whole competition with back-test",
    points: dayPoints,
    target: null,
    each: 3,
    run: competition,
  },
];

/** How often each kind is analysed before anything counts: the thread imports the jobs, and compiles what is hot. */
const warmUpEach = 1;

function seriesOf(points: number, each: number): readonly RegularSeries[] {
  return kindsOfSeries(points, each).map(({ values }) => ({ startMs: 0, stepMs, values }));
}

/** Gives how long each took from when it was asked for, `analysesAtOnce` at a time. */
async function runAll(
  compute: BenchCompute,
  { run }: Work,
  all: readonly RegularSeries[],
): Promise<readonly number[]> {
  const tookMs: number[] = [];
  let next = 0;
  const take = async () => {
    for (let at = next++; at < all.length; at = next++) tookMs.push(await run(compute, all[at]!));
  };
  await Promise.all(Array.from({ length: analysesAtOnce }, take));
  return tookMs;
}

function spread(values: readonly number[]): string {
  return `median ${milliseconds(median(values))}, p99 ${milliseconds(quantile(values, 0.99))}`;
}

function targetText({ medianMs, p99Ms }: Target): string {
  return (medianMs === null ? "" : `median ≤ ${medianMs} ms, `) + `p99 ≤ ${p99Ms} ms`;
}

async function measureWork(compute: BenchCompute, work: Work, rounds: number): Promise<Row> {
  await runAll(compute, work, seriesOf(work.points, warmUpEach));
  const all = seriesOf(work.points, work.each * rounds);
  const ended = compute.busyMs.length;
  const tookMs = await runAll(compute, work, all);
  const busyMs = compute.busyMs.slice(ended);
  const { target } = work;
  return {
    figure: `${work.name}, ${grouped(work.points)} points, ${all.length} series`,
    target: target === null ? "" : targetText(target),
    measured: `on the thread ${spread(busyMs)}, max ${milliseconds(Math.max(...busyMs))}; ` +
      `with the wait for it, ${analysesAtOnce} at a time, ${spread(tookMs)}`,
    isMet: target === null
      ? null
      : median(busyMs) <= (target.medianMs ?? Infinity) && quantile(busyMs, 0.99) <= target.p99Ms,
    serverCpu: "",
    clientCpu: "",
  };
}

async function measure({ rounds }: BenchOptions): Promise<readonly Row[]> {
  return await withCompute(async (compute) => {
    const rows: Row[] = [];
    for (const work of works) rows.push(await measureWork(compute, work, rounds));
    return rows;
  });
}

export const analysis: Figure = {
  name: "analysis",
  meaning: "metadata of a series, and the competition of methods on it, on a compute thread",
  run: measure,
};
