/**
 * The node that a run plays with, on its folder or on servers, started as a user does, and what the run knows of it.
 *
 * 1. `recovered` resolves when the node takes a reading for every shard, and a strict query of every shard counts what
 *    was acknowledged, once.
 */

import { join } from "node:path";
import { z } from "zod";
import { processOf } from "../../deploy/services/processes.ts";
import { shardOf } from "../../runtime/core/murmur2.ts";
import { eventually } from "../services/eventually.ts";
import { freePort } from "../services/free_port.ts";
import { SmallDisk } from "../services/small_disk.ts";
import { Client } from "./client.ts";
import { ServerProcess } from "./server_process.ts";
import {
  environmentOf,
  killServers,
  type NodeServers,
  type ServersOptions,
  startServers,
} from "../services/node_servers.ts";

export const shards = 8;
const threads = 2;
const entry = "tests/chaos/launch.ts";
const prefix = "sensorium-chaos-";

/** Room for minutes of log and store under the run's load. */
const diskMebibytes = 512;

/** Many times what any fault should take, on a machine that is busy with other things. */
export const recoveryDeadlineMs = 120_000;

/** Of the node's process and of its threads. */
export interface Sight {
  readonly pid: number;
  readonly hostDeaths: number;
}

const childSchema = z.object({ id: z.string(), restarts: z.number() });
const branchSchema = childSchema.extend({ children: z.array(childSchema).optional() });
const treeSchema = z.object({ tree: z.object({ children: z.array(branchSchema) }) });

/** What the node's data lie on. */
interface Ground {
  readonly folder: string;
  readonly disk: SmallDisk | null;
  readonly servers: NodeServers | null;
}

const cachedSchema = z.object({
  consistency: z.string(),
  total: z.record(z.string(), z.object({ count: z.number() })),
});

export class Stage {
  readonly #start: () => ServerProcess;
  readonly folder: string;
  readonly disk: SmallDisk | null;
  /** Null: the node is on its folder. */
  readonly servers: NodeServers | null;
  readonly client: Client;
  server: ServerProcess;
  readonly #marks: string;
  #probes = 0;
  #isClosed = false;
  #peakBytes = 0;

  private constructor({ folder, disk, servers }: Ground, marks: string) {
    const flags = ["--no-host-metrics", "--shards", `${shards}`, "--threads", `${threads}`];
    const dataFolder = join(folder, "data");
    const place = servers === null ? { entry } : { environment: environmentOf(servers) };
    const options = { port: freePort(), adminPort: freePort(), dataFolder, flags, ...place };
    this.#start = () => new ServerProcess(options);
    this.folder = folder;
    this.disk = disk;
    this.servers = servers;
    this.#marks = marks;
    this.server = this.#start();
    this.client = new Client(this.server.url, recoveryDeadlineMs);
  }

  /** On its folder: on a disk of its own where one can be mounted. */
  static async open(servers: ServersOptions | null): Promise<Stage> {
    const ground = servers === null ? await onFolder() : await onServers(servers);
    const stage = new Stage(ground, await Deno.makeTempDir({ prefix }));
    try {
      await stage.server.untilReady();
      // Its sensors are there, whatever is broken first.
      if (stage.servers !== null) await stage.recovered();
      return stage;
    } catch (thrown) {
      await stage.close(false);
      throw thrown;
    }
  }

