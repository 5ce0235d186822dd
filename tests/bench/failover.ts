/**
 * How long the actors of a part that dies are away, and what those of the others notice: hosts that end, hang, or are
 * killed by a message; the whole node. Two hosts, under load; nothing of it may be lost or counted twice.
 *
 * A host is told to die by a query or a message (`tests/chaos/saboteurs.ts`). Its shards answer again when a strict
 * query to each of them, asked right then, is answered. The pause of the others is the slowest answer to queries that go
 * to their shards, the next one 5 ms after each answer, until the dead host's have answered and half a second longer, in
 * which the next spare thread is loaded. Without those 5 ms the queries would be most of the load: 1,500 a second take a
 * processor of the two.
 */

import { Client } from "../chaos/client.ts";
import { eventually } from "../services/eventually.ts";
import { shardOf } from "../../runtime/core/murmur2.ts";
import { type BenchOptions, type Figure, median, milliseconds, quantile, type Row } from "./figure.ts";
import { lossText, runLoad, verifyLoad } from "./load.ts";
import { type Bench, loadFlags, seconds as wait, withBench } from "./measured_server.ts";
import { ownCpuSeconds, ownCpuText } from "./process_stats.ts";

const shards = 8;
const hosts = 2;
const sensors = 10_000;
const pacedPerSecond = 20_000;
const warmUpSeconds = 6;
/** One death shall not be met as the next of a series: see `hostBackoff` and `nodeBackoff`. */
const restSeconds = 6;
const afterSeconds = 0.5;
const betweenQueriesSeconds = 0.005;
const deadlineMs = 60_000;
const flags = [...loadFlags, "--threads", `${hosts}`];
const entry = "tests/chaos/launch.ts";

type Damage = "ends" | "hangs" | "is killed by a message" | "node";

interface Wanted {
  readonly awayMs: number;
  /** Null: all shards are away. */
  readonly pauseMs: number | null;
}

interface Outage {
  readonly awayMs: number;
  /** NaN when there are no others. */
  readonly pauseMs: number;
}

/** A sensor of the shard. */
function probeOf(shard: number): string {
  for (let n = 0;; n++) if (shardOf(`probe-${n}`, shards) === shard) return `probe-${n}`;
}

const probes = Array.from({ length: shards }, (_, shard) => probeOf(shard));

function probesOf(host: number): readonly string[] {
  return probes.filter((_, shard) => shard % hosts === host);
}

/** Asks one after the other, and keeps the slowest answer. */
async function watch(client: Client, ids: readonly string[], isOver: () => boolean): Promise<number> {
  let slowestMs = 0;
  for (let n = 0; !isOver(); n++) {
    const fromMs = performance.now();
    await client.count(ids[n % ids.length]!, "probe");
    slowestMs = Math.max(slowestMs, performance.now() - fromMs);
    await wait(betweenQueriesSeconds);
  }
  return slowestMs;
}

async function untilAnswered(client: Client, ids: readonly string[]): Promise<void> {
  await Promise.all(ids.map((id) => client.count(id, "probe")));
}

class Drill {
  readonly #client: Client;
  readonly #folder: string;
  #number = 0;

  constructor(bench: Bench, folder: string) {
    this.#client = new Client(() => [bench.url], deadlineMs);
    this.#folder = folder;
  }

