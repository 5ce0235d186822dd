/**
 * Strict queries at a steady rate, of sensors that hold some history, beside a light load.
 *
 * A query's latency counts from when it was due, not from when a connection was free for it.
 */

import { HttpConnection } from "../../actors/simulate/http_connection.ts";
import { type BenchOptions, type Figure, milliseconds, quantile, type Row } from "./figure.ts";
import { runLoad } from "./load.ts";
import { loadFlags, seconds as wait, withBench } from "./measured_server.ts";
import { cpuText, ownCpuSeconds, ownCpuText, readStats } from "./process_stats.ts";

const askedPerSecond = 2000;
const targetP99Ms = 5;
const sensors = 10_000;
const loadPerSecond = 2000;
const maxSeconds = 20;
const connections = 32;
/** Every sensor of the load has a reading by then, and the server's code is compiled. */
const warmUpSeconds = 8;
const timeoutMs = 10_000;
/** Sensors, not panels: all have the same ids. */
const panelRatio = 0;

interface Asked {
  readonly latenciesMs: readonly number[];
  readonly failures: number;
}

/** `ids` one after the other, each at its time, over as many connections as are free. */
async function ask(url: URL, ids: readonly string[], forSeconds: number): Promise<Asked> {
  const startedAtMs = performance.now();
  const all = askedPerSecond * forSeconds;
  const latenciesMs: number[] = [];
  let next = 0;
  let failures = 0;
  const lane = async () => {
    const connection = new HttpConnection(url);
    while (next < all) {
      const number = next++;
      const dueMs = startedAtMs + number * 1000 / askedPerSecond;
      const waitMs = dueMs - performance.now();
      if (waitMs > 0) await wait(waitMs / 1000);
      const target = `/sensors/${encodeURIComponent(ids[number * 7919 % ids.length]!)}/windows`;
      const { status } = await connection.request({
        ...{ method: "GET", target, headers: {}, body: "", timeoutMs },
      });
      if (status !== 200) failures++;
      latenciesMs.push(performance.now() - dueMs);
    }
    connection.close();
  };
  await Promise.all(Array.from({ length: connections }, lane));
  return { latenciesMs, failures };
}

async function listIds(url: URL): Promise<readonly string[]> {
  const response = await fetch(new URL("/sensors?limit=1000", url));
  const { items }: { items: readonly { id: string }[] } = await response.json();
  return items.map(({ id }) => id);
}

async function measure({ seconds }: BenchOptions): Promise<readonly Row[]> {
  const forSeconds = Math.min(seconds, maxSeconds);
  return await withBench(loadFlags, async (bench) => {
    const server = await bench.start();
    const load = runLoad({
      url: bench.url,
      sensors,
      panelRatio,
      ratePerSecond: loadPerSecond,
      forSeconds: warmUpSeconds + 2 + forSeconds,
    });
    load.catch(() => {});
    await wait(warmUpSeconds);
    const ids = await listIds(bench.url);
    await ask(bench.url, ids, 2);
    const before = await readStats(await server.nodePid());
    const ownBefore = ownCpuSeconds();
    const { latenciesMs, failures } = await ask(bench.url, ids, forSeconds);
    const serverCpu = cpuText(before, await readStats(await server.nodePid()));
    const clientCpu = ownCpuText(ownBefore);
    await load;
    const [p50, p99] = [quantile(latenciesMs, 0.5), quantile(latenciesMs, 0.99)];
    return [{
      figure: `${askedPerSecond} strict queries/s beside ${loadPerSecond} readings/s, ${forSeconds} s`,
      target: `p99 ≤ ${targetP99Ms} ms`,
      measured: `p50 ${milliseconds(p50)}, p99 ${milliseconds(p99)}, max ${
        milliseconds(Math.max(...latenciesMs))
      }; ${failures} not answered 200`,
      isMet: p99 <= targetP99Ms && failures === 0,
      serverCpu,
      clientCpu,
    }];
  });
}

export const askLatency: Figure = {
  name: "ask",
  meaning: "how long strict queries take at a steady rate",
  run: measure,
};
