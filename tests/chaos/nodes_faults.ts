/** Faults of several nodes and of their servers, and what must hold of the nodes after each. */

import assert from "node:assert/strict";
import { killHard } from "../services/process_tree.ts";
import { askToDie } from "./faults.ts";
import { recoveryDeadlineMs } from "./limits.ts";
import { ratePerSecond } from "./load.ts";
import { type NodesOptions, NodesStage } from "./nodes_stage.ts";
import { type Fault, type FaultKind, nodesFaultKinds } from "./plan.ts";
import { idOf } from "./probes.ts";
import type { Injection, Scene } from "./scene.ts";
import { killServer } from "./server_faults.ts";
import { foreignTopics } from "./topic_load.ts";

/** How many processes of nodes are others after a fault. */
interface Replaced {
  readonly neighbours: number;
  readonly machine: number;
}

function replacedBy(fault: Fault, { neighbours }: NodesStage): Replaced {
  switch (fault.kind) {
    case "kill-one":
    case "pause-one":
      return { neighbours: 1, machine: 0 };
    case "kill-two":
      return areNeighbours(fault, neighbours.nodes)
        ? { neighbours: 2, machine: 0 }
        : { neighbours: 1, machine: 1 };
    case "kill-machine":
    case "restart-machine":
      return { neighbours: 0, machine: 1 };
    case "resize":
      return { neighbours: neighbours.nodes, machine: 1 };
    default:
      return { neighbours: 0, machine: 0 };
  }
}

/** Of a single one there are none. */
function areNeighbours(fault: KillTwo, nodes: number): boolean {
  return fault.areNeighbours && nodes > 1;
}

/** Of threads of the nodes that live on. */
const hostDeaths = (kind: FaultKind) => kind === "exhaust-query" ? 1 : 0;

async function pidsOf(stage: NodesStage) {
  const [neighbours, machine] = await Promise.all(stage.launchers.map(({ server }) => server.nodePids()));
  return { neighbours: neighbours!, machine: machine! };
}

/** Several nodes on servers. */
export async function nodesScene(options: NodesOptions): Promise<Scene> {
  const stage = await NodesStage.open(options);
  const { network, servers: { brokers } } = stage;
  const impossible: readonly FaultKind[] = [
    ...network === null ? ["cut-machine"] as const : [],
    ...brokers.length === 1 ? ["kill-broker"] as const : [],
  ];
  return {
    kinds: nodesFaultKinds.filter((kind) => !impossible.includes(kind)),
    urls: stage.urls,
    ratePerSecond: ratePerSecond.severalNodes,
    topics: foreignTopics(brokers),
    client: stage.client,
    folder: stage.folder,
    ground: `${options.nodes} nodes, ${options.nodes - 1} of one launcher and one of another` +
      (network === null ? "" : " in a network of its own") +
      `; Kafka brokers: ${brokers.length}; these, MariaDB and Redis on the same machine`,
    missing: network === null ? "The network cut: a network of its own needs root, and iproute2" : null,
    isStrict: true,
    get output() {
      return stage.output;
    },
    get peakBytes() {
      return stage.peakBytes;
    },
    watch: () => watch(stage),
    inject: (fault, round) => inject(stage, fault, round),
    recovered: () => stage.probes.recovered(),
    settled: () => stage.untilNothingIsLeft(),
    close: (isKept) => stage.close(isKept),
  };
}

async function watch(stage: NodesStage) {
  const [before, deathsBefore] = [await pidsOf(stage), stage.deaths.length];
  return async (fault: Fault) => {
    await stage.noteMemory();
    const [after, expected] = [await pidsOf(stage), replacedBy(fault, stage)];
    for (const name of ["neighbours", "machine"] as const) {
      const others = after[name].filter((pid) => !before[name].includes(pid)).length;
      assert.equal(others, expected[name], `How many ${name} are other processes after ${fault.kind}`);
      assert.equal(after[name].length, before[name].length, `How many ${name} there are after ${fault.kind}`);
    }
    const reasons = stage.deaths.slice(deathsBefore);
    const surplus = reasons.length - hostDeaths(fault.kind);
    assert.ok(surplus >= 0, `No thread died of ${fault.kind}`);
    if (surplus > 0) console.error(`Threads died: ${reasons.join("; ")}`);
    return surplus;
  };
}

const nothingMore = () => Promise.resolve();

function pause(forMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, Math.max(0, forMs)));
}

/** Until `forMs` after `fromMs`. */
function rest(fromMs: number, forMs: number): Promise<void> {
  return pause(fromMs + forMs - performance.now());
}

