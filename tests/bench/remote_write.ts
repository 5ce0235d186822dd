/**
 * Remote write: series as a Prometheus has them, 2,000 samples a request, as fast as a node answers 204.
 *
 * The clock runs from the first request until the node, asked to stop, has folded and checkpointed everything and is
 * gone. Then it is started again, and series are asked how many values they have.
 */

import { seriesId } from "../../actors/series/sample.ts";
import { packed, requestOf } from "../services/write_request.ts";
import {
  type BenchOptions,
  type Figure,
  grouped,
  milliseconds,
  perSecond,
  quantile,
  type Row,
} from "./figure.ts";
import { loadFlags, withBench } from "./measured_server.ts";
import { cpuText, ownCpuSeconds, ownCpuText, readStats } from "./process_stats.ts";

const targetPerSecond = 100_000;
const seriesCount = 10_000;
/** Prometheus' `max_samples_per_send`. */
const requestSamples = 2000;
const requests = seriesCount / requestSamples;
/** As many at a time: each sends one share of the series. */
const senders = 5;
const intervalMs = 1000;
const compared = 20;

/** As those of a node exporter, with a job and an instance. */
function labelsOf(series: number): Record<string, string> {
  return {
    __name__: "node_cpu_seconds_total",
    cpu: `${series % 8}`,
    instance: `10.0.${series >> 12}.${(series >> 4) & 0xff}:9100`,
    job: "node",
    mode: `mode-${(series >> 3) % 8}-${series}`,
  };
}

function idOf(series: number): string {
  const { __name__: name = "", ...labels } = labelsOf(series);
  return seriesId(name, labels);
}

function requestBody(request: number, timeMs: number): Uint8Array<ArrayBuffer> {
  return packed(requestOf(Array.from({ length: requestSamples }, (_, place) => {
    const series = request * requestSamples + place;
    return { labels: labelsOf(series), samples: [[(timeMs % 100_000) / 8 + series, timeMs]] };
  })));
}

interface Sent {
  /** Rounds, by request, that were answered with 204. */
  readonly rounds: number[];
  readonly tookMs: number[];
}

/** Sends the requests `sender`, `sender + senders`, … of one round after another until `untilMs`. */
async function send(url: URL, sender: number, fromMs: number, untilMs: number, sent: Sent): Promise<void> {
  for (let round = 0;; round++) {
    for (let request = sender; request < requests; request += senders) {
      if (performance.now() >= untilMs) return;
      const body = requestBody(request, fromMs + round * intervalMs);
      const beganMs = performance.now();
      const response = await fetch(new URL("/api/v1/write", url), {
        method: "POST",
        headers: { "content-type": "application/x-protobuf", "content-encoding": "snappy" },
        body,
      });
      const text = await response.text();
      if (response.status !== 204) throw new Error(`A request was answered with ${response.status}: ${text}`);
      sent.tookMs.push(performance.now() - beganMs);
      sent.rounds[request]!++;
    }
  }
}

/** Series whose number of values is not the number of rounds of their request. */
async function wrongSeries(url: URL, { rounds }: Sent): Promise<number> {
  let wrong = 0;
  for (let i = 0; i < compared; i++) {
    const series = Math.floor(i * seriesCount / compared) + i;
    const response = await fetch(new URL(`/series/${encodeURIComponent(idOf(series))}/windows`, url));
    const { total } = await response.json();
    if (total?.value?.count !== rounds[Math.floor(series / requestSamples)]) wrong++;
  }
  return wrong;
}

async function measure({ seconds }: BenchOptions): Promise<readonly Row[]> {
  return await withBench(loadFlags, async (bench) => {
    const server = await bench.start();
    const pid = await server.nodePid();
    const [before, ownBefore, beganMs] = [await readStats(pid), ownCpuSeconds(), performance.now()];
    const sent: Sent = { rounds: new Array<number>(requests).fill(0), tookMs: [] };
    const fromMs = Date.now() - 3_600_000;
    const untilMs = beganMs + seconds * 1000;
    await Promise.all(Array.from({ length: senders }, (_, i) => send(bench.url, i, fromMs, untilMs, sent)));
    const after = await readStats(pid);
    const clientCpu = ownCpuText(ownBefore);
    await server.stop();
    const tookSeconds = (performance.now() - beganMs) / 1000;
    await bench.start();
    const wrong = await wrongSeries(bench.url, sent);
    const samples = sent.tookMs.length * requestSamples;
    const rate = samples / tookSeconds;
    return [{
      figure: `remote write, ${grouped(seriesCount)} series, requests of ${
        grouped(requestSamples)
      }, ${seconds} s`,
      target: `≥ ${perSecond(targetPerSecond)}, every value counted`,
      measured: `${perSecond(rate)}; p50 ${milliseconds(quantile(sent.tookMs, 0.5))}, ` +
        `p99 ${milliseconds(quantile(sent.tookMs, 0.99))}; of ${compared} series compared wrong ${wrong}`,
      isMet: rate >= targetPerSecond && wrong === 0,
      serverCpu: cpuText(before, after),
      clientCpu,
    }];
  });
}

export const remoteWrite: Figure = {
  name: "remote-write",
  meaning: "samples a second that Prometheus writes, folded and checkpointed",
  run: measure,
};
