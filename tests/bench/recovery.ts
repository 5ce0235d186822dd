/** `kill -9` under load, then a start on the same folder: how long until ready, and whether all is there, once. */

import { type BenchOptions, type Figure, median, type Row } from "./figure.ts";
import { runLoad, verifyLoad } from "./load.ts";
import { loadFlags, seconds as wait, withBench } from "./measured_server.ts";
import { cpuText, ownCpuSeconds, ownCpuText, type ProcessStats, readStats } from "./process_stats.ts";

const ratePerSecond = 20_000;
const sensors = 10_000;
const targetSeconds = 3;
const killAfterSeconds = 6;
/** Long enough to go on under load for some seconds after the restart. */
const loadSeconds = 12;

interface Round {
  readonly readySeconds: number;
  readonly lost: number;
  readonly twice: number;
  readonly wrongSensors: number;
  readonly stats: ProcessStats | null;
}

async function kill(): Promise<Round> {
  return await withBench(loadFlags, async (bench) => {
    const server = await bench.start();
    const load = runLoad({ url: bench.url, sensors, ratePerSecond, forSeconds: loadSeconds });
    load.catch(() => {});
    await wait(killAfterSeconds);
    await server.kill();
    const startedAtMs = performance.now();
    const again = await bench.start();
    const readySeconds = (performance.now() - startedAtMs) / 1000;
    const stats = await readStats(await again.nodePid());
    return { readySeconds, stats, ...await verifyLoad(bench.url, await load) };
  });
}

const nothing: ProcessStats = { rssBytes: 0, cpuSeconds: new Map() };

async function measure({ rounds }: BenchOptions): Promise<readonly Row[]> {
  const ownBefore = ownCpuSeconds();
  const results: Round[] = [];
  for (let round = 0; round < rounds; round++) results.push(await kill());
  const times = results.map(({ readySeconds }) => readySeconds);
  const sum = (of: (round: Round) => number) => results.reduce((total, round) => total + of(round), 0);
  const [lost, twice] = [sum((round) => round.lost), sum((round) => round.twice)];
  const wrong = sum((round) => round.wrongSensors);
  return [{
    figure: `kill -9, ${sensors} live sensors, ${ratePerSecond}/s → ready, ${rounds} rounds`,
    target: `≤ ${targetSeconds} s, lost 0, twice 0`,
    measured: `median ${median(times).toFixed(2)} s, max ${Math.max(...times).toFixed(2)} s; ` +
      `lost ${lost}, twice ${twice}, wrong sensors ${wrong}`,
    isMet: Math.max(...times) <= targetSeconds && lost + twice + wrong === 0,
    serverCpu: `until ready: ${cpuText(nothing, results[0]?.stats ?? null)}`,
    clientCpu: ownCpuText(ownBefore),
  }];
}

export const recovery: Figure = {
  name: "recovery",
  meaning: "kill -9 under load until ready again, verified",
  run: measure,
};
