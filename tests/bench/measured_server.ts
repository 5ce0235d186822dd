/** A server of its own for one measurement: free ports, an empty folder, nothing left behind. */

import { type ServerOptions, ServerProcess } from "../chaos/server_process.ts";
import { freePort } from "../../deploy/services/free_port.ts";

export interface Bench {
  /** Starts the server, again if it was stopped or killed before, and waits until it is ready. */
  start(): Promise<ServerProcess>;
  /** Spawns it without waiting. */
  spawn(): ServerProcess;
  readonly url: URL;
  /** Where it keeps its data. */
  readonly folder: string;
}

/**
 * @param entry as in `ServerOptions`
 * @param environment the same: where it finds Kafka and MySQL, if it is to run on them
 * @param within the same
 */
export async function withBench<T>(
  flags: readonly string[],
  use: (bench: Bench) => Promise<T>,
  { entry, environment = {}, within = [] }: Pick<ServerOptions, "entry" | "environment" | "within"> = {},
): Promise<T> {
  const dataFolder = await Deno.makeTempDir({ prefix: "sensorium-bench-" });
  const port = freePort();
  const options = {
    port,
    adminPort: freePort(),
    dataFolder,
    flags,
    environment,
    within,
    ...entry === undefined ? {} : { entry },
  };
  const servers: ServerProcess[] = [];
  const spawn = () => {
    const server = new ServerProcess(options);
    servers.push(server);
    return server;
  };
  try {
    return await use({
      spawn,
      start: async () => {
        const server = spawn();
        await server.untilReady();
        return server;
      },
      url: new URL(`http://127.0.0.1:${port}`),
      folder: dataFolder,
    });
  } finally {
    for (const server of servers) await server.kill();
    await Deno.remove(dataFolder, { recursive: true });
  }
}

/** The server as the figures are about it: readings over HTTP alone. */
export const loadFlags: readonly string[] = ["--no-host-metrics", "--shards", "8"];

export function seconds(count: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, count * 1000));
}
