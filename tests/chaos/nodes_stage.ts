/**
 * Several nodes that a run plays with: some share a launcher, and one has its own, in a network of its own where one can
 * be made: it stands for another machine.
 *
 * 1. `whole` resolves when every node is ready and all of them agree that every one of them is there, and have all
 *    shards between them.
 */

import { join } from "node:path";
import { z } from "zod";
import { processOf } from "../../deploy/services/processes.ts";
import { eventually } from "../services/eventually.ts";
import {
  environmentOf,
  killServers,
  type NodeServers,
  type ServersOptions,
  startServers,
} from "../services/node_servers.ts";
import { OwnNetwork } from "../services/own_network.ts";
import { Client } from "./client.ts";
import { Launcher, untilWhole } from "./launcher.ts";
import { recoveryDeadlineMs } from "./limits.ts";
import { Probes } from "./probes.ts";
import { topicFlags } from "./topic_load.ts";

const prefix = "sensorium-chaos-";

const logLineSchema = z.object({ component: z.string(), event: z.string(), reason: z.string().optional() });

/** What the nodes wrote of their threads' deaths. */
class Deaths {
  /** The reason of each. */
  readonly reasons: string[] = [];

  hear(line: string): void {
    if (!line.includes('"child-failed"')) return;
    const { component, event, reason = "" } = logLineSchema.parse(JSON.parse(line));
    if (component === "hosts" && event === "child-failed") this.reasons.push(reason);
  }
}

interface Ground {
  readonly folder: string;
  readonly servers: NodeServers;
  readonly network: OwnNetwork | null;
}

export interface NodesOptions extends ServersOptions {
  /** In all. */
  readonly nodes: number;
}

export class NodesStage {
  readonly folder: string;
  readonly servers: NodeServers;
  /** Null: none could be made, and the machine is no more than a launcher of its own. */
  readonly network: OwnNetwork | null;
  /** Whose nodes share a port. */
  readonly neighbours: Launcher;
  /** The one with a launcher and a network of its own. */
  readonly machine: Launcher;
  /** Asks those that are not away. */
  readonly client: Client;
  readonly probes: Probes;
  readonly #marks: string;
  readonly #deaths = new Deaths();
  #peakBytes = 0;

  private constructor({ folder, servers, network }: Ground, nodes: number, marks: string) {
    const onErrorLine = (line: string) => this.#deaths.hear(line);
    const common = { environment: environmentOf(servers), flags: topicFlags, onErrorLine };
    this.folder = folder;
    this.servers = servers;
    this.network = network;
    this.#marks = marks;
    this.neighbours = new Launcher({
      ...common,
      nodes: nodes - 1,
      host: network?.outside ?? "127.0.0.1",
      within: [],
      folder: join(folder, "neighbours"),
    });
    this.machine = new Launcher({
      ...common,
      nodes: 1,
      host: network?.inside ?? "127.0.0.1",
      within: network?.within ?? [],
      folder: join(folder, "machine"),
    });
    this.client = new Client(() => {
      return this.launchers.filter(({ isAway }) => !isAway).map(({ server }) => server.url);
    }, recoveryDeadlineMs);
    this.probes = new Probes(this.client);
  }

  static async open({ nodes, ...servers }: NodesOptions): Promise<NodesStage> {
    const stage = new NodesStage(await lay(servers), nodes, await Deno.makeTempDir({ prefix }));
    try {
      await Promise.all(stage.launchers.map(({ server }) => server.untilReady(recoveryDeadlineMs)));
      await stage.whole();
      await stage.probes.recovered();
      return stage;
    } catch (thrown) {
      await stage.close(false);
      throw thrown;
    }
  }

  get launchers(): readonly Launcher[] {
    return [this.neighbours, this.machine];
  }

  get urls(): readonly [URL, URL] {
    return [this.neighbours.server.url, this.machine.server.url];
  }

  async whole(): Promise<void> {
    await untilWhole(this.launchers, this.client);
  }

  /** Resolves when each launcher answers for all shards, and no thread is left that was given up. */
  async untilNothingIsLeft(): Promise<void> {
    for (const { server } of this.launchers) {
      await this.probes.counted(new Client(() => [server.url], recoveryDeadlineMs));
    }
    const adminUrls = this.launchers.flatMap((launcher) => launcher.adminUrls);
    await eventually("the end of the threads that were given up", recoveryDeadlineMs, async () => {
      const texts = await Promise.all(adminUrls.map(async (url) => {
        return await (await fetch(new URL("/metrics", url))).text();
      }));
      return texts.every((text) => /^sensorium_abandoned_threads 0$/m.test(text)) ? true : null;
    });
  }

  /** Why threads have died, from the first on. */
  get deaths(): readonly string[] {
    return this.#deaths.reasons;
  }

  /** Of the nodes' processes, as often as they were looked at. */
  get peakBytes(): number {
    return this.#peakBytes;
  }

  async noteMemory(): Promise<void> {
    for (const { server } of this.launchers) {
      for (const pid of await server.nodePids()) {
        this.#peakBytes = Math.max(this.#peakBytes, (await processOf(pid))?.residentBytes ?? 0);
      }
    }
  }

  get output(): string {
    return this.launchers.map(({ server }) => server.output).join("\n");
  }

  /** A path at which there is no file, and that the nodes may write. */
  newMark(name: string): string {
    return join(this.#marks, name);
  }

  /** Ends the nodes. Their data remain when `isKept`. */
  async close(isKept: boolean): Promise<void> {
    await Promise.all(this.launchers.map(({ server }) => server.kill()));
    await killServers(this.servers);
    await this.network?.[Symbol.asyncDispose]();
    await Deno.remove(this.#marks, { recursive: true });
    if (!isKept) await Deno.remove(this.folder, { recursive: true });
  }
}

async function lay(options: ServersOptions): Promise<Ground> {
  const folder = await Deno.makeTempDir({ prefix });
  const network = await OwnNetwork.make();
  try {
    const host = network?.outside ?? "127.0.0.1";
    return { folder, network, servers: await startServers(folder, { ...options, host }) };
  } catch (thrown) {
    await network?.[Symbol.asyncDispose]();
    await Deno.remove(folder, { recursive: true });
    throw thrown;
  }
}
