/**
 * Three nodes on servers under load, for the figures of several nodes: two of one launcher, and one of another.
 *
 * Who asks goes by the other launcher's port, so that what is told is the nodes' and not a client's who has to connect
 * anew.
 */

import { join } from "node:path";
import { Client } from "../../chaos/client.ts";
import { type Cluster, clusterOf, Launcher, untilWhole } from "../../chaos/launcher.ts";
import { shards } from "../../chaos/limits.ts";
import { idOf } from "../../chaos/probes.ts";
import { isRight, type Verification } from "../../verify/verifier.ts";
import { runLoad, verifyLoad } from "../load.ts";
import { seconds as wait } from "../measured_server.ts";
import type { KafkaRun } from "./kafka_figure.ts";

export const ratePerSecond = 5000;
const neighbours = 2;
const host = "127.0.0.1";
const warmUpSeconds = 6;
/** One death shall not be met as the next of a series: see `nodeBackoff` and `hostBackoff`. */
const restSeconds = 6;
const deadlineMs = 60_000;

const probes = Array.from({ length: shards }, (_, shard) => idOf("probe", shard));

/** A sensor of the shard. */
export function probeOf(shard: number): string {
  return probes[shard]!;
}

export interface NodesBench {
  /** With two nodes. */
  readonly pair: Launcher;
  /** With one. */
  readonly lone: Launcher;
  /** By the pair's port. */
  readonly byPair: Client;
  /** By the lone one's. */
  readonly byLone: Client;
  /** Of a fresh file's. */
  newMark(): string;
  /** All nodes are there, have recovered from whatever it was, and had some rest. */
  rest(): Promise<void>;
}

/** What `use` gives, and whether all that the load sent is there, once. */
export async function withNodes<T>(
  run: KafkaRun,
  name: string,
  sensors: number,
  use: (bench: NodesBench) => Promise<T>,
): Promise<readonly [T, Verification]> {
  const folder = await Deno.makeTempDir({ prefix: "sensorium-bench-" });
  const environment = run.servers.environment(name);
  const launcher = (nodes: number) =>
    new Launcher({ nodes, host, within: [], folder: join(folder, `${nodes}`), environment });
  const [pair, lone] = [launcher(neighbours), launcher(1)];
  const launchers = [pair, lone];
  try {
    await Promise.all(launchers.map(({ server }) => server.untilReady(deadlineMs)));
    const [byPair, byLone] = [
      new Client(() => [pair.server.url], deadlineMs),
      new Client(() => [lone.server.url], deadlineMs),
    ];
    const either = new Client(() => [pair.server.url, lone.server.url], deadlineMs);
    await untilWhole(launchers, either);
    await either.post("probes", probes.map((id) => ({ id, values: { probe: 1 } })));
    const stop = new AbortController();
    const loading = runLoad({
      url: pair.server.url,
      others: [lone.server.url],
      sensors,
      ratePerSecond,
      forSeconds: 36_000,
      stop: stop.signal,
    });
    loading.catch(() => {});
    await wait(warmUpSeconds);
    let marks = 0;
    const used = await use({
      pair,
      lone,
      byPair,
      byLone,
      newMark: () => join(folder, `mark-${marks++}`),
      rest: async () => {
        await untilWhole(launchers, either);
        await answer(byPair, every);
        await answer(byLone, every);
        await wait(restSeconds);
      },
    });
    stop.abort();
    const verification = await verifyLoad(pair.server.url, await loading);
    if (!isRight(verification)) console.log(launchers.map(({ server }) => server.output).join("\n"));
    return [used, verification];
  } finally {
    await Promise.all(launchers.map(({ server }) => server.kill()));
    await Deno.remove(folder, { recursive: true });
    await run.topics.remove((topic) => topic.startsWith(`${name}.`));
  }
}

export const every: readonly number[] = Array.from({ length: shards }, (_, shard) => shard);

/** Resolves when strict queries to all of these shards are answered, all asked now. */
export async function answer(client: Client, of: readonly number[]): Promise<void> {
  await Promise.all(of.map((shard) => client.count(probeOf(shard), "probe")));
}

/** Asks one after the other, without end, and keeps the slowest answer, ms. */
export async function slowestAnswer(
  client: Client,
  of: readonly number[],
  isOver: () => boolean,
): Promise<number> {
  let slowestMs = 0;
  for (let n = 0; !isOver() && of.length > 0; n++) {
    const fromMs = performance.now();
    await client.count(probeOf(of[n % of.length]!), "probe");
    slowestMs = Math.max(slowestMs, performance.now() - fromMs);
  }
  return slowestMs;
}

/** The shards of the node with this admin port, and the others. */
export function shardsAt({ nodes, shards }: Cluster, adminUrl: URL) {
  const name = nodes.find(({ url }) => new URL(url).port === adminUrl.port)?.name;
  if (name === undefined) throw new Error(`The nodes do not know the one at ${adminUrl}`);
  const own = shards.filter(({ node }) => node === name).map(({ shard }) => shard);
  return { own, others: every.filter((shard) => !own.includes(shard)) };
}

export { clusterOf };

/** The process of this node of the launcher's, by what the launcher gave it. */
export async function pidOf({ server }: Launcher, node: number): Promise<number> {
  for (const pid of await server.nodePids()) {
    const { stdout } = await new Deno.Command("cat", { args: [`/proc/${pid}/environ`] }).output();
    if (new RegExp(`"index":${node}\\D`).test(new TextDecoder().decode(stdout))) return pid;
  }
  throw new Error(`The launcher ${server.pid} has no node ${node}`);
}
