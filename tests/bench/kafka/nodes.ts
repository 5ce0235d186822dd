/**
 * Several nodes: how long shards are away when their node dies or stops, or a thread of it, what the others notice, and
 * what a query costs that goes to another node.
 */

import type { Launcher } from "../../chaos/launcher.ts";
import { eventually } from "../../services/eventually.ts";
import { killHard } from "../../services/process_tree.ts";
import { isRight, type Verification } from "../../verify/verifier.ts";
import { median, milliseconds, quantile, type Row } from "../figure.ts";
import { lossText } from "../load.ts";
import { seconds as wait } from "../measured_server.ts";
import type { KafkaFigure, KafkaRun } from "./kafka_figure.ts";
import {
  answer,
  clusterOf,
  every,
  type NodesBench,
  pidOf,
  probeOf,
  ratePerSecond,
  shardsAt,
  slowestAnswer,
  withNodes,
} from "./nodes_bench.ts";

const liveSensors = 10_000;
const manySensors = 50_000;
/** What comes after the recovery may still be felt: the dead node's successor joins. */
const afterSeconds = 0.5;
const pauseSeconds = 0.02;
const replacedMs = 60_000;

interface Outage {
  readonly awayMs: number;
  /** Of the shards that stayed where they were; NaN: of none. */
  readonly pauseMs: number;
}

interface Wanted {
  readonly awayMs: number;
  readonly pauseMs?: number;
}

function outageRow(
  figure: string,
  outages: readonly Outage[],
  verification: Verification,
  wanted: Wanted | null,
): Row {
  const away = outages.map(({ awayMs }) => awayMs);
  const pauses = outages.map(({ pauseMs }) => pauseMs).filter((ms) => !Number.isNaN(ms));
  const [p50Ms, p99Ms, maxMs] = [quantile(away, 0.5), quantile(away, 0.99), Math.max(...away)];
  const others = pauses.length === 0
    ? ""
    : `; longest pause of the shards that stayed: p50 ${milliseconds(median(pauses))}, max ${
      milliseconds(Math.max(...pauses))
    }`;
  const target = wanted === null ? "" : `p99 ≤ ${milliseconds(wanted.awayMs)}` +
    (wanted.pauseMs === undefined ? "" : `, shards that stayed ≤ ${milliseconds(wanted.pauseMs)}`);
  return {
    figure: `${figure}, ${outages.length} times`,
    target,
    measured:
      `p50 ${milliseconds(p50Ms)}, p99 ${milliseconds(p99Ms)}, max ${milliseconds(maxMs)}${others}; ` +
      lossText(verification),
    isMet: wanted === null ? null : isRight(verification) && p99Ms <= wanted.awayMs &&
      Math.max(0, ...pauses) <= (wanted.pauseMs ?? Infinity),
    serverCpu: "",
    clientCpu: "",
  };
}

/** `work` while the shards `of` are asked without end: how long it took, and their slowest answer. */
async function during(
  work: () => Promise<void>,
  { byLone }: NodesBench,
  of: readonly number[],
): Promise<Outage> {
  let isOver = false;
  const slowest = slowestAnswer(byLone, of, () => isOver);
  try {
    const fromMs = performance.now();
    await work();
    const awayMs = performance.now() - fromMs;
    await wait(afterSeconds);
    isOver = true;
    return { awayMs, pauseMs: of.length === 0 ? NaN : await slowest };
  } finally {
    isOver = true;
  }
}

async function repeat(
  bench: NodesBench,
  times: number,
  disturb: (time: number) => Promise<Outage>,
): Promise<readonly Outage[]> {
  const outages: Outage[] = [];
  for (let time = 0; time < times; time++) {
    await bench.rest();
    const outage = await disturb(time);
    // A series lasts for minutes.
    console.log(
      `  ${
        [outage.awayMs, outage.pauseMs].filter((ms) => !Number.isNaN(ms)).map(milliseconds).join(", others ")
      }`,
    );
    outages.push(outage);
  }
  await bench.rest();
  return outages;
}

async function killOfLauncher(bench: NodesBench, time: number): Promise<Outage> {
  const { pair, byLone } = bench;
  const node = time % pair.nodes;
  const pid = await pidOf(pair, node);
  const { others } = shardsAt(await clusterOf(byLone), pair.adminUrls[node]!);
  return await during(
    () => {
      killHard(pid);
      return answer(byLone, every);
    },
    bench,
    others,
  );
}

async function killAlone({ lone, byPair }: NodesBench): Promise<Outage> {
  const fromMs = performance.now();
  await lone.server.kill();
  await answer(byPair, every);
  const awayMs = performance.now() - fromMs;
  lone.start();
  await lone.server.untilReady();
  return { awayMs, pauseMs: NaN };
}

/** The slowest answer that a moved shard gave: they answer until they go, and from when they came. */
async function stopAlone({ lone, byPair }: NodesBench): Promise<Outage> {
  const { own } = shardsAt(await clusterOf(byPair), lone.adminUrls[0]!);
  let isOver = false;
  const slowest = Promise.all(own.map((shard) => slowestAnswer(byPair, [shard], () => isOver)));
  try {
    await wait(afterSeconds);
    await lone.server.stop();
    await answer(byPair, own);
    await wait(afterSeconds);
    isOver = true;
    const awayMs = Math.max(...await slowest);
    lone.start();
    await lone.server.untilReady();
    return { awayMs, pauseMs: NaN };
  } finally {
    isOver = true;
  }
}

type Sabotage = "sabotage_exits" | "sabotage_loops";

