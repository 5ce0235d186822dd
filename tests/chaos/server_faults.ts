/**
 * Faults of a node's servers, and what must hold of the node while one is away.
 *
 * A server that was killed is told as back when it answers: what it takes to start is its own. A broker of several stays
 * away until the node has recovered without it.
 */

import assert from "node:assert/strict";
import type { Fault } from "./plan.ts";
import type { Probes } from "./probes.ts";
import { untilInSync } from "./replicas.ts";
import type { Injection } from "./scene.ts";
import type { Stage } from "./stage.ts";
import type { NodeServers } from "../services/node_servers.ts";

type ServerFault = Extract<Fault, { readonly kind: `${string}-${"kafka" | "broker" | "mariadb" | "redis"}` }>;

export async function injectServerFault(stage: Stage, fault: ServerFault): Promise<Injection> {
  const { servers } = stage;
  if (servers === null) throw new Error(`${fault.kind} was planned, and the node is on its folder`);
  switch (fault.kind) {
    case "kill-broker":
    case "kill-kafka":
    case "kill-mariadb":
    case "kill-redis":
      return await killServer(stage.probes, servers, fault);
    case "stop-mariadb":
      await servers.mariadb.stop();
      await away(stage, fault.forMs);
      await servers.mariadb.start();
      break;
    case "pause-mariadb":
      await servers.mariadb.pause();
      await away(stage, fault.forMs);
      await servers.mariadb.resume();
      break;
  }
  return { fromMs: performance.now(), limitMs: Infinity, check: () => stage.probes.untilCached() };
}

export type KilledServer = Extract<
  Fault,
  { readonly kind: "kill-broker" | "kill-kafka" | "kill-mariadb" | "kill-redis" }
>;

/** `kill -9`. All but a broker of several are started again at once, and back when they answer. */
export async function killServer(
  probes: Probes,
  servers: NodeServers,
  fault: KilledServer,
): Promise<Injection> {
  switch (fault.kind) {
    case "kill-broker":
      return await killBroker(probes, servers, fault.broker);
    case "kill-kafka":
      await Promise.all(servers.brokers.map((broker) => broker.kill()));
      await Promise.all(servers.brokers.map((broker) => broker.start()));
      break;
    case "kill-mariadb":
      await servers.mariadb.kill();
      await servers.mariadb.start();
      break;
    case "kill-redis":
      await servers.redis.kill();
      await probes.untilCachedFallsBack();
      await servers.redis.start();
  }
  const fromMs = performance.now();
  // Part of its recovery, as nothing else changes.
  if (fault.kind === "kill-redis") await probes.untilCached();
  return { fromMs, limitMs: Infinity, check: () => probes.untilCached() };
}

async function killBroker(probes: Probes, { brokers }: NodeServers, number: number): Promise<Injection> {
  const broker = brokers[number]!;
  const fromMs = performance.now();
  await broker.kill();
  const check = async () => {
    await broker.start();
    await untilInSync(brokers.map(({ address }) => address));
    await probes.untilCached();
  };
  return { fromMs, limitMs: Infinity, check };
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
