/**
 * A real Sensorium as a user starts it: a launcher, by the command of the `start` task, and its node or nodes.
 *
 * 1. `kill` is `kill -9`; after it or `stop` resolves, the process is gone.
 * 2. Disposal leaves no process behind.
 */

import { childOf, childrenOf, killHard } from "../services/process_tree.ts";
import { HttpConnection } from "../../actors/simulate/http_connection.ts";

export interface ServerOptions {
  /** The address of both ports: the loopback one, unless told otherwise. */
  readonly host?: string;
  readonly port: number;
  readonly adminPort: number;
  readonly dataFolder: string;
  /** More flags, as text. */
  readonly flags?: readonly string[];
  /** Variables besides those of this process and of the task. */
  readonly environment?: Readonly<Record<string, string>>;
  /** What is run in the place of the product's launcher: a path of the repository. */
  readonly entry?: string;
  /** A command that runs what it is given after its own words, as this very process. */
  readonly within?: readonly string[];
  /** Hears each line of its standard error. */
  readonly onErrorLine?: (line: string) => void;
}

const loopback = "127.0.0.1";
const repository = new URL("../../", import.meta.url);
/** A start of an empty folder with a cold module cache takes a few seconds on a busy machine. */
const readyDeadlineMs = 60_000;
const stopDeadlineMs = 20_000;
const pollMs = 10;
/** Of what the server wrote, so much is shown when it fails. */
const shownOutput = 4000;

const productEntry = "actors/launch.ts";

/** The start task's words: environment and arguments, with `entry` for its own. */
function startCommand(entry: string): { env: Record<string, string>; args: string[] } {
  const text = Deno.readTextFileSync(new URL("deno.json", repository));
  const command: unknown = JSON.parse(text).tasks?.start?.command;
  if (typeof command !== "string") throw new Error("deno.json has no command for the task start");
  const words = command.split(" ");
  const program = words.indexOf("deno");
  const env = Object.fromEntries(words.slice(0, program).map((word) => word.split("=", 2)));
  const args = words.slice(program + 1);
  if (args.at(-1) !== productEntry) throw new Error(`The task start does not end with ${productEntry}`);
  return { env, args: [...args.slice(0, -1), entry] };
}

function textOf(bytes: ReadableStream<Uint8Array>): ReadableStream<string> {
  return bytes.pipeThrough(new TextDecoderStream());
}

async function textTail(stream: ReadableStream<string>, keep: (tail: string) => void): Promise<void> {
  let tail = "";
  for await (const chunk of stream) {
    tail = (tail + chunk).slice(-shownOutput);
    keep(tail);
  }
}

/** Hands on what it passes to `onLine`. */
function lines(onLine: (line: string) => void): TransformStream<string, string> {
  let rest = "";
  return new TransformStream({
    transform(text, controller) {
      const parts = (rest + text).split("\n");
      rest = parts.pop() ?? "";
      parts.forEach(onLine);
      controller.enqueue(text);
    },
  });
}

export class ServerProcess implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #options: ServerOptions;
  readonly #output: Promise<unknown>;
  readonly #exited: Promise<Deno.CommandStatus>;
  #hasExited = false;
  #stdout = "";
  #stderr = "";

  /** Spawns; `untilReady` waits. */
  constructor(options: ServerOptions) {
    const { host = loopback, port, adminPort, dataFolder, flags = [], environment = {} } = options;
    const { entry = productEntry, within = [], onErrorLine = () => {} } = options;
    const { env, args } = startCommand(entry);
    const own = ["--port", String(port), "--admin-port", String(adminPort), "--data", dataFolder];
    const address = host === loopback ? [] : ["--host", host, "--insecure"];
    this.#options = options;
    const [program = Deno.execPath(), ...words] = [...within, Deno.execPath()];
    this.#child = new Deno.Command(program, {
      args: [...words, ...args, "cluster", ...own, ...address, ...flags],
      env: { ...env, ...environment },
      cwd: repository,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#output = Promise.all([
      textTail(textOf(this.#child.stdout), (tail) => this.#stdout = tail),
      textTail(textOf(this.#child.stderr).pipeThrough(lines(onErrorLine)), (tail) => this.#stderr = tail),
    ]);
    this.#exited = this.#child.status;
    void this.#exited.then(() => this.#hasExited = true);
  }

  /** Of the node, which the launcher has started. */
  async nodePid(): Promise<number> {
    const pid = await childOf(this.#child.pid);
    if (pid === null) {
      throw new Error(`The launcher ${this.#child.pid} has no node. It wrote:\n${this.output}`);
    }
    return pid;
  }

  /** Of its nodes that have not ended. */
  async nodePids(): Promise<readonly number[]> {
    return this.#hasExited ? [] : await childrenOf(this.#child.pid);
  }

  /** Of the launcher. */
  get pid(): number {
    return this.#child.pid;
  }

  get url(): URL {
    const { host = loopback, port } = this.#options;
    return new URL(`http://${host}:${port}`);
  }

  /** Of the first node. */
  get adminUrl(): URL {
    const { host = loopback, adminPort } = this.#options;
    return new URL(`http://${host}:${adminPort}`);
  }

  get output(): string {
    return `${this.#stdout}\n${this.#stderr}`.trim();
  }

  /** Resolves when `/readyz` says so; rejects when the process ends first, or in time does not. */
  async untilReady(deadlineMs = readyDeadlineMs): Promise<void> {
    const endMs = performance.now() + deadlineMs;
    let last = "no answer";
    while (performance.now() < endMs && !this.#hasExited) {
      const connection = new HttpConnection(this.url);
      try {
        const request = { method: "GET", target: "/readyz", headers: {}, body: "", timeoutMs: 1000 } as const;
        const answer = await connection.request(request);
        if (answer.status === 200) return;
        last = `${answer.status} ${answer.text}`;
      } catch (thrown) {
        last = String(thrown);
      } finally {
        connection.close();
      }
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
    const what = this.#hasExited ? "ended before it was ready" : `was not ready within ${deadlineMs} ms`;
    throw new Error(`The server ${what} (${last}). It wrote:\n${this.output}`);
  }

  async #gone(): Promise<void> {
    await this.#exited;
    await this.#output;
  }

  #signal(signal: Deno.Signal): void {
    if (!this.#hasExited) this.#child.kill(signal);
  }

  /** Kills the launcher, which would start them again, and the nodes. */
  async kill(): Promise<void> {
    const nodes = await this.nodePids();
    this.#signal("SIGKILL");
    nodes.forEach(killHard);
    await this.#gone();
  }

  /** As Ctrl-C does; rejects when it takes too long, after killing it. */
  async stop(): Promise<void> {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      this.#signal("SIGKILL");
    }, stopDeadlineMs);
    this.#signal("SIGINT");
    await this.#gone();
    clearTimeout(timer);
    if (isLate) {
      throw new Error(`The server did not stop within ${stopDeadlineMs} ms. It wrote:\n${this.output}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
