/** The HAProxy of deploy/haproxy.cfg, as it is but for its port and the nodes' addresses. */

import { join } from "node:path";
import { eventually } from "./eventually.ts";
import { freePort } from "../../deploy/services/free_port.ts";

/** What it stands before: as of a `Node`, without a slash at the end. */
export interface Proxied {
  readonly url: string;
  readonly adminUrl: string;
}

const file = new URL("../../deploy/haproxy.cfg", import.meta.url);
const startDeadlineMs = 20_000;

function configuration(text: string, port: number, nodes: readonly Proxied[]): string {
  const replace = (whole: string, from: string, to: string) => {
    if (!whole.includes(from)) throw new Error(`deploy/haproxy.cfg has no "${from}" any more`);
    return whole.replaceAll(from, to);
  };
  const bound = replace(text, "bind :80\n", `bind 127.0.0.1:${port}\n`);
  return nodes.reduce((whole, { url, adminUrl }, index) => {
    const [to, check] = [new URL(url).host, new URL(adminUrl).port];
    return replace(whole, ` node-${index + 1}:5002 check port 9464\n`, ` ${to} check port ${check}\n`);
  }, bound);
}

export class Haproxy implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #folder: string;
  readonly #reading: Promise<void>;
  #log = "";
  readonly url: string;

  private constructor(process: Deno.ChildProcess, folder: string, url: string) {
    this.#process = process;
    this.#folder = folder;
    this.url = url;
    this.#reading = Promise.all([process.stdout, process.stderr].map((stream) => this.#read(stream))).then();
  }

  /** Resolves when it takes requests; whether it has found a node alive, is its own business. */
  static async start(nodes: readonly [Proxied, Proxied]): Promise<Haproxy> {
    const folder = await Deno.makeTempDir({ prefix: "sensorium-haproxy-" });
    const [port, config] = [freePort(), join(folder, "haproxy.cfg")];
    await Deno.writeTextFile(config, configuration(await Deno.readTextFile(file), port, nodes));
    const process = new Deno.Command("haproxy", {
      args: ["-db", "-f", config],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const haproxy = new Haproxy(process, folder, `http://127.0.0.1:${port}`);
    try {
      await eventually("HAProxy to take requests", startDeadlineMs, async () => {
        const response = await fetch(`${haproxy.url}/healthz`);
        await response.body?.cancel();
        return true;
      });
      return haproxy;
    } catch (cause) {
      await haproxy[Symbol.asyncDispose]();
      throw new Error(`HAProxy did not start:\n${haproxy.log}`, { cause });
    }
  }

  /** What it has written. */
  get log(): string {
    return this.#log;
  }

  /** How many requests it has sent more than once. */
  get retried(): number {
    return [...this.#log.matchAll(/ \+?[1-9]\d* retries /g)].length;
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) this.#log += text;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.status;
    await this.#reading;
    await Deno.remove(this.#folder, { recursive: true });
  }
}
