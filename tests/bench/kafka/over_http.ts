/** What comes over HTTP, through Kafka, into windows and MySQL: how much, and how soon it is seen. */

import { isRight } from "../../verify/verifier.ts";
import { perSecond, type Row } from "../figure.ts";
import { ingest } from "../ingestion.ts";
import { lossText } from "../load.ts";
import { cpuSecondsBetween, perMillionText, readAccount } from "../process_stats.ts";
import { measureLatency } from "../query_latency.ts";
import type { KafkaFigure, KafkaRun } from "./kafka_figure.ts";

const targetPerSecond = 80_000;

async function measureIngestion({ servers, topics, seconds }: KafkaRun): Promise<readonly Row[]> {
  const name = "bench_http";
  const beside = await readAccount(servers.pids);
  const { accepted, before, readings, verification, ...measured } = await ingest(
    seconds,
    servers.environment(name),
  );
  const others = perMillionText(beside, await readAccount(servers.pids), accepted);
  await topics.remove((topic) => topic.startsWith(`${name}.`));
  const node = cpuSecondsBetween(before, readings.at(-1) ?? null) * 1e6 / accepted;
  return [{
    figure: `HTTP bodies of 100 → Kafka → windows → MySQL, ${seconds} s`,
    target: `≥ ${perSecond(targetPerSecond)}, all verified`,
    measured: `${perSecond(measured.perSecond)}; ${measured.latencies}; ${lossText(verification)}`,
    isMet: measured.perSecond >= targetPerSecond && isRight(verification),
    // The servers' with the start and the verification, which read what is there.
    serverCpu: `for a million: node ${node.toFixed(1)}, ${others}`,
    clientCpu: `for a million: ${(measured.clientCpuSeconds * 1e6 / accepted).toFixed(1)}`,
  }];
}

export const http: KafkaFigure = {
  name: "http",
  meaning: "readings a second over HTTP, through Kafka, into windows and MySQL",
  run: measureIngestion,
};

export const latency: KafkaFigure = {
  name: "latency",
  meaning: "how soon a strict query shows what was acknowledged, at 5,000/s",
  run: async ({ servers, topics, seconds }) => {
    const name = "bench_latency";
    const environment = servers.environment(name);
    const row = await measureLatency({ ratePerSecond: 5000, targetP99Ms: 100, seconds, environment });
    await topics.remove((topic) => topic.startsWith(`${name}.`));
    return [row];
  },
};
