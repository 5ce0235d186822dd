/** A real node exporter on a free port, with two of its collectors. */

import { eventually } from "./eventually.ts";
import { freePort } from "../../deploy/services/free_port.ts";
import { programPath } from "./required.ts";

/** As Debian calls it. */
export const nodeExporterProgram = "prometheus-node-exporter";

const startDeadlineMs = 10_000;

export class NodeExporter implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  /** `host:port`. */
  readonly address: string;

  private constructor(process: Deno.ChildProcess, address: string) {
    this.#process = process;
    this.address = address;
  }

  get url(): string {
    return `http://${this.address}/metrics`;
  }

  /** Resolves when it answers. */
  static async start(): Promise<NodeExporter> {
    const address = `127.0.0.1:${freePort()}`;
    const collectors = ["cpu", "loadavg", "uname"].map((name) => `--collector.${name}`);
    const process = new Deno.Command(programPath(nodeExporterProgram), {
      args: [`--web.listen-address=${address}`, "--collector.disable-defaults", ...collectors],
      stdout: "null",
      stderr: "null",
    }).spawn();
    const exporter = new NodeExporter(process, address);
    try {
      await eventually("the node exporter to answer", startDeadlineMs, async () => {
        const response = await fetch(exporter.url);
        await response.body?.cancel();
        return response.ok ? true : null;
      });
      return exporter;
    } catch (error) {
      await exporter[Symbol.asyncDispose]();
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.status;
  }
}
