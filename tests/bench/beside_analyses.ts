/**
 * What ingestion loses while the node analyses: whole competitions of series of 700 minutes, one after the other without
 * a pause, asked of the node over HTTP. A node by its rules has far fewer of them: one an hour for each series.
 *
 * Rounds with and without them alternate on one node, the order within a pair changes, and the loss is the median of the
 * pairs'. First as much is sent as the node takes, then a share of that at a fixed rate. A round ends when all that it
 * sent is folded.
 */

import type { Tally } from "../../actors/simulate/courier.ts";
import { HttpConnection } from "../../actors/simulate/http_connection.ts";
import { shardOf } from "../../runtime/core/murmur2.ts";
import { Client } from "../chaos/client.ts";
import { evenId, sendEvenly } from "./even_load.ts";
import {
  type BenchOptions,
  type Figure,
  grouped,
  median,
  milliseconds,
  perSecond,
  quantile,
  type Row,
} from "./figure.ts";
import { kindsOfSeries } from "./kinds_of_series.ts";
import { type Bench, loadFlags, withBench } from "./measured_server.ts";
import { readMetrics } from "./metrics.ts";
import {
  cpuText,
  ownCpuSeconds,
  ownCpuText,
  readStats,
  threadsPerMillionText,
  usedByThread,
} from "./process_stats.ts";

const mostLoss = 0.05;
const sensors = 10_000;
const shards = 8;
const points = 700;
const minuteMs = 60_000;
/** Of what the node takes at most, the fixed rate. */
const fixedShare = 0.6;
/** Rounds shorter than this tell more of checkpoints than of load. */
const minRoundSeconds = 5;
const deadlineMs = 60_000;

/** By their names' beginning a node keeps their minutes, whether a rule wants them or not. */
const series = kindsOfSeries(points, 1).map(({ name, values }) => ({ id: `host_bench_${name}`, values }));

/** A sensor of each shard. */
const probes = Array.from({ length: shards }, (_, shard) => {
  for (let n = 0;; n++) if (shardOf(evenId(n), shards) === shard) return evenId(n);
});

async function importSeries({ url }: Bench): Promise<void> {
  const fromMs = Math.floor(Date.now() / minuteMs - points) * minuteMs;
  for (const { id, values } of series) {
    const lines = Array.from(values, (value, minute) => `${fromMs + minute * minuteMs},${value}\n`)
      .filter((_, minute) => !Number.isNaN(values[minute]));
    const response = await fetch(new URL(`/series/${id}/history`, url), {
      method: "POST",
      headers: { "content-type": "text/csv" },
      body: `timestamp,value\n${lines.join("")}`,
    });
    const text = await response.text();
    if (response.status !== 202) {
      throw new Error(`The history of ${id} was answered with ${response.status}: ${text}`);
    }
  }
}

/** What the node's `/metrics` tells of its compute thread. */
interface ComputeTimes {
  readonly jobs: number;
  /** How long jobs had the thread, and how long it rested behind them so that others had the processors. */
  readonly busyMs: number;
  readonly restMs: number;
}

async function computeTimes(url: URL): Promise<ComputeTimes> {
  const metrics = await readMetrics(url);
  const of = (name: string) => metrics.get(`sensorium_compute_${name}`) ?? 0;
  return {
    jobs: of("jobs_total"),
    busyMs: 1000 * of("busy_seconds_total"),
    restMs: 1000 * of("rest_seconds_total"),
  };
}

/** Asks for one forecast after the other until it is stopped; each is a competition, as no rule has made a fit. */
class Competitions {
  readonly tookMs: number[] = [];
  readonly #connection: HttpConnection;
  #isOver = false;

  constructor(url: URL) {
    this.#connection = new HttpConnection(url);
  }

