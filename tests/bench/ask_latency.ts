/**
 * Strict queries at a steady rate, of sensors that hold some history, beside a light load.
 *
 * 1. A query's latency counts from when it was due, not from when a connection was free for it: the target is about
 *    this one. It contains what this process is late, whose timers have a grain of 1 to 2 ms and whose load shares the
 *    processors.
 * 2. The second row tells the two parts: how late queries were sent, and how long they took from then on. The latter
 *    alone says too little: a server that stands still makes the next queries late, not slow.
 * 3. The third row tells whether it grows better: V8 goes on compiling for a while, on threads of its own that take
 *    the processors from those that answer.
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

/** Parts of the time that are told apart. */
const quarters = 4;

/** One answered query. */
interface Latency {
  /** As its number among all. */
  readonly number: number;
  /** From due to sent, and from sent to answered. */
  readonly lateMs: number;
  readonly answerMs: number;
}

interface Asked {
  readonly latencies: readonly Latency[];
  readonly failures: number;
}

/** `ids` one after the other, each at its time, over as many connections as are free. */
async function ask(url: URL, ids: readonly string[], forSeconds: number): Promise<Asked> {
  const startedAtMs = performance.now();
  const all = askedPerSecond * forSeconds;
  const latencies: Latency[] = [];
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
      const sentMs = performance.now();
      const { status } = await connection.request({
        ...{ method: "GET", target, headers: {}, body: "", timeoutMs },
      });
      if (status !== 200) failures++;
      latencies.push({ number, lateMs: sentMs - dueMs, answerMs: performance.now() - sentMs });
    }
    connection.close();
  };
  await Promise.all(Array.from({ length: connections }, lane));
  return { latencies, failures };
}

const fromDue = ({ lateMs, answerMs }: Latency) => lateMs + answerMs;

/** Median, p99 and the largest. */
function spread(latenciesMs: readonly number[]): string {
  const [p50, p99] = [quantile(latenciesMs, 0.5), quantile(latenciesMs, 0.99)];
  const max = quantile(latenciesMs, 1);
  return `p50 ${milliseconds(p50)}, p99 ${milliseconds(p99)}, max ${milliseconds(max)}`;
}

/** From due, the p99 of each part of the time. */
function byQuarter(latencies: readonly Latency[]): string {
  const each = latencies.length / quarters;
  return Array.from({ length: quarters }, (_, quarter) => {
    const own = latencies.filter(({ number }) => Math.floor(number / each) === quarter);
    return milliseconds(quantile(own.map(fromDue), 0.99));
  }).join(", ");
}

/** A row that only tells more. */
function telling(figure: string, measured: string): Row {
  return { figure, target: "", measured, isMet: null, serverCpu: "", clientCpu: "" };
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
    const { latencies, failures } = await ask(bench.url, ids, forSeconds);
    const serverCpu = cpuText(before, await readStats(await server.nodePid()));
    const clientCpu = ownCpuText(ownBefore);
    await load;
    const latenciesMs = latencies.map(fromDue);
    const sent = spread(latencies.map(({ answerMs }) => answerMs));
    const late = spread(latencies.map(({ lateMs }) => lateMs));
    return [
      {
        figure: `${askedPerSecond} strict queries/s beside ${loadPerSecond} readings/s, ${forSeconds} s`,
        target: `p99 ≤ ${targetP99Ms} ms`,
        measured: `${spread(latenciesMs)}; ${failures} not answered 200`,
        isMet: quantile(latenciesMs, 0.99) <= targetP99Ms && failures === 0,
        serverCpu,
        clientCpu,
      },
      telling("from sent to answered; sent after due", `${sent}; ${late}`),
      telling("p99 from due, by quarter of the time", byQuarter(latencies)),
    ];
  });
}

export const askLatency: Figure = {
  name: "ask",
  meaning: "how long strict queries take at a steady rate",
  run: measure,
};
