/**
 * Brings faults about, and tells what must hold of the node after each: that what died is what was to die, and no more.
 */

import assert from "node:assert/strict";
import { z } from "zod";
import { eventually } from "../services/eventually.ts";
import type { ServersOptions } from "../services/node_servers.ts";
import { killHard } from "../services/process_tree.ts";
import type { Client } from "./client.ts";
import { recoveryDeadlineMs } from "./limits.ts";
import { ratePerSecond } from "./load.ts";
import { clusterFaultKinds, type Fault, type FaultKind, faultKinds, serverFaultKinds } from "./plan.ts";
import { idOf } from "./probes.ts";
import type { Injection, Scene } from "./scene.ts";
import { injectServerFault } from "./server_faults.ts";
import { type Sight, Stage } from "./stage.ts";
import { foreignTopics } from "./topic_load.ts";

/** A message that kills its host every time is out of the way by then. */
const isolationMs = 15_000;
/** Deaths after which a message is taken for what killed its host (`runtime/core/attempts.ts`). */
const isolationDeaths = 5;

interface Deaths {
  /** Null where a thread loops on, for which the node is replaced some seconds later. */
  readonly isNodeNew: boolean | null;
  readonly hostDeaths: number;
}

const deaths: Readonly<Partial<Record<FaultKind, Deaths>>> = {
  "kill-node": { isNodeNew: true, hostDeaths: 0 },
  "kill-launcher": { isNodeNew: true, hostDeaths: 0 },
  "pause-node": { isNodeNew: false, hostDeaths: 0 },
  "loop-query": { isNodeNew: null, hostDeaths: 1 },
  "loop-message": { isNodeNew: null, hostDeaths: isolationDeaths },
  "exhaust-query": { isNodeNew: false, hostDeaths: 1 },
  "exhaust-message": { isNodeNew: false, hostDeaths: isolationDeaths },
  "full-disk": { isNodeNew: false, hostDeaths: 0 },
  "kill-kafka": { isNodeNew: false, hostDeaths: 0 },
  "kill-broker": { isNodeNew: false, hostDeaths: 0 },
  "kill-mariadb": { isNodeNew: false, hostDeaths: 0 },
  "kill-redis": { isNodeNew: false, hostDeaths: 0 },
  "stop-mariadb": { isNodeNew: false, hostDeaths: 0 },
  "pause-mariadb": { isNodeNew: false, hostDeaths: 0 },
};

function surplusOf({ kind }: Fault, before: Sight, after: Sight): number {
  const expected = deaths[kind];
  if (expected === undefined) throw impossible(kind);
  const isNodeNew = before.pid !== after.pid;
  if (expected.isNodeNew === null && isNodeNew) return 0;
  assert.equal(isNodeNew, expected.isNodeNew ?? false, `Whether the node is a new process after ${kind}`);
  const hostDeaths = after.hostDeaths - (isNodeNew ? 0 : before.hostDeaths);
  const surplus = hostDeaths - expected.hostDeaths;
  const isRight = kind === "pause-node" ? surplus === 0 : surplus >= 0;
  assert.ok(isRight, `${hostDeaths} threads died of ${kind}, and not ${expected.hostDeaths}`);
  return surplus;
}

function impossible(kind: FaultKind): Error {
  return new Error(`${kind} was planned, and cannot befall one node`);
}

function possible({ disk, servers }: Stage): readonly FaultKind[] {
  if (servers !== null) return servers.brokers.length > 1 ? clusterFaultKinds : serverFaultKinds;
  return faultKinds.filter((kind) => kind !== "full-disk" || disk !== null);
}

function groundOf({ disk, servers }: Stage): string {
  if (servers !== null) {
    const { length } = servers.brokers;
    return `${length === 1 ? "Kafka" : `${length} Kafka brokers`}, MariaDB and Redis on the same machine`;
  }
  return disk === null ? "without the full disk" : "data on a disk in memory";
}

/** One node, on its folder or on servers. */
export async function nodeScene(servers: ServersOptions | null): Promise<Scene> {
  const stage = await Stage.open(servers);
  return {
    kinds: possible(stage),
    urls: [stage.server.url],
    ratePerSecond: ratePerSecond.oneNode,
    topics: stage.servers === null ? null : foreignTopics(stage.servers.brokers),
    client: stage.client,
    folder: stage.folder,
    ground: groundOf(stage),
    missing: stage.disk === null && stage.servers === null
      ? "The full disk: mounting a small disk needs root"
      : null,
    isStrict: stage.servers !== null,
    get output() {
      return stage.server.output;
    },
    get peakBytes() {
      return stage.peakBytes;
    },
    async watch() {
      const before = await stage.look();
      return async (fault) => surplusOf(fault, before, await stage.look());
    },
    inject: (fault, round) => inject(stage, fault, round),
    recovered: () => stage.recovered(),
    settled: () => stage.untilNoneLingers(),
    close: (isKept) => stage.close(isKept),
  };
}