  /** Kills the launcher and the node, and starts them again. */
  async restart(): Promise<void> {
    await this.server.kill();
    if (this.#isClosed) throw new Error("The run is over");
    this.server = this.#start();
  }

  async recovered(): Promise<void> {
    const ids = probeIds;
    this.#probes++;
    await this.client.post(`probe-${this.#probes}`, ids.map((id) => ({ id, values: { probes: 1 } })));
    const counts = await Promise.all(ids.map((id) => this.client.count(id, "probes")));
    const wrong = counts.findIndex((count) => count !== this.#probes);
    if (wrong < 0) return;
    throw new Error(`Shard ${wrong} counts ${counts[wrong]} of ${this.#probes} acknowledged probes`);
  }

  /** Resolves when no thread is left that was given up: it ended, or the node was replaced. */
  async untilNoneLingers(): Promise<void> {
    await eventually("the end of the threads that were given up", recoveryDeadlineMs, async () => {
      const response = await fetch(new URL("/metrics", this.server.adminUrl));
      return /^sensorium_abandoned_threads 0$/m.test(await response.text()) ? true : null;
    });
  }

  async #cached(id: string): Promise<z.infer<typeof cachedSchema>> {
    return cachedSchema.parse(await this.client.get(`/sensors/${id}/windows?consistency=cached`));
  }

  /** Resolves when cached reads come from Redis, and know of all acknowledged probes. */
  async untilCached(): Promise<void> {
    await eventually("cached reads to be answered from Redis", recoveryDeadlineMs, async () => {
      const answers = await Promise.all(probeIds.map((id) => this.#cached(id)));
      const isRight = answers.every(({ consistency, total }) =>
        consistency === "cached" && (total.probes?.count ?? 0) === this.#probes
      );
      return isRight ? true : null;
    });
  }

  /** Resolves when a cached read says that it was answered by the actor. */
  async untilCachedFallsBack(): Promise<void> {
    await eventually("cached reads to be answered by actors", recoveryDeadlineMs, async () => {
      const { consistency } = await this.#cached(probeIds[0]!);
      return consistency === "local" ? true : null;
    });
  }

  async statusOf(path: string): Promise<number> {
    const response = await fetch(new URL(path, this.server.adminUrl));
    await response.body?.cancel();
    return response.status;
  }

  async untilReadyz(status: number, deadlineMs: number): Promise<void> {
    await eventually(`${status} of /readyz`, deadlineMs, async () => {
      return await this.statusOf("/readyz") === status ? true : null;
    });
  }

  /** Of the node's process, as often as it was looked at. */
  get peakBytes(): number {
    return this.#peakBytes;
  }

  async noteMemory(): Promise<void> {
    const found = await processOf(await this.server.nodePid());
    this.#peakBytes = Math.max(this.#peakBytes, found?.residentBytes ?? 0);
  }

  async look(): Promise<Sight> {
    await this.noteMemory();
    const { tree } = treeSchema.parse(await this.client.get("/actors"));
    const hosts = tree.children.find(({ id }) => id === "hosts")?.children ?? [];
    // The spare one is started anew whenever it becomes a host.
    const numbered = hosts.filter(({ id }) => id !== "spare");
    const hostDeaths = numbered.reduce((sum, { restarts }) => sum + restarts, 0);
    return { pid: await this.server.nodePid(), hostDeaths };
  }

  /** A path at which there is no file, and that the node may write. */
  newMark(name: string): string {
    return join(this.#marks, name);
  }

  /** Ends the node. Its data remain when `isKept`. */
  async close(isKept: boolean): Promise<void> {
    this.#isClosed = true;
    await this.server.kill();
    if (this.servers !== null) await killServers(this.servers);
    await Deno.remove(this.#marks, { recursive: true });
    if (isKept) return;
    if (this.disk === null) await Deno.remove(this.folder, { recursive: true });
    else await this.disk[Symbol.asyncDispose]();
  }
}

async function onFolder(): Promise<Ground> {
  const disk = await SmallDisk.mount(prefix, diskMebibytes);
  return { disk, folder: disk?.folder ?? await Deno.makeTempDir({ prefix }), servers: null };
}

async function onServers(options: ServersOptions): Promise<Ground> {
  const folder = await Deno.makeTempDir({ prefix });
  try {
    return { disk: null, folder, servers: await startServers(folder, options) };
  } catch (thrown) {
    await Deno.remove(folder, { recursive: true });
    throw thrown;
  }
}

/** An id of this shard; always the same. */
export function idOf(prefix: string, shard: number): string {
  for (let n = 0;; n++) {
    const id = `${prefix}-${n}`;
    if (shardOf(id, shards) === shard) return id;
  }
}

const probeIds: readonly string[] = Array.from({ length: shards }, (_, shard) => idOf("probe", shard));
