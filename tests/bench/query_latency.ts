/**
 * From a reading's 202 to the answer of a strict query, on another connection, that counts it: under load.
 *
 * A probe whose answer lacks its reading ends the measurement with an error: a strict query must not.
 */

import { HttpConnection } from "../../actors/simulate/http_connection.ts";
import { answerSchema } from "../verify/answer.ts";
import { type BenchOptions, type Figure, milliseconds, quantile, type Row } from "./figure.ts";
import { runLoad } from "./load.ts";
import { loadFlags, seconds as wait, withBench } from "./measured_server.ts";
import { cpuText, ownCpuSeconds, ownCpuText, readStats } from "./process_stats.ts";

const maxSeconds = 20;
/** Until every sensor of the load has had a few readings. */
const warmUpSeconds = 3;
const probedSensors = 100;
const pauseSeconds = 0.005;
const timeoutMs = 10_000;

class Probe {
  readonly #writing: HttpConnection;
  readonly #reading: HttpConnection;
  readonly #counts = new Array<number>(probedSensors).fill(0);
  #number = 0;

  constructor(url: URL) {
    this.#writing = new HttpConnection(url);
    this.#reading = new HttpConnection(url);
  }

  /** Milliseconds from the 202 to the answer. */
  async measureMs(): Promise<number> {
    const sensor = this.#number++ % probedSensors;
    const id = `probe-${sensor}`;
    const body = `{"id":"${id}","ts":${Date.now()},"values":{"temperature":21.5}}`;
    const headers = { "content-type": "application/json" };
    const accepted = await this.#writing.request({
      method: "POST",
      target: "/readings",
      headers,
      body,
      timeoutMs,
    });
    const acceptedAtMs = performance.now();
    if (accepted.status !== 202) {
      throw new Error(`The probe was answered ${accepted.status} ${accepted.text}`);
    }
    const target = `/sensors/${id}/windows`;
    const answer = await this.#reading.request({ method: "GET", target, headers: {}, body: "", timeoutMs });
    const latencyMs = performance.now() - acceptedAtMs;
    const expected = this.#counts[sensor]! + 1;
    const seen = answer.status === 200
      ? answerSchema.parse(JSON.parse(answer.text)).total.temperature?.count
      : `${answer.status} ${answer.text}`;
    if (seen !== expected) throw new Error(`${id} has ${seen} readings after 202; it was sent ${expected}`);
    this.#counts[sensor] = expected;
    return latencyMs;
  }

  close(): void {
    this.#writing.close();
    this.#reading.close();
  }
}

export interface LatencyCourse {
  readonly ratePerSecond: number;
  readonly targetP99Ms: number;
  readonly seconds: number;
  /** Variables of the server. */
  readonly environment?: Readonly<Record<string, string>>;
}

export async function measureLatency(course: LatencyCourse): Promise<Row> {
  const { ratePerSecond, targetP99Ms, environment = {} } = course;
  const forSeconds = Math.min(course.seconds, maxSeconds);
  return await withBench(loadFlags, async (bench) => {
    const server = await bench.start();
    const load = runLoad({
      url: bench.url,
      sensors: 10_000,
      ratePerSecond,
      forSeconds: forSeconds + warmUpSeconds,
    });
    load.catch(() => {});
    await wait(warmUpSeconds);
    const before = await readStats(await server.nodePid());
    const ownBefore = ownCpuSeconds();
    const probe = new Probe(bench.url);
    const latenciesMs: number[] = [];
    const endMs = performance.now() + forSeconds * 1000;
    while (performance.now() < endMs) {
      latenciesMs.push(await probe.measureMs());
      await wait(pauseSeconds);
    }
    probe.close();
    const after = await readStats(await server.nodePid());
    const clientCpu = ownCpuText(ownBefore);
    await load;
    const [p50, p99] = [quantile(latenciesMs, 0.5), quantile(latenciesMs, 0.99)];
    return {
      figure: `202 → strict query answered, at ${ratePerSecond}/s, ${latenciesMs.length} probes`,
      target: `p99 ≤ ${targetP99Ms} ms`,
      measured: `p50 ${milliseconds(p50)}, p99 ${milliseconds(p99)}, max ${
        milliseconds(Math.max(...latenciesMs))
      }`,
      isMet: p99 <= targetP99Ms,
      serverCpu: cpuText(before, after),
      clientCpu,
    };
  }, { environment });
}

async function measure({ seconds }: BenchOptions): Promise<readonly Row[]> {
  return [await measureLatency({ ratePerSecond: 20_000, targetP99Ms: 50, seconds })];
}

export const queryLatency: Figure = {
  name: "query",
  meaning: "how soon a query shows what was acknowledged, under load",
  run: measure,
};
