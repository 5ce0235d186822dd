/** A Sensorium node as its user starts it: `deno task start cluster`, on free ports and a folder of its own. */

import { freePort } from "../../deploy/services/free_port.ts";
import { childOf, killHard } from "./process_tree.ts";

const root = new URL("../../", import.meta.url);

export interface NodeOptions {
  readonly dataDir: string;
  /** Flags besides those for ports, folder and the quiet of the host's own metrics. */
  readonly flags?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly port?: number;
  readonly adminPort?: number;
}

/** How a node ended, and what it had printed by then. */
export interface Ended {
  readonly code: number;
  readonly output: string;
  readonly errors: string;
}

const startDeadlineMs = 30_000;

/** Runs the start task with these arguments until it ends by itself. */
export async function runStart(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const { code, stdout, stderr } = await command(args, environment).output();
  return { code, output: new TextDecoder().decode(stdout), errors: new TextDecoder().decode(stderr) };
}

function command(args: readonly string[], environment: Readonly<Record<string, string>>): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: ["task", "--quiet", "start", ...args],
    cwd: root,
    env: { NO_COLOR: "1", ...environment },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}

export class Node implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #output: Promise<void>;
  readonly #errors: Promise<void>;
  readonly #ready = Promise.withResolvers<void>();
  #outputText = "";
  #errorText = "";
  readonly url: string;
  readonly adminUrl: string;

  private constructor(process: Deno.ChildProcess, port: number, adminPort: number) {
    const onOutput = () => {
      if (/^ +Deno +\d/m.test(this.output) || /"event":"ready"/.test(this.errors)) this.#ready.resolve();
    };
    this.#process = process;
    this.url = `http://127.0.0.1:${port}`;
    this.adminUrl = `http://127.0.0.1:${adminPort}`;
    this.#output = collect(process.stdout, (text) => {
      this.#outputText += text;
      onOutput();
    });
    this.#errors = collect(process.stderr, (text) => {
      this.#errorText += text;
      onOutput();
    });
  }

  /** Only runs the program. */
  static launch({ dataDir, flags = [], environment = {}, ...ports }: NodeOptions): Node {
    const port = ports.port ?? freePort();
    const adminPort = ports.adminPort ?? freePort();
    const args = [
      "cluster",
      "--port",
      `${port}`,
      "--admin-port",
      `${adminPort}`,
      "--data",
      dataDir,
      ...flags,
    ];
    return new Node(command(args, environment).spawn(), port, adminPort);
  }

  /** Resolves when the start table stands on its screen, or its log says "ready"; by then it takes readings. */
  static async start(options: NodeOptions): Promise<Node> {
    const node = Node.launch(options);
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => late.reject(new Error("no start table")), startDeadlineMs);
    const ended = node.#process.status.then(({ code }) => late.reject(new Error(`it ended with ${code}`)));
    try {
      await Promise.race([node.#ready.promise, late.promise]);
      return node;
    } catch (cause) {
      await node[Symbol.asyncDispose]();
      await ended;
      throw new Error(`The node did not start. It printed:\n${node.output}\n${node.errors}`, { cause });
    } finally {
      clearTimeout(timer);
    }
  }

  get output(): string {
    return this.#outputText;
  }

  get errors(): string {
    return this.#errorText;
  }

  /** Sends a signal to the task, which passes it on to the node. */
  async stop(signal: "SIGTERM" | "SIGINT" = "SIGTERM"): Promise<Ended> {
    this.#process.kill(signal);
    return await this.#end();
  }

  /** Ends the node as a crash would. */
  async kill(): Promise<void> {
    const launcher = await this.launcherPid();
    const node = await childOf(launcher);
    // The launcher first, which would start the node again.
    killHard(launcher);
    killHard(node);
    await this.#end();
  }

  /** Of the launcher, which the task runs. Throws when it has ended. */
  async launcherPid(): Promise<number> {
    const pid = await childOf(this.#process.pid);
    if (pid === null) throw new Error(`The task ${this.#process.pid} has no child: the node has ended`);
    return pid;
  }

  /** Of the node's own process, which the launcher has started. Throws when there is none. */
  async pid(): Promise<number> {
    const launcher = await this.launcherPid();
    const pid = await childOf(launcher);
    if (pid === null) throw new Error(`The launcher ${launcher} has no node at the moment`);
    return pid;
  }

  /** Its end by itself. */
  get ended(): Promise<Ended> {
    return this.#end();
  }

  async #end(): Promise<Ended> {
    const { code } = await this.#process.status;
    await Promise.all([this.#output, this.#errors]);
    return { code, output: this.output, errors: this.errors };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.kill();
    } catch {
      // It has ended by itself.
      await this.#end();
    }
  }
}

async function collect(stream: ReadableStream<Uint8Array>, add: (text: string) => void): Promise<void> {
  for await (const text of stream.pipeThrough(new TextDecoderStream())) add(text);
}