  async prepare(): Promise<void> {
    await this.#client.post("probes", probes.map((id) => ({ id, values: { probe: 1 } })));
    await untilAnswered(this.#client, probes);
  }

  answers(): Promise<void> {
    return untilAnswered(this.#client, probes);
  }

  async damage(how: Exclude<Damage, "node">): Promise<Outage> {
    const number = this.#number++;
    const host = number % hosts;
    let isOver = false;
    const others = watch(this.#client, probesOf(1 - host), () => isOver);
    try {
      const fromMs = performance.now();
      const answered = this.#kill(how, probesOf(host)[0]!, number);
      // A message is answered before it is folded, a query only by the host's next thread.
      if (how === "is killed by a message") await answered;
      else await wait(0.005);
      await Promise.all([answered, untilAnswered(this.#client, probesOf(host))]);
      const awayMs = performance.now() - fromMs;
      await wait(afterSeconds);
      isOver = true;
      return { awayMs, pauseMs: await others };
    } finally {
      isOver = true;
    }
  }

  async #kill(how: Exclude<Damage, "node">, id: string, number: number): Promise<void> {
    if (how === "is killed by a message") {
      await this.#client.post(`kill-${number}`, [{ id, values: { sabotage_loops: 1 } }]);
      return;
    }
    const query = how === "ends" ? "sabotage_exits" : "sabotage_loops";
    const once = encodeURIComponent(`${this.#folder}/${number}`);
    await this.#client.get(`/actors/sensor/${id}?query=${query}&once=${once}`);
  }

  async killNode(pid: number): Promise<Outage> {
    const fromMs = performance.now();
    Deno.kill(pid, "SIGKILL");
    await untilAnswered(this.#client, probes);
    return { awayMs: performance.now() - fromMs, pauseMs: NaN };
  }
}

async function noneLingers(adminUrl: URL): Promise<void> {
  await eventually("the end of threads that were given up", deadlineMs, async () => {
    const response = await fetch(new URL("/metrics", adminUrl));
    return /^sensorium_abandoned_threads 0$/m.test(await response.text()) ? true : null;
  });
}

function row(
  figure: string,
  outages: readonly Outage[],
  wanted: Wanted | null,
  losses: string,
  clientCpu: string,
): Row {
  const away = outages.map(({ awayMs }) => awayMs);
  const pauses = outages.map(({ pauseMs }) => pauseMs).filter((ms) => !Number.isNaN(ms));
  const p99Ms = quantile(away, 0.99);
  const pauseMs = pauses.length === 0 ? null : Math.max(...pauses);
  const others = pauseMs === null
    ? ""
    : `; others' longest pause: median ${milliseconds(median(pauses))}, max ${milliseconds(pauseMs)}`;
  const target = wanted === null ? "" : `p99 ≤ ${milliseconds(wanted.awayMs)}` +
    (wanted.pauseMs === null ? "" : `, others ≤ ${milliseconds(wanted.pauseMs)}`);
  return {
    figure: `${figure}, ${outages.length} times`,
    target,
    measured: `p50 ${milliseconds(median(away))}, p99 ${milliseconds(p99Ms)}${others}; ${losses}`,
    isMet: wanted === null
      ? null
      : p99Ms <= wanted.awayMs && (wanted.pauseMs === null || (pauseMs ?? 0) <= wanted.pauseMs),
    serverCpu: "",
    clientCpu,
  };
}

async function outages(how: Damage, times: number, ratePerSecond: number | null, wanted: Wanted | null) {
  const ownBefore = ownCpuSeconds();
  const folder = await Deno.makeTempDir({ prefix: "sensorium-failover-" });
  try {
    return await withBench(flags, async (bench) => {
      const server = await bench.start();
      const drill = new Drill(bench, folder);
      await drill.prepare();
      const found: Outage[] = [];
      const stop = new AbortController();
      const load = runLoad({ url: bench.url, sensors, ratePerSecond, forSeconds: 3600, stop: stop.signal });
      load.catch(() => {});
      await wait(warmUpSeconds);
      for (let time = 0; time < times; time++) {
        found.push(how === "node" ? await drill.killNode(await server.nodePid()) : await drill.damage(how));
        // A thread that loops on costs the node its process, some seconds later.
        await noneLingers(server.adminUrl);
        await drill.answers();
        await wait(restSeconds);
      }
      stop.abort();
      const verification = await verifyLoad(bench.url, await load);
      const speed = ratePerSecond === null ? "full load" : `${ratePerSecond}/s`;
      const what = how === "node" ? `node process killed, ${sensors} live sensors` : `a host ${how}`;
      const text = `${what}, ${speed} → answers again`;
      return row(text, found, wanted, lossText(verification), ownCpuText(ownBefore));
    }, { entry });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function hostEnds({ rounds }: BenchOptions): Promise<readonly Row[]> {
  return [
    await outages("ends", rounds * 10, pacedPerSecond, { awayMs: 300, pauseMs: 100 }),
    await outages("ends", rounds * 3, null, null),
  ];
}

async function hostHangs({ rounds }: BenchOptions): Promise<readonly Row[]> {
  return [
    await outages("hangs", rounds * 3, pacedPerSecond, { awayMs: 2500, pauseMs: null }),
    await outages("is killed by a message", rounds, pacedPerSecond, { awayMs: 15_000, pauseMs: 100 }),
  ];
}

async function nodeDies({ rounds }: BenchOptions): Promise<readonly Row[]> {
  return [
    await outages("node", rounds * 10, pacedPerSecond, { awayMs: 2000, pauseMs: null }),
    await outages("node", rounds * 3, null, null),
  ];
}

export const hostDeath: Figure = {
  name: "host-death",
  meaning: "how long actors are away when their thread ends",
  run: hostEnds,
};

export const hostHang: Figure = {
  name: "host-hang",
  meaning: "the same when it hangs, once, and at a message that makes it hang every time",
  run: hostHangs,
};

export const nodeDeath: Figure = {
  name: "node-death",
  meaning: "the same when the node's process is killed, and its launcher starts it again",
  run: nodeDies,
};