function inject(stage: NodesStage, fault: Fault, round: number): Promise<Injection> {
  switch (fault.kind) {
    case "kill-one":
      return killOne(stage, fault.node);
    case "kill-two":
      return killTwo(stage, fault);
    case "kill-machine":
      return killMachine(stage);
    case "pause-one":
      return pauseOne(stage, fault.node, fault.forMs);
    case "pause-machine":
      return pauseMachine(stage, fault.forMs);
    case "cut-machine":
      return cutMachine(stage, fault.forMs);
    case "restart-machine":
      return restartMachine(stage);
    case "resize":
      return resize(stage);
    case "exhaust-query": {
      const id = idOf(`asked-${round}`, fault.shard);
      return askToDie(stage.client, fault.sabotage, id, stage.newMark(id));
    }
    case "kill-kafka":
    case "kill-broker":
    case "kill-mariadb":
    case "kill-redis":
      return killServer(stage.probes, stage.servers, fault);
    default:
      return Promise.reject(new Error(`${fault.kind} was planned, and cannot befall several nodes`));
  }
}

async function killOne(stage: NodesStage, node: number): Promise<Injection> {
  const pid = await stage.neighbours.pid(node);
  const fromMs = performance.now();
  killHard(pid);
  return { fromMs, limitMs: Infinity, heal: () => stage.whole(), check: nothingMore };
}

type KillTwo = Extract<Fault, { readonly kind: "kill-two" }>;

async function killTwo(stage: NodesStage, fault: KillTwo): Promise<Injection> {
  const { neighbours, machine } = stage;
  const ofOne = areNeighbours(fault, neighbours.nodes);
  const second = ofOne ? neighbours.pid((fault.node + 1) % neighbours.nodes) : machine.pid(0);
  const pids = [await neighbours.pid(fault.node), await second];
  // Of a launcher that has none left.
  const away = ofOne ? (neighbours.nodes === 2 ? neighbours : null) : machine;
  if (away !== null) away.isAway = true;
  const fromMs = performance.now();
  pids.forEach(killHard);
  const heal = async () => {
    if (away !== null) away.isAway = false;
    await stage.whole();
  };
  return { fromMs, limitMs: Infinity, heal, check: nothingMore };
}

async function killMachine(stage: NodesStage): Promise<Injection> {
  const { machine } = stage;
  machine.isAway = true;
  const fromMs = performance.now();
  await machine.server.kill();
  return { fromMs, limitMs: Infinity, heal: () => startAgain(stage), check: nothingMore };
}

/** The machine's launcher, and its node. */
async function startAgain(stage: NodesStage): Promise<void> {
  stage.machine.start();
  await stage.machine.server.untilReady(recoveryDeadlineMs);
  stage.machine.isAway = false;
  await stage.whole();
}

async function pauseOne(stage: NodesStage, node: number, forMs: number): Promise<Injection> {
  const pid = await stage.neighbours.pid(node);
  // What the kernel gives it of the port they share waits until it is killed.
  stage.neighbours.isAway = true;
  const fromMs = performance.now();
  Deno.kill(pid, "SIGSTOP");
  const heal = async () => {
    await rest(fromMs, forMs);
    stage.neighbours.isAway = false;
    await stage.whole();
  };
  return { fromMs, limitMs: Infinity, heal, check: nothingMore };
}

async function pauseMachine(stage: NodesStage, forMs: number): Promise<Injection> {
  const { machine } = stage;
  const pids = [machine.server.pid, await machine.pid(0)];
  machine.isAway = true;
  const fromMs = performance.now();
  for (const pid of pids) Deno.kill(pid, "SIGSTOP");
  const heal = async () => {
    await rest(fromMs, forMs);
    for (const pid of pids) Deno.kill(pid, "SIGCONT");
    machine.isAway = false;
    await stage.whole();
  };
  return { fromMs, limitMs: Infinity, heal, check: nothingMore };
}

async function cutMachine(stage: NodesStage, forMs: number): Promise<Injection> {
  const { machine, network } = stage;
  if (network === null) throw new Error("A network cut was planned, and there is no network to be cut");
  machine.isAway = true;
  const fromMs = performance.now();
  await network.cut();
  const heal = async () => {
    await rest(fromMs, forMs);
    await network.mend();
    machine.isAway = false;
    await stage.whole();
  };
  return { fromMs, limitMs: Infinity, heal, check: nothingMore };
}

async function restartMachine(stage: NodesStage): Promise<Injection> {
  stage.machine.isAway = true;
  await stage.machine.server.stop();
  return {
    fromMs: performance.now(),
    limitMs: Infinity,
    heal: () => startAgain(stage),
    check: nothingMore,
  };
}

async function resize(stage: NodesStage): Promise<Injection> {
  const { neighbours, machine, probes } = stage;
  neighbours.isAway = true;
  await neighbours.server.stop();
  await probes.recovered();
  neighbours.start();
  await neighbours.server.untilReady(recoveryDeadlineMs);
  neighbours.isAway = false;
  await stage.whole();
  machine.isAway = true;
  await machine.server.stop();
  return {
    fromMs: performance.now(),
    limitMs: Infinity,
    heal: () => startAgain(stage),
    check: nothingMore,
  };
}
