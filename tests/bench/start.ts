/** From the command to `/readyz`: a start on an empty folder, and one on a folder with sensors, with a warm cache. */

import { type BenchOptions, type Figure, median, type Row } from "./figure.ts";
import { runLoad } from "./load.ts";
import { type Bench, loadFlags, withBench } from "./measured_server.ts";

const targetMs = 700;
const sensors = 10_000;

async function startMs(bench: Bench): Promise<number> {
  const fromMs = performance.now();
  const server = await bench.start();
  const tookMs = performance.now() - fromMs;
  await server.stop();
  return tookMs;
}

function startRow(what: string, times: readonly number[]): Row {
  return {
    figure: `start → ready, ${what}, warm cache, ${times.length} rounds`,
    target: `≤ ${targetMs} ms`,
    measured: `median ${median(times).toFixed(0)} ms, max ${Math.max(...times).toFixed(0)} ms`,
    isMet: median(times) <= targetMs,
    serverCpu: "",
    clientCpu: "",
  };
}

async function measure({ rounds }: BenchOptions): Promise<readonly Row[]> {
  const empty: number[] = [];
  for (let round = 0; round <= rounds; round++) empty.push(await withBench(loadFlags, startMs));
  const full = await withBench(loadFlags, async (bench) => {
    const server = await bench.start();
    await runLoad({ url: bench.url, sensors, ratePerSecond: 20_000, forSeconds: 3 });
    await server.stop();
    const times: number[] = [];
    for (let round = 0; round < rounds; round++) times.push(await startMs(bench));
    return times;
  });
  // The first start of all filled the module cache.
  return [startRow("empty folder", empty.slice(1)), startRow(`${sensors} sensors`, full)];
}

export const start: Figure = {
  name: "start",
  meaning: "from the command until the node is ready",
  run: measure,
};
