/**
 * Half an hour (`--seconds 1800`) at 60 % of what the node took just before: does it stand still?
 *
 * 10,000 sensors send most of it; 40,000 others send a reading every 16 seconds: together they are more than the memory
 * for actors, so that some are evicted and loaded all the time. Their rings are filled first: what they hold grows no
 * further. Strict queries of both, and of their history, are asked without end. All readings are as old as the retention,
 * an hour: their history is written, and deleted within a minute.
 *
 * What stands still is judged by the medians of the second and of the last quarter of the run.
 */

import { historyAgesMs } from "../../actors/simulate/history_plan.ts";
import { sendEvenly } from "./even_load.ts";
import { writeChart } from "./chart.ts";
import { isRight } from "../verify/verifier.ts";
import {
  type BenchOptions,
  type Figure,
  grouped,
  mebibytes,
  median,
  milliseconds,
  perSecond,
} from "./figure.ts";
import type { Row } from "./figure.ts";
import { lossText, runLoad, verifyLoad } from "./load.ts";
import { loadFlags, withBench } from "./measured_server.ts";
import { readMetrics } from "./metrics.ts";
import { cpuText, ownCpuSeconds, ownCpuText, readStats } from "./process_stats.ts";
import { SoakQueries } from "./soak_queries.ts";
import { type Sample, Sampler } from "./soak_samples.ts";

const sensors = 10_000;
const rareSensors = 40_000;
const rareChannels = 2;
const rarePerSecond = 2500;
const share = 0.6;
const maxRehearsalSeconds = 30;
const retentionMs = 3_600_000;
const filledMs = 12 * 3_600_000;
const flags = [...loadFlags, "--retention", "1h", "--actor-memory", "256MiB"];

/** How much the last quarter's median may be above the second's. Latencies vary more than what is stored. */
const flatRatio = { memory: 1.15, folder: 1.15, p99: 1.5 };
/** A p99 is never worse for being below this: half of what `query` demands under load. */
const quietMs = 25;

/** Rows of the small table. */
const tableRows = 12;
/** Samples of a run. */
const samples = 120;

async function largestRate(forSeconds: number): Promise<number> {
  return await withBench(flags, async (bench) => {
    await bench.start();
    const [phase] = await runLoad({ url: bench.url, sensors, ratePerSecond: null, forSeconds });
    return phase!.tally.accepted * 1000 / phase!.tookMs;
  });
}

/** Once a pane for each rare sensor, oldest first. */
async function fillRare(url: URL): Promise<void> {
  for (const ageMs of historyAgesMs(filledMs)) {
    await sendEvenly({
      url,
      name: `fill-${ageMs}`,
      sensors: rareSensors,
      channels: rareChannels,
      ratePerSecond: null,
      readingsEach: 1,
      forSeconds: Infinity,
      lagMs: retentionMs + ageMs,
    });
  }
}

function tableText(all: readonly Sample[]): string {
  const every = Math.max(1, Math.floor(all.length / tableRows));
  const lines = all.filter((_, place) => place % every === every - 1).map((sample) =>
    [
      `${(sample.atSeconds / 60).toFixed(1)} min`,
      perSecond(sample.perSecond),
      perSecond(sample.evictionsPerSecond),
      mebibytes(sample.rssBytes),
      mebibytes(sample.storeBytes),
      mebibytes(sample.logBytes),
      milliseconds(sample.p50Ms),
      milliseconds(sample.p99Ms),
      Number.isNaN(sample.historyP99Ms) ? "" : milliseconds(sample.historyP99Ms),
    ].join(" | ")
  );
  return [
    "| after | readings | evictions | memory | store | log | query p50 | p99 | history p99 |",
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ...lines.map((line) => `| ${line} |`),
  ].join("\n");
}

function chart(all: readonly Sample[]): string {
  const minutes = all.at(-1)!.atSeconds / 60;
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((part) =>
    [minutes * part, `${(minutes * part).toFixed(1)} min`] as const
  );
  const line = (name: string, of: (sample: Sample) => number) => ({
    name,
    points: all.map((sample) => [sample.atSeconds / 60, of(sample)] as const),
  });
  const MiB = 2 ** 20;
  return writeChart("soak.svg", "The soak's curves", [
    { title: "Memory of the node, MiB", lines: [line("resident", ({ rssBytes }) => rssBytes / MiB)], ticks },
    {
      title: "Data folder, MiB",
      lines: [
        line("store", ({ storeBytes }) => storeBytes / MiB),
        line("log", ({ logBytes }) => logBytes / MiB),
      ],
      ticks,
    },
    {
      title: "Strict queries, ms",
      lines: [
        line("p50", ({ p50Ms }) => p50Ms),
        line("p99", ({ p99Ms }) => p99Ms),
        line("history p99", ({ historyP99Ms }) => historyP99Ms),
      ],
      ticks,
    },
    {
      title: "Per second",
      lines: [
        line("readings", (sample) => sample.perSecond),
        line("evictions", ({ evictionsPerSecond }) => evictionsPerSecond),
      ],
      ticks,
    },
  ]);
}

