/**
 * Compares one sensor's answer with what was sent to it: a plain loop over the readings, no panes.
 *
 * 1. Counts, sums, minima and maxima must be equal; means and standard deviations within 1e-9.
 * 2. `lost` and `twice` are readings, by the totals: of the channel where most are missing or too many.
 */

import type { SensorAnswer, WindowAnswer } from "./answer.ts";
import type { ExpectedChannels, Point } from "./expectation.ts";

export interface Verdict {
  readonly lost: number;
  readonly twice: number;
  /** What is wrong, as sentences; empty when all is right. */
  readonly wrong: readonly string[];
}

interface Statistics {
  readonly count: number;
  readonly min: number | null;
  readonly max: number | null;
  readonly mean: number | null;
  readonly stdSample: number | null;
  readonly stdPopulation: number | null;
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

function statisticsOf(points: readonly Point[]): Statistics {
  const values = points.map(({ value }) => value);
  const count = values.length;
  if (count === 0) {
    return { count, min: null, max: null, mean: null, stdSample: null, stdPopulation: null };
  }
  const mean = sumOf(values) / count;
  const squares = sumOf(values.map((value) => (value - mean) ** 2));
  return {
    count,
    min: values.reduce((a, b) => Math.min(a, b)),
    max: values.reduce((a, b) => Math.max(a, b)),
    mean,
    stdSample: count === 1 ? null : Math.sqrt(squares / (count - 1)),
    stdPopulation: Math.sqrt(squares / count),
  };
}

const exact = ["count", "min", "max"] as const;
const close = ["mean", "stdSample", "stdPopulation"] as const;

function isClose(seen: number | null, expected: number | null): boolean {
  if (seen === null || expected === null) return seen === expected;
  return Math.abs(seen - expected) <= 1e-9 * Math.max(1, Math.abs(expected));
}

function compareWindow(name: string, seen: WindowAnswer, points: readonly Point[]): string[] {
  const within = points.filter(({ tsMs }) => seen.from <= tsMs && tsMs < seen.to);
  const expected = statisticsOf(within);
  const wrong = [
    ...exact.filter((field) => seen[field] !== expected[field]),
    ...close.filter((field) => !isClose(seen[field], expected[field])),
  ];
  const interval = `[${seen.from}, ${seen.to})`;
  return wrong.map((field) =>
    `${name} ${interval}: ${field} is ${seen[field]}, should be ${expected[field]}`
  );
}

function compareTotal(channel: string, answer: SensorAnswer, points: readonly Point[]): string[] {
  const seen = answer.total[channel] ?? { count: 0, sum: 0 };
  const expected = { count: points.length, sum: sumOf(points.map(({ value }) => value)) };
  return (["count", "sum"] as const)
    .filter((field) => seen[field] !== expected[field])
    .map((field) => `total of ${channel}: ${field} is ${seen[field]}, should be ${expected[field]}`);
}

function compareChannel(channel: string, answer: SensorAnswer, points: readonly Point[]): string[] {
  const windows = answer.channels[channel];
  if (windows === undefined || Object.keys(windows).length === 0) return [`${channel} has no windows`];
  return [
    ...compareTotal(channel, answer, points),
    ...Object.entries(windows).flatMap(([name, window]) =>
      compareWindow(`${channel} ${name}`, window, points)
    ),
  ];
}

/** @param answer null: the server does not know the sensor */
export function compare(expected: ExpectedChannels, answer: SensorAnswer | null): Verdict {
  const counts = [...expected.values()].map((points) => points.length);
  if (answer === null) {
    const lost = Math.max(0, ...counts);
    return { lost, twice: 0, wrong: lost === 0 ? [] : [`unknown, with ${lost} readings accepted`] };
  }
  const channels = [...new Set([...expected.keys(), ...Object.keys(answer.total)])];
  const surplus = channels.map((channel) =>
    (answer.total[channel]?.count ?? 0) - (expected.get(channel)?.length ?? 0)
  );
  return {
    lost: Math.max(0, ...surplus.map((count) => -count)),
    twice: Math.max(0, ...surplus),
    wrong: channels.flatMap((channel) => compareChannel(channel, answer, expected.get(channel) ?? [])),
  };
}