function untilMs(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

const nothingMore = () => Promise.resolve();

function inject(stage: Stage, fault: Fault, round: number): Promise<Injection> {
  switch (fault.kind) {
    case "kill-node":
      return killNode(stage);
    case "kill-launcher":
      return killLauncher(stage);
    case "pause-node":
      return pauseNode(stage, fault.forMs);
    case "full-disk":
      return fillDisk(stage, fault.forMs);
    case "loop-query":
    case "exhaust-query":
      return ask(stage, fault.sabotage, fault.shard, round);
    case "loop-message":
    case "exhaust-message":
      return send(stage, fault.sabotage, fault.shard, round);
    case "kill-kafka":
    case "kill-broker":
    case "kill-mariadb":
    case "kill-redis":
    case "stop-mariadb":
    case "pause-mariadb":
      return injectServerFault(stage, fault);
    default:
      return Promise.reject(impossible(fault.kind));
  }
}

async function killNode({ server }: Stage): Promise<Injection> {
  const pid = await server.nodePid();
  const fromMs = performance.now();
  killHard(pid);
  return { fromMs, limitMs: Infinity, check: nothingMore };
}

async function killLauncher(stage: Stage): Promise<Injection> {
  const fromMs = performance.now();
  await stage.restart();
  return { fromMs, limitMs: Infinity, check: nothingMore };
}

async function pauseNode({ server }: Stage, forMs: number): Promise<Injection> {
  const pid = await server.nodePid();
  Deno.kill(pid, "SIGSTOP");
  await untilMs(forMs);
  Deno.kill(pid, "SIGCONT");
  return { fromMs: performance.now(), limitMs: Infinity, check: nothingMore };
}

/** Large enough to need space: small ones fit into what files have in reserve. */
const offeredReadings = 2000;

/** For as long as planned, and until the node has refused a body. */
async function fillDisk({ disk, client }: Stage, forMs: number): Promise<Injection> {
  if (disk === null) throw new Error("A full disk was planned, and there is none to fill");
  const offered = Array.from({ length: offeredReadings }, () => ({ id: "offered", values: { readings: 1 } }));
  const endMs = performance.now() + forMs;
  await eventually("a body that is refused for want of space", recoveryDeadlineMs, async () => {
    // The node frees some, which is to be taken, too.
    await disk.fill();
    const isRefused = await client.offer(offered) === 507;
    return isRefused && performance.now() >= endMs ? true : null;
  });
  await disk.empty();
  return { fromMs: performance.now(), limitMs: Infinity, check: nothingMore };
}

/** @param mark a path at which there is no file, and that the node may write */
export async function askToDie(
  client: Client,
  sabotage: string,
  id: string,
  mark: string,
): Promise<Injection> {
  await client.post(id, [{ id, values: { before: 1 } }]);
  const once = encodeURIComponent(mark);
  const fromMs = performance.now();
  // Answered by the thread's successor.
  await client.get(`/actors/sensor/${id}?query=${sabotage}&once=${once}`);
  return { fromMs, limitMs: Infinity, check: nothingMore };
}

function ask(stage: Stage, sabotage: string, shard: number, round: number): Promise<Injection> {
  const id = idOf(`asked-${round}`, shard);
  return askToDie(stage.client, sabotage, id, stage.newMark(id));
}

const lettersSchema = z.object({ items: z.array(z.object({ reason: z.string(), message: z.string() })) });

async function send({ client }: Stage, sabotage: string, shard: number, round: number): Promise<Injection> {
  const id = idOf(`sent-${round}`, shard);
  const fromMs = performance.now();
  const neighbour = { id, values: { neighbours: 1 } };
  await client.post(id, [neighbour, { id, values: { [sabotage]: 1 } }, neighbour]);
  const check = async () => {
    const letters = await client.get(`/dead-letters?actorId=${id}&consistency=strict`);
    const found = lettersSchema.parse(letters).items.map(({ reason, message }) => [reason, message]);
    assert.deepEqual(found, [["killed-host", `[null,null,0,"${sabotage}",1]`]], `Dead letters of ${id}`);
    assert.equal(await client.count(id, "neighbours"), 2, `What was sent with the message that killed`);
  };
  return { fromMs, limitMs: isolationMs, check };
}