/** The medians of the second and of the last quarter; of samples that have the value. */
function quarters(all: readonly Sample[], of: (sample: Sample) => number): readonly [number, number] {
  const endSeconds = all.at(-1)!.atSeconds;
  const between = (from: number, to: number) => {
    const part = all.filter(({ atSeconds }) => atSeconds > from * endSeconds && atSeconds <= to * endSeconds);
    return median(part.map(of).filter(Number.isFinite));
  };
  return [between(0.25, 0.5), between(0.75, 1)];
}

function flatRow(
  figure: string,
  [second, last]: readonly [number, number],
  ratio: number,
  text: (value: number) => string,
  ignoredBelow = 0,
): Row {
  return {
    figure,
    target: `flat: ≤ ${ratio} × from the second to the last quarter`,
    measured: `${text(second)}, ${text(last)}`,
    isMet: last <= Math.max(second * ratio, ignoredBelow),
    serverCpu: "",
    clientCpu: "",
  };
}

async function measure({ seconds, isWritten }: BenchOptions): Promise<readonly Row[]> {
  const largest = await largestRate(Math.min(seconds / 4, maxRehearsalSeconds));
  const ratePerSecond = Math.floor(share * largest) - rarePerSecond;
  return await withBench(flags, async (bench) => {
    const server = await bench.start();
    const pid = await server.nodePid();
    await fillRare(bench.url);
    const filled = await runLoad({
      ...{ url: bench.url, sensors, ratePerSecond: null, forSeconds: 0 },
      ...{ historyMs: filledMs, lagMs: retentionMs },
    });
    const ownBefore = ownCpuSeconds();
    const before = await readStats(pid);
    const often = runLoad({
      url: bench.url,
      sensors,
      ratePerSecond,
      forSeconds: seconds,
      lagMs: retentionMs,
    });
    const rarely = sendEvenly({
      url: bench.url,
      name: "rare",
      sensors: rareSensors,
      channels: rareChannels,
      ratePerSecond: rarePerSecond,
      readingsEach: Infinity,
      forSeconds: seconds,
      lagMs: retentionMs,
    });
    const queries = new SoakQueries(bench.url, { sensors, rareSensors });
    const sampler = new Sampler(bench.url, pid, bench.folder, queries);
    const loads = Promise.all([often, rarely]);
    loads.catch(() => {});
    const asked = queries.run();
    asked.catch(() => {});
    await sampler.run(seconds, seconds / samples);
    const [live] = await loads;
    const phases = [...filled, ...live];
    const all = sampler.samples;
    const metrics = await readMetrics(bench.url);
    const evictions = metrics.get("sensorium_evictions_total") ?? 0;
    const deleted = metrics.get("sensorium_expired_rows_total") ?? 0;
    const clientCpu = ownCpuText(ownBefore);
    const serverCpu = cpuText(before, await readStats(pid));
    queries.stop();
    await asked;
    await server.stop();
    await bench.start();
    const verification = await verifyLoad(bench.url, phases);

    const details = [tableText(all), ...isWritten ? [chart(all)] : []].join("\n\n");
    return [
      {
        figure: `${seconds} s at ${share * 100} % of ${perSecond(largest)}, ` +
          `${grouped(sensors)} sensors and ${grouped(rareSensors)} rare ones`,
        target: "evicts, deletes; lost 0, twice 0",
        measured: `${grouped(queries.asked)} queries, ${grouped(evictions)} evictions, ` +
          `${grouped(deleted)} history rows deleted; ` +
          lossText(verification),
        isMet: evictions > 0 && deleted > 0 && isRight(verification),
        serverCpu,
        clientCpu,
      },
      flatRow("its memory", quarters(all, ({ rssBytes }) => rssBytes), flatRatio.memory, mebibytes),
      flatRow(
        "its data folder",
        quarters(all, ({ storeBytes, logBytes }) => storeBytes + logBytes),
        flatRatio.folder,
        mebibytes,
      ),
      {
        ...flatRow(
          "p99 of its strict queries",
          quarters(all, ({ p99Ms }) => p99Ms),
          flatRatio.p99,
          milliseconds,
          quietMs,
        ),
        details,
      },
    ];
  });
}

export const soak: Figure = {
  name: "soak",
  meaning: "whether memory, files and answers stand still under load; with --seconds 1800",
  run: measure,
};
