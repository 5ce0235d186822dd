/**
 * A million sensors that are seen once: what they take, and how soon any of them is answered, most of them from the
 * store. Each answer must count the sensor's one reading.
 */

import { z } from "zod";
import { HttpConnection } from "../../actors/simulate/http_connection.ts";
import { eventually } from "../services/eventually.ts";
import { answerSchema } from "../verify/answer.ts";
import { evenId, sendEvenly } from "./even_load.ts";
import { type Figure, grouped, mebibytes, milliseconds, quantile, type Row } from "./figure.ts";
import { loadFlags, seconds as wait, withBench } from "./measured_server.ts";
import { watchMemory } from "./memory_watch.ts";
import { readMetrics } from "./metrics.ts";
import { cpuText, ownCpuSeconds, ownCpuText, type ProcessStats, readStats } from "./process_stats.ts";

const sensors = 1_000_000;
/** Every one of them new: a fraction of what known sensors may send. */
const ratePerSecond = 20_000;
/** A slow machine folds later than it accepts: what waits for that would be measured, not answers. */
const foldedMs = 120_000;
const settleSeconds = 20;
const queries = 10_000;
const targetBytes = 2 ** 30;
const targetMs = 20;
const timeoutMs = 10_000;

function largest(readings: readonly ProcessStats[]): number {
  return Math.max(...readings.map(({ rssBytes }) => rssBytes));
}

/** Asks for sensors in no order, one after the other; milliseconds of each answer. */
async function ask(url: URL): Promise<readonly number[]> {
  const connection = new HttpConnection(url);
  const latenciesMs: number[] = [];
  for (let query = 0; query < queries; query++) {
    const id = evenId(Math.floor(Math.random() * sensors));
    const target = `/sensors/${id}/windows`;
    const startedAtMs = performance.now();
    const answer = await connection.request({ method: "GET", target, headers: {}, body: "", timeoutMs });
    latenciesMs.push(performance.now() - startedAtMs);
    const count = answer.status === 200 ? answerSchema.parse(JSON.parse(answer.text)).total.c0?.count : null;
    if (count !== 1) {
      throw new Error(`${id} was sent one reading; its answer is ${answer.status} ${answer.text}`);
    }
  }
  connection.close();
  return latenciesMs;
}

const actorsSchema = z.object({ kinds: z.array(z.object({ count: z.number() })) });

async function storedActors(url: URL): Promise<number> {
  const answer = await fetch(new URL("/actors", url));
  return actorsSchema.parse(await answer.json()).kinds.reduce((sum, { count }) => sum + count, 0);
}

async function measure(): Promise<readonly Row[]> {
  return await withBench(loadFlags, async (bench) => {
    const server = await bench.start();
    const pid = await server.nodePid();
    const idle = await readStats(pid);
    const ownBefore = ownCpuSeconds();
    const startedAtMs = performance.now();
    const endLoadWatch = watchMemory(pid);
    const { latencies } = await sendEvenly({
      url: bench.url,
      name: "once",
      sensors,
      channels: 2,
      ratePerSecond,
      readingsEach: 1,
      forSeconds: Infinity,
    });
    const tookSeconds = (performance.now() - startedAtMs) / 1000;
    const clientCpu = ownCpuText(ownBefore);
    await eventually(
      "all sensors in the store",
      foldedMs,
      async () => await storedActors(bench.url) === sensors || null,
    );
    await wait(settleSeconds);
    const loading = await endLoadWatch();
    const loaded = loading.at(-1) ?? null;
    const metrics = await readMetrics(bench.url);
    const endQueryWatch = watchMemory(pid);
    const latenciesMs = await ask(bench.url);
    const asking = await endQueryWatch();
    const maxMs = Math.max(...latenciesMs);
    const maxBytes = Math.max(largest(loading), largest(asking));
    const metric = (name: string) => metrics.get(name) ?? NaN;
    return [{
      figure: `${grouped(sensors)} sensors seen once, ${grouped(ratePerSecond)}/s: memory of the node`,
      target: `≤ ${mebibytes(targetBytes)}`,
      measured: `largest ${mebibytes(maxBytes)}, at rest ${mebibytes(loaded?.rssBytes ?? NaN)}; ` +
        `in memory ${grouped(metric("sensorium_actors"))} of ${grouped(await storedActors(bench.url))}, ` +
        `evictions ${grouped(metric("sensorium_evictions_total"))}; ` +
        `heap ${mebibytes(metric("sensorium_heap_bytes"))}, ` +
        `external ${mebibytes(metric("sensorium_external_bytes"))}`,
      isMet: maxBytes <= targetBytes,
      serverCpu: cpuText(idle, loaded),
      clientCpu,
    }, {
      figure: "sending them",
      target: "",
      measured: `${tookSeconds.toFixed(0)} s; p50 ${milliseconds(latencies.quantileMs(0.5))}, ` +
        `p99 ${milliseconds(latencies.quantileMs(0.99))}`,
      isMet: null,
      serverCpu: "",
      clientCpu: "",
    }, {
      figure: `any of them answered, ${grouped(queries)} strict queries in no order`,
      target: `≤ ${targetMs} ms`,
      measured: `p50 ${milliseconds(quantile(latenciesMs, 0.5))}, ` +
        `p99 ${milliseconds(quantile(latenciesMs, 0.99))}, max ${milliseconds(maxMs)}`,
      isMet: maxMs <= targetMs,
      serverCpu: "",
      clientCpu: "",
    }];
  });
}

export const scale: Figure = {
  name: "scale",
  meaning: "memory and answers with a million sensors seen once",
  run: measure,
};
