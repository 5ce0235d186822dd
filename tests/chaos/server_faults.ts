/**
 * Faults of a node's servers, and what must hold of the node while one is away.
 *
 * A server that was killed is told as back when it answers: what it takes to start is its own. A broker of several stays
 * away until the node has recovered without it.
 */

import assert from "node:assert/strict";
import type { Server } from "../../deploy/services/server.ts";
import type { Injection } from "./faults.ts";
import type { Fault } from "./plan.ts";
import { untilInSync } from "./replicas.ts";
import type { Stage } from "./stage.ts";
import type { NodeServers } from "../services/node_servers.ts";

type ServerFault = Extract<Fault, { readonly kind: `${string}-${"kafka" | "broker" | "mariadb" | "redis"}` }>;

export async function injectServerFault(stage: Stage, fault: ServerFault): Promise<Injection> {
  const { servers } = stage;
  if (servers === null) throw new Error(`${fault.kind} was planned, and the node is on its folder`);
  if (fault.kind === "kill-broker") return await killBroker(stage, servers, fault.broker);
  await breakServer(stage, servers, fault);
  const fromMs = performance.now();
  // Part of its recovery, as nothing else changes.
  if (fault.kind === "kill-redis") await stage.untilCached();
  return { fromMs, limitMs: Infinity, check: () => stage.untilCached() };
}

async function killBroker(stage: Stage, { brokers }: NodeServers, number: number): Promise<Injection> {
  const broker = brokers[number]!;
  const fromMs = performance.now();
  await broker.kill();
  const check = async () => {
    await broker.start();
    await untilInSync(brokers.map(({ address }) => address));
    await stage.untilCached();
  };
  return { fromMs, limitMs: Infinity, check };
}

type LoneServerFault = Exclude<ServerFault, { readonly kind: "kill-broker" }>;

async function breakServer(stage: Stage, servers: NodeServers, fault: LoneServerFault): Promise<void> {
  switch (fault.kind) {
    case "kill-kafka":
      return await kill(servers.kafka);
    case "kill-mariadb":
      return await kill(servers.mariadb);
    case "kill-redis":
      await servers.redis.kill();
      await stage.untilCachedFallsBack();
      return await servers.redis.start();
    case "stop-mariadb":
      await servers.mariadb.stop();
      await away(stage, fault.forMs);
      return await servers.mariadb.start();
    case "pause-mariadb":
      await servers.mariadb.pause();
      await away(stage, fault.forMs);
      return await servers.mariadb.resume();
  }
}

async function kill(server: Server): Promise<void> {
  await server.kill();
  await server.start();
}

/** Longer than a ping of the store may take, on a machine that is busy. */
const noticedMs = 10_000;

/** Whoever watches the node sees that it lives and waits, for as long as its store is away. */
async function away(stage: Stage, forMs: number): Promise<void> {
  const endMs = performance.now() + forMs;
  await stage.untilReadyz(503, Math.min(forMs, noticedMs));
  while (performance.now() < endMs) {
    await stage.noteMemory();
    assert.equal(await stage.statusOf("/healthz"), 200, "It lives");
    await new Promise((resolve) =>
      setTimeout(resolve, Math.min(1000, Math.max(0, endMs - performance.now())))
    );
  }
}
