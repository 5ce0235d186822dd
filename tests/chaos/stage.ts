/**
 * The node that a run plays with, on its folder or on servers, started as a user does, and what the run knows of it.
 */

import { join } from "node:path";
import { z } from "zod";
import { processOf } from "../../deploy/services/processes.ts";
import { eventually } from "../services/eventually.ts";
import { freePort } from "../../deploy/services/free_port.ts";
import { SmallDisk } from "../services/small_disk.ts";
import { Client } from "./client.ts";
import { recoveryDeadlineMs, shards } from "./limits.ts";
import { Probes } from "./probes.ts";
import { ServerProcess } from "./server_process.ts";
import { topicFlags } from "./topic_load.ts";
import {
  environmentOf,
  killServers,
  type NodeServers,
  type ServersOptions,
  startServers,
} from "../services/node_servers.ts";

const threads = 2;
const entry = "tests/chaos/launch.ts";
const prefix = "sensorium-chaos-";

/** Room for minutes of log and store under the run's load. */
const diskMebibytes = 512;

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

export class Stage {
  readonly #start: () => ServerProcess;
  readonly folder: string;
  readonly disk: SmallDisk | null;
  /** Null: the node is on its folder. */
  readonly servers: NodeServers | null;
  readonly client: Client;
  readonly probes: Probes;
  server: ServerProcess;
  readonly #marks: string;
  #isClosed = false;
  #peakBytes = 0;

  private constructor({ folder, disk, servers }: Ground, marks: string) {
    const flags = ["--no-host-metrics", "--shards", `${shards}`, "--threads", `${threads}`];
    const dataFolder = join(folder, "data");
    const place = servers === null ? { entry } : { environment: environmentOf(servers) };
    const own = { dataFolder, flags: servers === null ? flags : [...flags, ...topicFlags] };
    const options = { port: freePort(), adminPort: freePort(), ...own, ...place };
    this.#start = () => new ServerProcess(options);
    this.folder = folder;
    this.disk = disk;
    this.servers = servers;
    this.#marks = marks;
    this.server = this.#start();
    this.client = new Client(() => [this.server.url], recoveryDeadlineMs);
    this.probes = new Probes(this.client);
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
    await this.probes.recovered();
  }

  /** Resolves when no thread is left that was given up: it ended, or the node was replaced. */
  async untilNoneLingers(): Promise<void> {
    await eventually("the end of the threads that were given up", recoveryDeadlineMs, async () => {
      const response = await fetch(new URL("/metrics", this.server.adminUrl));
      return /^sensorium_abandoned_threads 0$/m.test(await response.text()) ? true : null;
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
