/**
 * How the cost of a reading grows with the number of sensors and of their channels: processor time of the server over
 * durable ingestion at a rate that it sustains in every cell, after all sensors were seen and its code is compiled.
 */

import { sendEvenly } from "./even_load.ts";
import { writeChart } from "./chart.ts";
import { type BenchOptions, type Figure, grouped, milliseconds, type Row } from "./figure.ts";
import { loadFlags, seconds as wait, withBench } from "./measured_server.ts";
import { cpuSecondsBetween, ownCpuSeconds, ownCpuText, readStats } from "./process_stats.ts";

/** Room for 100,000 sensors of 16 channels: what costs more beyond is to load actors that were evicted. */
const flags = [...loadFlags, "--actor-memory", "1GiB"];
const sensorCounts = [1000, 10_000, 100_000, 1_000_000];
const channelCounts = [1, 4, 16];
const ratePerSecond = 10_000;
const maxSeconds = 20;
/** The compiler has seen enough by then; and every sensor is seen once. */
const warmUpReadings = 200_000;
/** For checkpoints of the warm-up to end. */
const settleSeconds = 5;
/** Up to so many sensors the cost is to stay within this of the smallest. */
const flatSensors = 100_000;
const flatRatio = 2;

interface Cell {
  readonly sensors: number;
  readonly channels: number;
  /** Processor time of the server a reading. */
  readonly microseconds: number;
  readonly p99Ms: number;
}

async function measureCell(sensors: number, channels: number, forSeconds: number): Promise<Cell> {
  return await withBench(flags, async (bench) => {
    const server = await bench.start();
    const pid = await server.nodePid();
    const load = { url: bench.url, sensors, channels };
    await sendEvenly({
      ...load,
      name: "warm-up",
      ratePerSecond: null,
      readingsEach: Math.ceil(warmUpReadings / sensors),
      forSeconds: Infinity,
    });
    await wait(settleSeconds);
    const before = await readStats(pid);
    const tally = await sendEvenly({
      ...load,
      name: "measured",
      ratePerSecond,
      readingsEach: Infinity,
      forSeconds,
    });
    const microseconds = cpuSecondsBetween(before, await readStats(pid)) * 1e6 / tally.accepted;
    const p99Ms = tally.latencies.quantileMs(0.99);
    console.log(
      `    ${grouped(sensors)} sensors, ${channels} channels: ${microseconds.toFixed(1)} µs, ` +
        `p99 ${milliseconds(p99Ms)}`,
    );
    return { sensors, channels, microseconds, p99Ms };
  });
}

function tableText(cells: readonly Cell[]): string {
  const of = (sensors: number, channels: number) =>
    cells.find((cell) => cell.sensors === sensors && cell.channels === channels)!;
  const lines = sensorCounts.map((sensors) => {
    const found = channelCounts.map((channels) => of(sensors, channels));
    const texts = found.map(({ microseconds, p99Ms }) =>
      `${microseconds.toFixed(1)} s | ${milliseconds(p99Ms)}`
    );
    return `| ${grouped(sensors)} | ${texts.join(" | ")} |`;
  });
  const columns = channelCounts.map((channels) =>
    `${channels} ${channels === 1 ? "channel" : "channels"} | p99`
  );
  return [
    "Processor seconds of the server for a million readings, and how soon a body of 100 was answered, " +
    `with ${flags.at(-1)} for actors:`,
    "",
    `| sensors | ${columns.join(" | ")} |`,
    `| --- | ${channelCounts.map(() => "--- | ---").join(" | ")} |`,
    ...lines,
  ].join("\n");
}

function chart(cells: readonly Cell[]): string {
  const lines = channelCounts.map((channels) => ({
    name: `${channels} ${channels === 1 ? "channel" : "channels"}`,
    points: cells.filter((cell) => cell.channels === channels)
      .map(({ sensors, microseconds }) => [Math.log10(sensors), microseconds] as const),
  }));
  const title = "Processor seconds of the server for a million readings, by sensors";
  const ticks = sensorCounts.map((sensors) => [Math.log10(sensors), grouped(sensors)] as const);
  return writeChart("growth.svg", title, [{ title, lines, ticks }]);
}

function row(cells: readonly Cell[], channels: number): Row {
  const costs = cells.filter((cell) => cell.channels === channels);
  const flat = costs.filter(({ sensors }) => sensors <= flatSensors).map(({ microseconds }) => microseconds);
  const ratio = Math.max(...flat) / Math.min(...flat);
  return {
    figure: `a reading of ${channels} ${channels === 1 ? "channel" : "channels"} at ` +
      `${grouped(ratePerSecond)}/s, ${sensorCounts.map(grouped).join("; ")} sensors`,
    target: `within ${flatRatio} × up to ${grouped(flatSensors)}`,
    measured: `${costs.map(({ microseconds }) => microseconds.toFixed(1)).join("; ")} µs: ` +
      `${ratio.toFixed(2)} ×`,
    isMet: ratio <= flatRatio,
    serverCpu: "",
    clientCpu: "",
  };
}

async function measure({ seconds, isWritten }: BenchOptions): Promise<readonly Row[]> {
  const ownBefore = ownCpuSeconds();
  const cells: Cell[] = [];
  for (const channels of channelCounts) {
    for (const sensors of sensorCounts) {
      cells.push(await measureCell(sensors, channels, Math.min(seconds, maxSeconds)));
    }
  }
  const details = [tableText(cells), ...isWritten ? [chart(cells)] : []].join("\n\n");
  const rows = channelCounts.map((channels) => row(cells, channels));
  return rows.map((each, place) =>
    place < rows.length - 1 ? each : { ...each, details, clientCpu: ownCpuText(ownBefore) }
  );
}

export const growth: Figure = {
  name: "growth",
  meaning: "what a reading costs with 1,000 to 1,000,000 sensors of 1, 4 and 16 channels",
  run: measure,
};