  async untilStopped(): Promise<void> {
    for (let n = 0; !this.#isOver; n++) await this.#compete(series[n % series.length]!.id);
    this.#connection.close();
  }

  stop(): void {
    this.#isOver = true;
  }

  async #compete(id: string): Promise<void> {
    const fromMs = performance.now();
    const target = `/series/${id}/forecast?horizon=10m`;
    const request = { method: "GET", target, headers: {}, body: "", timeoutMs: deadlineMs } as const;
    const { status, text } = await this.#connection.request(request);
    if (status !== 200 || JSON.parse(text).forecast === null) {
      throw new Error(`${target} was answered with ${status}: ${text}`);
    }
    this.tookMs.push(performance.now() - fromMs);
  }
}

interface Round {
  readonly ratePerSecond: number;
  readonly tally: Tally;
  /** Processor seconds of the server meanwhile, by thread. */
  readonly used: ReadonlyMap<string, number>;
}

interface Pair {
  readonly alone: Round;
  readonly beside: Round;
  /** Of the competitions beside it, milliseconds each, over HTTP. */
  readonly competitionsMs: readonly number[];
  readonly compute: ComputeTimes;
}

class Rounds {
  readonly #url: URL;
  readonly #pid: number;
  readonly #client: Client;
  readonly #seconds: number;
  #number = 0;

  /** @param pid the node's */
  constructor({ url }: Bench, pid: number, seconds: number) {
    this.#url = url;
    this.#pid = pid;
    this.#client = new Client(() => [url], deadlineMs);
    this.#seconds = seconds;
  }

