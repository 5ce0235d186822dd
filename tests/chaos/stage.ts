/**
 * The node that a run plays with, started as a user does, and what the run knows of it.
 *
 * 1. `recovered` resolves when the node takes a reading for every shard, and a strict query of every shard counts what
 *    was acknowledged, once.
 */

import { join } from "node:path";
import { z } from "zod";
import { shardOf } from "../../runtime/core/murmur2.ts";
import { eventually } from "../services/eventually.ts";
import { freePort } from "../services/free_port.ts";
import { SmallDisk } from "../services/small_disk.ts";
import { Client } from "./client.ts";
import { ServerProcess } from "./server_process.ts";

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

export class Stage {
  readonly #start: () => ServerProcess;
  readonly folder: string;
  readonly disk: SmallDisk | null;
  readonly client: Client;
  server: ServerProcess;
  readonly #marks: string;
  #probes = 0;
  #isClosed = false;

  private constructor(disk: SmallDisk | null, folder: string, marks: string) {
    const flags = ["--no-host-metrics", "--shards", `${shards}`, "--threads", `${threads}`];
    const dataFolder = join(folder, "data");
    const options = { port: freePort(), adminPort: freePort(), dataFolder, flags, entry };
    this.#start = () => new ServerProcess(options);
    this.folder = folder;
    this.disk = disk;
    this.#marks = marks;
    this.server = this.#start();
    this.client = new Client(this.server.url, recoveryDeadlineMs);
  }

  /** On a disk of its own where one can be mounted. */
  static async open(): Promise<Stage> {
    const disk = await SmallDisk.mount(prefix, diskMebibytes);
    const folder = disk === null ? await Deno.makeTempDir({ prefix }) : disk.folder;
    const stage = new Stage(disk, folder, await Deno.makeTempDir({ prefix }));
    try {
      await stage.server.untilReady();
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
    const ids = Array.from({ length: shards }, (_, shard) => idOf("probe", shard));
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

  async look(): Promise<Sight> {
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
    await Deno.remove(this.#marks, { recursive: true });
    if (isKept) return;
    if (this.disk === null) await Deno.remove(this.folder, { recursive: true });
    else await this.disk[Symbol.asyncDispose]();
  }
}

/** An id of this shard; always the same. */
export function idOf(prefix: string, shard: number): string {
  for (let n = 0;; n++) {
    const id = `${prefix}-${n}`;
    if (shardOf(id, shards) === shard) return id;
  }
}
