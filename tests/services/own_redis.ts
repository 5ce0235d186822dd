/** A Redis server of a test's own, which it may kill, stop and start again. Nothing of it is on disk but certificates. */

import { connect } from "node:net";
import { freePort } from "./free_port.ts";
import { eventually } from "./eventually.ts";

const startDeadlineMs = 10_000;

export class OwnRedis implements AsyncDisposable {
  readonly port = freePort();
  readonly #options: readonly string[];
  #process: Deno.ChildProcess | null = null;

  /** `options`: of `redis-server`. */
  private constructor(options: readonly string[]) {
    this.#options = options;
  }

  static async start(...options: string[]): Promise<OwnRedis> {
    const redis = new OwnRedis(options);
    await redis.start();
    return redis;
  }

  /** Resolves when it takes connections. */
  async start(): Promise<void> {
    const args = ["--port", `${this.port}`, "--save", "", "--bind", "127.0.0.1", ...this.#options];
    this.#process = new Deno.Command("redis-server", { args, stdout: "null", stderr: "null" }).spawn();
    const port = this.#options.includes("--tls-port") ? Number(this.#options.at(-1)) : this.port;
    await eventually("Redis to take connections", startDeadlineMs, () => canConnect(port));
  }

  async kill(): Promise<void> {
    const process = this.#process;
    this.#process = null;
    if (process === null) return;
    process.kill("SIGKILL");
    await process.status;
  }

  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    this.#process?.kill(signal);
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

function canConnect(port: number): Promise<true | null> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port });
    let hasConnected = false;
    socket.once("connect", () => {
      hasConnected = true;
      socket.destroy();
    });
    socket.once("error", () => {});
    socket.once("close", () => resolve(hasConnected ? true : null));
  });
}