/** Nothing ends a thread that loops: its node is replaced, some seconds after the last such thread. */
async function untilReplaced(pair: Launcher, pid: number): Promise<void> {
  await eventually("another node in place of the one with a thread that hangs", replacedMs, async () => {
    const pids = await pair.server.nodePids();
    return pids.includes(pid) ? null : true;
  });
}

/** Throws when the nodes agreed anew for it. */
async function killHost(bench: NodesBench, sabotage: Sabotage): Promise<Outage> {
  const { pair, byLone, newMark } = bench;
  const pid = await pidOf(pair, 0);
  const before = await clusterOf(byLone);
  const { own } = shardsAt(before, pair.adminUrls[0]!);
  const mark = encodeURIComponent(newMark());
  const id = probeOf(own[0]!);
  const fromMs = performance.now();
  const asked = byLone.get(`/actors/sensor/${id}?query=${sabotage}&once=${mark}`);
  await wait(0.005);
  await Promise.all([asked, answer(byLone, own)]);
  const awayMs = performance.now() - fromMs;
  const after = await clusterOf(byLone);
  if (sabotage === "sabotage_loops") await untilReplaced(pair, pid);
  if (after.rebalances[0]?.number !== before.rebalances[0]?.number) {
    throw new Error(`The nodes agreed anew when a thread of one of them died (${sabotage})`);
  }
  return { awayMs, pauseMs: NaN };
}

async function outages(
  run: KafkaRun,
  name: string,
  times: number,
  disturb: (bench: NodesBench, time: number) => Promise<Outage>,
  wanted: Wanted | null,
  sensors = liveSensors,
): Promise<Row> {
  console.log(name);
  const [found, verification] = await withNodes(
    run,
    `bench_${sensors}_${name.replace(/\W+/g, "_")}`,
    sensors,
    (bench) => {
      return repeat(bench, times, (time) => disturb(bench, time));
    },
  );
  const figure = `3 nodes, ${ratePerSecond}/s, ${sensors} live sensors: ${name}`;
  return outageRow(figure, found, verification, wanted);
}

/** From the 202 of one node to the answer of another that counts it; and of that the query's own time. */
async function latencies(run: KafkaRun): Promise<readonly Row[]> {
  const [found, verification] = await withNodes(run, "bench_hops", liveSensors, async (bench) => {
    const { pair, byLone, byPair } = bench;
    await bench.rest();
    const { own } = shardsAt(await clusterOf(byLone), pair.adminUrls[0]!);
    const [queriesMs, visibleMs]: [number[], number[]] = [[], []];
    const endMs = performance.now() + run.seconds * 1000;
    for (let n = 0; performance.now() < endMs; n++) {
      const asked = performance.now();
      await byLone.count(probeOf(own[n % own.length]!), "probe");
      queriesMs.push(performance.now() - asked);
      const id = `visible-${n % 100}`;
      await byLone.post(`visible-${n}`, [{ id, values: { visible: 1 } }]);
      const accepted = performance.now();
      const count = await byPair.count(id, "visible");
      visibleMs.push(performance.now() - accepted);
      const sent = Math.floor(n / 100) + 1;
      if (count !== sent) throw new Error(`${id} has ${count} readings after 202; it was sent ${sent}`);
      await wait(pauseSeconds);
    }
    return { queriesMs, visibleMs };
  });
  const row = (what: string, ms: readonly number[], targetMs: number): Row => ({
    figure: `3 nodes, ${ratePerSecond}/s: ${what}, ${ms.length} times`,
    target: `p99 ≤ ${milliseconds(targetMs)}`,
    measured: `p50 ${milliseconds(quantile(ms, 0.5))}, p99 ${milliseconds(quantile(ms, 0.99))}; ` +
      lossText(verification),
    isMet: isRight(verification) && quantile(ms, 0.99) <= targetMs,
    serverCpu: "",
    clientCpu: "",
  });
  return [
    row("a strict query to another node's shard", found.queriesMs, 50),
    row("202 of one node → counted in the answer of another", found.visibleMs, 150),
  ];
}

export const nodes: KafkaFigure = {
  name: "nodes",
  meaning: "three nodes: how long shards are away when one dies, or stops",
  run: async (run) => {
    const { rounds } = run;
    const wanted = { awayMs: 1500, pauseMs: 250 };
    return [
      await outages(run, "kill -9 under the launcher → all answer", rounds * 10, killOfLauncher, wanted),
      await outages(
        run,
        "kill -9 under the launcher → all answer",
        rounds * 2,
        killOfLauncher,
        null,
        manySensors,
      ),
      await outages(run, "kill -9 of launcher and node → all answer", rounds * 3, killAlone, {
        awayMs: 8000,
      }),
      await outages(run, "a node stops in good order → moved ones answer", rounds * 3, stopAlone, {
        awayMs: 1000,
      }),
    ];
  },
};

export const hosts: KafkaFigure = {
  name: "hosts",
  meaning: "three nodes: how long shards are away when one loses a thread; queries between them",
  run: async (run) => {
    const { rounds } = run;
    return [
      await outages(
        run,
        "a thread ends → its shards answer",
        rounds * 10,
        (bench) => killHost(bench, "sabotage_exits"),
        { awayMs: 500 },
      ),
      await outages(
        run,
        "a thread hangs → its shards answer",
        rounds * 3,
        (bench) => killHost(bench, "sabotage_loops"),
        { awayMs: 2500 },
      ),
      ...await latencies(run),
    ];
  },
};