  /** Sends, and waits until every shard has folded all of it. */
  async #alone(ratePerSecond: number | null): Promise<Round> {
    const before = await readStats(this.#pid);
    const fromMs = performance.now();
    const tally = await sendEvenly({
      url: this.#url,
      name: `round-${this.#number++}`,
      sensors,
      channels: 1,
      ratePerSecond,
      readingsEach: Infinity,
      forSeconds: this.#seconds,
    });
    await Promise.all(probes.map((id) => this.#client.count(id, "c0")));
    const reached = tally.accepted * 1000 / (performance.now() - fromMs);
    return { ratePerSecond: reached, tally, used: usedByThread(before, await readStats(this.#pid)) };
  }

  async #beside(ratePerSecond: number | null): Promise<Omit<Pair, "alone">> {
    const competitions = new Competitions(this.#url);
    const before = await computeTimes(this.#url);
    const loading = this.#alone(ratePerSecond).finally(() => competitions.stop());
    const [beside] = await Promise.all([loading, competitions.untilStopped()]);
    const after = await computeTimes(this.#url);
    const compute: ComputeTimes = {
      jobs: after.jobs - before.jobs,
      busyMs: after.busyMs - before.busyMs,
      restMs: after.restMs - before.restMs,
    };
    return { beside, competitionsMs: competitions.tookMs, compute };
  }

  /** Both once before anything counts: code is compiled, and every sensor is there. */
  async warmUp(): Promise<void> {
    await this.#beside(null);
    await this.#alone(null);
  }

  async pairs(ratePerSecond: number | null, count: number): Promise<readonly Pair[]> {
    const pairs: Pair[] = [];
    for (let n = 0; n < count; n++) {
      const first = n % 2 === 0 ? await this.#alone(ratePerSecond) : null;
      const beside = await this.#beside(ratePerSecond);
      pairs.push({ ...beside, alone: first ?? await this.#alone(ratePerSecond) });
    }
    return pairs;
  }
}

function lossOf({ alone, beside }: Pair): number {
  return 1 - beside.ratePerSecond / alone.ratePerSecond;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

function competitionsText(pairs: readonly Pair[]): string {
  const tookMs = pairs.flatMap(({ competitionsMs }) => competitionsMs);
  const each = (of: keyof ComputeTimes) => {
    const sum = (key: keyof ComputeTimes) => pairs.reduce((all, { compute }) => all + compute[key], 0);
    return milliseconds(sum(of) / sum("jobs"));
  };
  return `${tookMs.length} competitions meanwhile, on average ${each("busyMs")} with the thread and ${
    each("restMs")
  } of its rest, each over HTTP, the wait for the rest included, median ${
    milliseconds(median(tookMs))
  }, p99 ${milliseconds(quantile(tookMs, 0.99))}`;
}

function medianOf(rounds: readonly Round[], value: (round: Round) => number): number {
  return median(rounds.map(value));
}

/** Of the server, for a million readings, by thread. */
function costText(rounds: readonly Round[]): string {
  const used = new Map<string, number>();
  for (const round of rounds) {
    for (const [name, seconds] of round.used) used.set(name, (used.get(name) ?? 0) + seconds);
  }
  return threadsPerMillionText(used, rounds.reduce((sum, { tally }) => sum + tally.accepted, 0));
}

function latencyText(rounds: readonly Round[]): string {
  const at = (share: number) =>
    milliseconds(medianOf(rounds, ({ tally }) => tally.latencies.quantileMs(share)));
  return `p50 ${at(0.5)}, p99 ${at(0.99)}`;
}

type Measured = Pick<Row, "figure" | "target" | "measured" | "isMet">;

function fullRow(pairs: readonly Pair[], seconds: number): Measured {
  const [alone, beside] = [pairs.map((pair) => pair.alone), pairs.map((pair) => pair.beside)];
  const losses = pairs.map(lossOf);
  const loss = median(losses);
  const rate = (rounds: readonly Round[]) => perSecond(medianOf(rounds, (round) => round.ratePerSecond));
  return {
    figure: `ingestion beside competitions without a pause, as much as is taken, ${pairs.length} pairs of ` +
      `${seconds} s`,
    target: `loses < ${100 * mostLoss} %`,
    measured: `loses ${percent(loss)} (pairs ${percent(Math.min(...losses))} to ${
      percent(Math.max(...losses))
    }): ${rate(alone)} alone, ${rate(beside)} beside; ${
      competitionsText(pairs)
    }; processor seconds a million: alone ${costText(alone)}; beside ${costText(beside)}`,
    isMet: loss < mostLoss,
  };
}

function fixedRow(pairs: readonly Pair[], offered: number, seconds: number): Measured {
  const [alone, beside] = [pairs.map((pair) => pair.alone), pairs.map((pair) => pair.beside)];
  const loss = 1 - medianOf(beside, (round) => round.ratePerSecond) / offered;
  const repeated = beside.reduce((sum, { tally }) => sum + tally.repeatedBodies, 0);
  return {
    figure: `the same at ${grouped(offered)} readings/s, ${percent(fixedShare)} of what is taken alone, ` +
      `${pairs.length} pairs of ${seconds} s`,
    target: `loses < ${100 * mostLoss} %, nothing refused`,
    measured: `loses ${percent(loss)}, refused at first ${repeated} bodies; alone ${
      latencyText(alone)
    }, beside ${latencyText(beside)}; ${competitionsText(pairs)}`,
    isMet: loss < mostLoss && repeated === 0,
  };
}

async function measure({ seconds, rounds: count }: BenchOptions): Promise<readonly Row[]> {
  return await withBench(loadFlags, async (bench) => {
    const server = await bench.start();
    const pid = await server.nodePid();
    await importSeries(bench);
    const pairCount = 2 * count;
    const roundSeconds = Math.max(minRoundSeconds, Math.round(seconds / pairCount));
    const rounds = new Rounds(bench, pid, roundSeconds);
    await rounds.warmUp();
    const measured = async (ratePerSecond: number | null) => {
      const [before, ownBefore] = [await readStats(pid), ownCpuSeconds()];
      const pairs = await rounds.pairs(ratePerSecond, pairCount);
      return { pairs, serverCpu: cpuText(before, await readStats(pid)), clientCpu: ownCpuText(ownBefore) };
    };
    const { pairs: full, ...fullCpu } = await measured(null);
    const offered = Math.floor(fixedShare * medianOf(full.map(({ alone }) => alone), (r) => r.ratePerSecond));
    const { pairs: fixed, ...fixedCpu } = await measured(offered);
    return [
      { ...fullRow(full, roundSeconds), ...fullCpu },
      { ...fixedRow(fixed, offered, roundSeconds), ...fixedCpu },
    ];
  });
}

export const besideAnalyses: Figure = {
  name: "beside-analyses",
  meaning: "what ingestion loses while forecasting methods compete without a pause",
  run: measure,
};
