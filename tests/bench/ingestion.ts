/**
 * Durable ingestion over HTTP: as many readings as the server answers with 202, in bodies of 100.
 *
 * The clock runs from the first body until the server, asked to stop, has folded and checkpointed everything and is
 * gone. Then it is started again on its folder and every window of every sensor is verified.
 */

import { isRight, type Verification } from "../verify/verifier.ts";
import { type BenchOptions, type Figure, mebibytes, median, perSecond, type Row } from "./figure.ts";
import { lossText, runLoad, verifyLoad } from "./load.ts";
import { loadFlags, withBench } from "./measured_server.ts";
import { watchMemory } from "./memory_watch.ts";
import { cpuText, ownCpuSeconds, type ProcessStats, readStats } from "./process_stats.ts";

const targetPerSecond = 200_000;
const sensors = 10_000;
/** Memory counts as flat when the last third's median is at most so much above the first third's. */
const flatRatio = 1.15;

export interface Ingested {
  readonly accepted: number;
  /** From the first body until the drained server was gone. */
  readonly perSecond: number;
  readonly latencies: string;
  readonly verification: Verification;
  readonly before: ProcessStats | null;
  /** Every half second while it was loaded. */
  readonly readings: readonly ProcessStats[];
  readonly clientCpuSeconds: number;
}

/** @param environment variables of the server */
export async function ingest(
  seconds: number,
  environment: Readonly<Record<string, string>> = {},
): Promise<Ingested> {
  return await withBench(loadFlags, async (bench) => {
    const server = await bench.start();
    const before = await readStats(await server.nodePid());
    const ownBefore = ownCpuSeconds();
    const endWatch = watchMemory(await server.nodePid());
    const startedAtMs = performance.now();
    const phases = await runLoad({ url: bench.url, sensors, ratePerSecond: null, forSeconds: seconds });
    const readings = await endWatch();
    const clientCpuSeconds = ownCpuSeconds() - ownBefore;
    await server.stop();
    const tookSeconds = (performance.now() - startedAtMs) / 1000;
    await bench.start();
    const verification = await verifyLoad(bench.url, phases);
    const { accepted, latencies } = phases[0]!.tally;
    const [p50, p99] = [latencies.quantileMs(0.5), latencies.quantileMs(0.99)];
    return {
      accepted,
      perSecond: accepted / tookSeconds,
      latencies: `p50 ${p50.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms`,
      verification,
      before,
      readings,
      clientCpuSeconds,
    };
  }, { environment });
}

async function measure({ seconds }: BenchOptions): Promise<readonly Row[]> {
  const { before, readings, verification, ...measured } = await ingest(seconds);
  const rss = readings.map(({ rssBytes }) => rssBytes);
  const third = Math.ceil(rss.length / 3);
  const [first, last] = [median(rss.slice(0, third)), median(rss.slice(-third))];
  return [{
    figure: `durable ingestion, bodies of 100, ${sensors} sensors, ${seconds} s`,
    target: `≥ ${perSecond(targetPerSecond)}, all verified`,
    measured: `${perSecond(measured.perSecond)}; ${measured.latencies}; ${lossText(verification)}`,
    isMet: measured.perSecond >= targetPerSecond && isRight(verification),
    serverCpu: cpuText(before, readings.at(-1) ?? null),
    clientCpu: `${measured.clientCpuSeconds.toFixed(1)} s`,
  }, {
    figure: "its memory, median of the first and of the last third",
    target: "flat",
    measured: `${mebibytes(first)}, ${mebibytes(last)}; largest ${mebibytes(Math.max(...rss))}`,
    isMet: last <= first * flatRatio,
    serverCpu: "",
    clientCpu: "",
  }];
}

export const ingestion: Figure = {
  name: "ingestion",
  meaning: "readings a second over HTTP, folded and checkpointed",
  run: measure,
};
