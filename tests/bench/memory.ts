/** What 50,000 alarm panels with full rings take, above a node that has none. */

import { type Figure, mebibytes, type Row } from "./figure.ts";
import { runLoad } from "./load.ts";
import { loadFlags, seconds as wait, withBench } from "./measured_server.ts";
import { readMetrics } from "./metrics.ts";
import { cpuText, ownCpuSeconds, ownCpuText, readStats } from "./process_stats.ts";

const panels = 50_000;
const historyMs = 12 * 3_600_000;
const targetBytes = 500 * 2 ** 20;
/** They go on living after the back-fill, at a reading every ten seconds each. */
const liveSeconds = 20;
/** For checkpoints to end and garbage to be collected: then memory stands still. */
const settleSeconds = 20;
const idleSeconds = 5;

async function rssBytes(pid: number): Promise<number> {
  const stats = await readStats(pid);
  if (stats === null) throw new Error("Memory is read from /proc, which this system has not");
  return stats.rssBytes;
}

/** Sums of the heap figures of all threads. */
async function heapText(url: URL): Promise<string> {
  const found = [...await readMetrics(url)].filter(([name]) => /heap|external/.test(name));
  return found.map(([name, bytes]) => `${name} ${mebibytes(bytes)}`).join(", ");
}

async function measure(): Promise<readonly Row[]> {
  return await withBench(loadFlags, async (bench) => {
    const server = await bench.start();
    await wait(idleSeconds);
    const idle = await rssBytes(await server.nodePid());
    const before = await readStats(await server.nodePid());
    const ownBefore = ownCpuSeconds();
    const phases = await runLoad({
      url: bench.url,
      sensors: panels,
      ratePerSecond: 5000,
      forSeconds: liveSeconds,
      historyMs,
      panelRatio: 1,
    });
    const after = await readStats(await server.nodePid());
    const clientCpu = ownCpuText(ownBefore);
    const { tookMs, tally } = phases[0]!;
    await wait(settleSeconds);
    const above = await rssBytes(await server.nodePid()) - idle;
    return [{
      figure: `${panels} panels, rings full, above the idle node`,
      target: `≤ ${mebibytes(targetBytes)}`,
      measured: `${mebibytes(above)} above ${mebibytes(idle)}; ${await heapText(bench.url)}`,
      isMet: above <= targetBytes,
      serverCpu: cpuText(before, after),
      clientCpu,
    }, {
      figure: "back-filling them with 12 h",
      target: "",
      measured: `${(tookMs / 1000).toFixed(0)} s, ${(tally.accepted * 1000 / tookMs).toFixed(0)} readings/s`,
      isMet: null,
      serverCpu: "",
      clientCpu: "",
    }];
  });
}

export const memory: Figure = { name: "memory", meaning: "memory of 50,000 panels", run: measure };
