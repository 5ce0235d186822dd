/**
 * A launcher and its nodes, one of several that are played with and measured; and what these say of each other.
 *
 * 1. `untilWhole` resolves when every node is ready and has some of the shards, all of which they have between them, by
 *    what the group says and by what each says of itself: a node that was away is listed before it has noticed.
 */

import { join } from "node:path";
import { z } from "zod";
import { eventually } from "../services/eventually.ts";
import { freePort, freePorts } from "../../deploy/services/free_port.ts";
import type { Client } from "./client.ts";
import { recoveryDeadlineMs, shards } from "./limits.ts";
import { ServerProcess } from "./server_process.ts";

const entry = "tests/chaos/launch.ts";
/** One each: a fault in it is one of the node's, and the processors are few. */
const threads = 1;

const clusterSchema = z.object({
  nodes: z.array(z.object({ name: z.string(), url: z.string() })),
  shards: z.array(z.object({ shard: z.number(), node: z.string().nullable() })),
  rebalances: z.array(z.object({ number: z.number() })),
});

export type Cluster = z.infer<typeof clusterSchema>;

export async function clusterOf(client: Client): Promise<Cluster> {
  return clusterSchema.parse(await client.get("/cluster"));
}

export async function untilWhole(launchers: readonly Launcher[], client: Client): Promise<void> {
  const adminUrls = launchers.flatMap((launcher) => launcher.adminUrls);
  await eventually("every node to be ready", recoveryDeadlineMs, async () => {
    const states = await Promise.all(adminUrls.map((url) => statusOf(new URL("/readyz", url))));
    return states.every((status) => status === 200) ? true : null;
  });
  await eventually(
    "every shard to be one node's, and every node to have some",
    recoveryDeadlineMs,
    async () => {
      const counts = await Promise.all(adminUrls.map(ownShards));
      return counts.every((count) => count > 0) && sum(counts) === shards ? true : null;
    },
  );
  await eventually("all nodes to agree who has which shard", recoveryDeadlineMs, async () => {
    const { nodes, shards } = await clusterOf(client);
    const names = new Set(nodes.map(({ name }) => name));
    const isWhole = nodes.length === adminUrls.length &&
      shards.every(({ node }) => node !== null && names.has(node));
    return isWhole ? true : null;
  });
}

function sum(counts: readonly number[]): number {
  return counts.reduce((all, count) => all + count, 0);
}

async function ownShards(adminUrl: URL): Promise<number> {
  const text = await (await fetch(new URL("/metrics", adminUrl))).text();
  return Number(/^sensorium_own_shards(?:{[^}]*})? (\d+)$/m.exec(text)?.[1] ?? NaN);
}

async function statusOf(url: URL): Promise<number> {
  const response = await fetch(url);
  await response.body?.cancel();
  return response.status;
}

export interface LauncherOptions {
  readonly nodes: number;
  readonly host: string;
  readonly within: readonly string[];
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Of its nodes, besides the usual. */
  readonly flags?: readonly string[];
  readonly onErrorLine?: (line: string) => void;
}

/** A launcher and its nodes, started as a user does, again and again. */
export class Launcher {
  readonly #start: () => ServerProcess;
  readonly #host: string;
  readonly #adminPort: number;
  readonly nodes: number;
  server: ServerProcess;
  /** Requests are better sent elsewhere. */
  isAway = false;

  constructor(
    { nodes, host, within, folder, environment, flags: others = [], onErrorLine = () => {} }: LauncherOptions,
  ) {
    const adminPort = freePorts(nodes);
    const flags = ["--no-host-metrics", "--shards", `${shards}`, "--threads", `${threads}`];
    const more = ["--nodes", `${nodes}`, "--advertise", host, "--log-format", "json", ...others];
    this.#start = () =>
      new ServerProcess({
        host,
        port,
        adminPort,
        dataFolder: join(folder, "data"),
        flags: [...flags, ...more],
        environment,
        entry,
        within,
        onErrorLine,
      });
    const port = freePort();
    this.nodes = nodes;
    this.#host = host;
    this.#adminPort = adminPort;
    this.server = this.#start();
  }

  get adminUrls(): readonly URL[] {
    return Array.from(
      { length: this.nodes },
      (_, node) => new URL(`http://${this.#host}:${this.#adminPort + node}`),
    );
  }

  start(): void {
    this.server = this.#start();
  }

  async pid(node: number): Promise<number> {
    const pids = await this.server.nodePids();
    const pid = pids[node];
    if (pid === undefined) {
      throw new Error(`There are ${pids.length} nodes, and number ${node} was to be broken`);
    }
    return pid;
  }
}
