/**
 * Scraping: 100 targets of 1,000 series each, every 15 s, on a node embedded. The targets are this process.
 *
 * After the first readings, which make 100,000 actors, each target is to be asked for each 15 s; at the end some series
 * are compared with how often theirs was.
 */

import { Targets } from "../services/targets.ts";
import { seriesId } from "../../actors/series/sample.ts";
import {
  type BenchOptions,
  type Figure,
  grouped,
  mebibytes,
  milliseconds,
  quantile,
  type Row,
} from "./figure.ts";
import { type Bench, loadFlags, seconds, withBench } from "./measured_server.ts";
import { cpuSecondsBetween, cpuText, ownCpuSeconds, ownCpuText, readStats } from "./process_stats.ts";

const targetCount = 100;
const seriesCount = 1000;
const everyMs = 15_000;
/** A reading that begins later than that after it was due is late. */
const lateMs = 1000;
const compared = 10;

const names = Array.from({ length: targetCount }, (_, i) => `target-${i}`);

/** Half of them counters, with labels as a node exporter has them. */
function page(turn: number): string {
  const lines = ["# TYPE bench_requests_total counter", "# TYPE bench_level gauge"];
  for (let i = 0; i < seriesCount / 2; i++) {
    lines.push(`bench_requests_total{device="disk${i}",mode="read",cpu="${i % 8}"} ${turn * 17 + i}`);
    lines.push(`bench_level{device="disk${i}",mountpoint="/srv/data/${i}"} ${((turn + i) % 100) / 8}`);
  }
  return `${lines.join("\n")}\n`;
}

function serve(): Targets {
  const turns = new Map<string, number>();
  const answer = (name: string) => () => {
    const turn = (turns.get(name) ?? 0) + 1;
    turns.set(name, turn);
    return new Response(page(turn), { headers: { "content-type": "text/plain; version=0.0.4" } });
  };
  return new Targets(Object.fromEntries(names.map((name) => [`/${name}`, answer(name)])));
}

async function json(url: URL, path: string, init: RequestInit = {}) {
  const response = await fetch(new URL(path, url), {
    headers: { "content-type": "application/json" },
    ...init,
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${path} was answered with ${response.status}: ${text}`);
  return JSON.parse(text);
}

async function configure({ url }: Bench, targets: Targets): Promise<void> {
  for (const name of names) {
    const spec = { type: "target", url: targets.url(`/${name}`), every: `${everyMs / 1000}s` };
    await json(url, `/sources/${name}`, { method: "PUT", body: JSON.stringify(spec) });
  }
}

/** Milliseconds between two times that a target was asked for, of all, from `sinceMs` on. */
function gapsOf(targets: Targets, sinceMs: number): readonly number[] {
  return names.flatMap((name) => {
    const moments = (targets.asked.get(`/${name}`) ?? []).filter((moment) => moment >= sinceMs);
    return moments.slice(1).map((moment, i) => moment - moments[i]!);
  });
}

interface Outcome {
  readonly failures: number;
  readonly refused: number;
  /** How long the last reading of each took, milliseconds. */
  readonly tookMs: readonly number[];
  /** Series whose number of values is not the number of readings. */
  readonly wrong: number;
}

async function outcomeOf({ url }: Bench, targets: Targets): Promise<Outcome> {
  const tookMs: number[] = [];
  let failures = 0;
  let refused = 0;
  for (const name of names) {
    const { last, failures: failed } = await json(url, `/sources/${name}`);
    tookMs.push(last.tookMs);
    failures += failed;
    refused += Object.values(last.refused).reduce((sum: number, count) => sum + Number(count), 0);
  }
  let wrong = 0;
  for (const [i, name] of names.slice(0, compared).entries()) {
    const labels = { device: `disk${i}`, mountpoint: `/srv/data/${i}`, job: name, instance: targets.address };
    const id = encodeURIComponent(seriesId("bench_level", labels));
    const before = targets.asked.get(`/${name}`)!.length;
    const { total } = await json(url, `/series/${id}/windows`);
    const after = targets.asked.get(`/${name}`)!.length;
    // One may be on its way.
    if (total.value.count > after || total.value.count < before - 1) wrong++;
  }
  return { failures, refused, tookMs, wrong };
}

async function measure(options: BenchOptions): Promise<readonly Row[]> {
  const forSeconds = Math.max(options.seconds, 3 * everyMs / 1000);
  return await withBench(loadFlags, async (bench) => {
    const server = await bench.start();
    await using targets = serve();
    const pid = await server.nodePid();
    await configure(bench, targets);
    await seconds(2 * everyMs / 1000);
    const [before, ownBefore, sinceMs] = [await readStats(pid), ownCpuSeconds(), performance.now()];
    await seconds(forSeconds);
    const [after, tookSeconds] = [await readStats(pid), (performance.now() - sinceMs) / 1000];
    const clientCpu = ownCpuText(ownBefore);
    const gaps = gapsOf(targets, sinceMs);
    const { failures, refused, tookMs, wrong } = await outcomeOf(bench, targets);
    const wanted = targetCount * (Math.floor(forSeconds * 1000 / everyMs) - 1);
    const late = gaps.filter((gap) => gap > everyMs + lateMs).length;
    const share = cpuSecondsBetween(before, after) / tookSeconds;
    return [{
      figure: `${targetCount} targets × ${grouped(seriesCount)} series each ${
        everyMs / 1000
      } s, ${forSeconds} s`,
      target: "every scrape in time, every value counted",
      measured:
        `${gaps.length} scrapes, late ${late}, longest pause ${
          milliseconds(Math.max(...gaps))
        }; failed ${failures}, ` +
        `refused ${refused}; took p50 ${milliseconds(quantile(tookMs, 0.5))}, max ${
          milliseconds(Math.max(...tookMs))
        }; ` +
        `of ${compared} series compared wrong ${wrong}`,
      isMet: gaps.length >= wanted && late === 0 && failures === 0 && refused === 0 && wrong === 0,
      serverCpu: cpuText(before, after),
      clientCpu,
    }, {
      figure: "its share of one processor, and memory",
      target: "",
      measured: `${(100 * share).toFixed(0)} %; ${mebibytes(after?.rssBytes ?? 0)}`,
      isMet: null,
      serverCpu: "",
      clientCpu: "",
    }];
  });
}

export const scrape: Figure = {
  name: "scrape",
  meaning: "100 targets of 1,000 series each 15 s: every scrape in time, and what it costs",
  run: measure,
};
