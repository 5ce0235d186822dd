/**
 * As many requests as the server answers with 202, each with one reading, as sensors without a gateway send them.
 *
 * 1. Each connection sends its next request when the last was answered; nothing is pipelined.
 * 2. The client parses no more of an answer than it must, since it shares the processors with the server: the status,
 *    and that the answer is whole. An answer that is not the expected one ends the measurement.
 * 3. Afterwards the counts of all sensors are compared with what was answered 202.
 */

import { HttpConnection } from "../../actors/simulate/http_connection.ts";
import { answerSchema } from "../verify/answer.ts";
import { type BenchOptions, type Figure, milliseconds, quantile, type Row } from "./figure.ts";
import { loadFlags, withBench } from "./measured_server.ts";
import { cpuText, ownCpuSeconds, ownCpuText, readStats } from "./process_stats.ts";

const targetPerSecond = 20_000;
const sensors = 10_000;
const connections = 256;
const maxSeconds = 20;
const timeoutMs = 10_000;
/** One latency in so many is kept. */
const sampledOf = 16;

const encoder = new TextEncoder();
const statusOk = encoder.encode("HTTP/1.1 202 ");
const answerEnd = encoder.encode('{"accepted":1,"rejected":[]}\n');

function sensorId(sensor: number): string {
  return `single-${sensor}`;
}

function requestOf(url: URL, sensor: number): Uint8Array<ArrayBuffer> {
  const body = `{"id":"${sensorId(sensor)}","values":{"temperature":${20 + sensor % 8 / 8}}}`;
  return encoder.encode(
    `POST /readings HTTP/1.1\r\nhost: ${url.host}\r\ncontent-type: application/json\r\n` +
      `content-length: ${body.length}\r\n\r\n${body}`,
  );
}

function isAccepted(bytes: Uint8Array): boolean {
  return statusOk.every((byte, at) => bytes[at] === byte) &&
    answerEnd.every((byte, at) => bytes[bytes.length - answerEnd.length + at] === byte);
}

class Senders {
  readonly counts = new Uint32Array(sensors);
  readonly latenciesMs: number[] = [];
  accepted = 0;
  readonly #url: URL;
  readonly #requests: readonly Uint8Array<ArrayBuffer>[];
  #next = 0;

  constructor(url: URL) {
    this.#url = url;
    this.#requests = Array.from({ length: sensors }, (_, sensor) => requestOf(url, sensor));
  }

  async run(untilMs: number): Promise<void> {
    await Promise.all(Array.from({ length: connections }, () => this.#send(untilMs)));
  }

  async #send(untilMs: number): Promise<void> {
    using connection = await Deno.connect({ hostname: this.#url.hostname, port: Number(this.#url.port) });
    connection.setNoDelay(true);
    const answer = new Uint8Array(1024);
    for (let nowMs = performance.now(); nowMs < untilMs;) {
      const sensor = this.#next++ % sensors;
      await connection.write(this.#requests[sensor]!);
      const length = await connection.read(answer);
      const bytes = answer.subarray(0, length ?? 0);
      if (!isAccepted(bytes)) throw new Error(`Answered ${new TextDecoder().decode(bytes)}`);
      const answeredAtMs = performance.now();
      if (this.accepted++ % sampledOf === 0) this.latenciesMs.push(answeredAtMs - nowMs);
      this.counts[sensor]!++;
      nowMs = answeredAtMs;
    }
  }
}

/** How many sensors do not have as many readings as were accepted. */
async function wrongSensors(url: URL, counts: Uint32Array): Promise<number> {
  const connection = new HttpConnection(url);
  let wrong = 0;
  for (const [sensor, expected] of counts.entries()) {
    if (expected === 0) continue;
    const target = `/sensors/${sensorId(sensor)}/windows`;
    const { status, text } = await connection.request({
      ...{ method: "GET", target, headers: {}, body: "", timeoutMs },
    });
    const count = status === 200 ? answerSchema.parse(JSON.parse(text)).total.temperature?.count : undefined;
    if (count !== expected) wrong++;
  }
  connection.close();
  return wrong;
}

async function measure({ seconds }: BenchOptions): Promise<readonly Row[]> {
  const forSeconds = Math.min(seconds, maxSeconds);
  return await withBench(loadFlags, async (bench) => {
    const server = await bench.start();
    const senders = new Senders(bench.url);
    const before = await readStats(await server.nodePid());
    const ownBefore = ownCpuSeconds();
    const startedAtMs = performance.now();
    await senders.run(startedAtMs + forSeconds * 1000);
    const tookSeconds = (performance.now() - startedAtMs) / 1000;
    const serverCpu = cpuText(before, await readStats(await server.nodePid()));
    const clientCpu = ownCpuText(ownBefore);
    const wrong = await wrongSensors(bench.url, senders.counts);
    const rate = senders.accepted / tookSeconds;
    const [p50, p99] = [quantile(senders.latenciesMs, 0.5), quantile(senders.latenciesMs, 0.99)];
    return [{
      figure: `requests with one reading, ${connections} connections, ${sensors} sensors, ${forSeconds} s`,
      target: `≥ ${targetPerSecond.toLocaleString("en")}/s, all counted`,
      measured: `${Math.round(rate).toLocaleString("en")}/s; p50 ${milliseconds(p50)}, p99 ${
        milliseconds(p99)
      }; wrong sensors ${wrong}`,
      isMet: rate >= targetPerSecond && wrong === 0,
      serverCpu,
      clientCpu,
    }];
  });
}

export const singleReading: Figure = {
  name: "single",
  meaning: "requests a second with one reading each",
  run: measure,
};
