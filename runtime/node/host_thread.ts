/**
 * A thread for shards; `host_life.ts` starts it. It loads the actors, says that it is warm, and becomes a host when it is
 * told of which shards. What is thrown here ends the thread, and its supervisor goes on from there.
 */

import process from "node:process";
import { type MessagePort, workerData } from "node:worker_threads";
import { errorMessage, invariant } from "../core/errors.ts";
import { defaultPublishingLimits } from "../core/limits.ts";
import type { ShardQuery } from "../core/shard_api.ts";
import { Shard } from "../core/shard.ts";
import { RemoteLog } from "../log/remote_log.ts";
import { serve } from "../rpc.ts";
import { portsOf, RemoteStore } from "../store/remote_store.ts";
import { loadActorModule } from "./actor_module.ts";
import { machineClock } from "./clock.ts";
import { ShardHost } from "./host.ts";
import {
  type HostAssignment,
  type HostMessage,
  type HostShares,
  type HostThreadStart,
  isHostOrder,
  type RehearsalCall,
} from "./host_protocol.ts";
import { Rehearsal } from "./rehearsal.ts";
import { throwBehindExit } from "./thread_exit.ts";
import { deathInTurn, TurnBoard } from "./turn_board.ts";

const start: HostThreadStart = workerData;
const { definitionsUrl, shardCount, node, limits, topics, isTraced, isPublishing, main, board: memory } =
  start;
/** As a host. */
let ports: readonly MessagePort[] = [];
throwBehindExit(cutOff);
const publishing = isPublishing ? { limits: defaultPublishingLimits, nowMs: machineClock.nowMs } : null;
const { registry, counters } = await loadActorModule(definitionsUrl, topics);
const tracing = isTraced ? (await import("./open_telemetry.ts")).openTelemetry() : null;
const board = new TurnBoard(memory);
let host: ShardHost | null = null;
let rehearsal: Rehearsal | null = null;
/** What ends the thread, unless it is an exit. */
let failure: string | null = null;
let isEnding = false;

function post(message: HostMessage): void {
  main.postMessage(message);
}

function become(assignment: HostAssignment): ShardHost {
  const { host: number, log, store } = assignment;
  ports = [log, ...portsOf(store)];
  const remoteLog = new RemoteLog(log);
  const foreign = Object.keys(topics);
  const name = `host-${number}`;
  const host = new ShardHost({
    name,
    owner: node === null ? name : `${node}/${name}`,
    machine: (shard, counters) => {
      const common = { shardCount, registry, limits, topics: foreign, witness: board, publishing };
      return new Shard({ ...common, shard, counters });
    },
    log: remoteLog,
    topics: remoteLog,
    store: new RemoteStore(store),
    clock: machineClock,
    board,
    counters,
    tracing,
    post,
  });
  host.start(assignment);
  return host;
}

function assigned(): ShardHost {
  invariant(host !== null, "A host is called after it was given its shards");
  return host;
}

/** Deno tells of a thread's end only when its memory is gone, which takes its time on busy processors. */
function sayLastWords(): void {
  if (isEnding) return;
  isEnding = true;
  const reason = failure ?? `its thread ended with code ${Deno.exitCode}`;
  post({ type: "ends", reason, inTurn: deathInTurn(memory, Object.keys(topics)) });
}

/** What was exited from is not folded to its end: the next host counts the attempt. */
function cutOff(): void {
  for (const port of ports) port.close();
}

/** It is forgotten where somebody has handled it: the thread lives on then. */
function fail(thrown: unknown): void {
  failure = errorMessage(thrown);
  setTimeout(() => failure = null);
}

function endPractice(): void {
  void rehearsal?.stop();
  rehearsal = null;
}

function rehearse({ log, store, frames }: RehearsalCall): Rehearsal {
  return new Rehearsal({
    registry,
    counters,
    shardCount,
    limits,
    clock: machineClock,
    log: new RemoteLog(log),
    store: new RemoteStore(store),
    frames,
    report: (notice) => post({ type: "notice", notice }),
  });
}

main.on("message", (message: unknown) => {
  if (!isHostOrder(message)) return;
  // First: the store takes its time for the claims.
  if (message.type === "assign") host = become(message);
  endPractice();
  if (message.type === "rehearse" && host === null) rehearsal = rehearse(message);
});
serve(main, {
  ask: (shard: number, folded: number, request: ShardQuery["request"]) =>
    assigned().ask(shard, folded, request),
  own: (shares: HostShares) => assigned().own(shares),
  metrics: () => assigned().metrics(),
  publishAll: () => assigned().publishAll(),
  ping: () => {},
  stop: () => {
    endPractice();
    return host?.stop();
  },
});
globalThis.addEventListener("error", ({ error }) => fail(error));
globalThis.addEventListener("unhandledrejection", ({ reason }) => fail(reason));
// Of an error Deno tells the one, of an exit the other.
process.on("exit", sayLastWords);
globalThis.addEventListener("unload", sayLastWords);
post({ type: "warm" });
