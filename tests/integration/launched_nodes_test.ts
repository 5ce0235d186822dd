/** What a launcher gives its nodes and tells them, with nodes that have no engine (`told_node.ts`) and need no server. */

import assert from "node:assert/strict";
import { eventually } from "../services/eventually.ts";
import { freePort, freePorts } from "../../deploy/services/free_port.ts";
import { tempFolder } from "../services/folder.ts";
import { Node } from "../services/node.ts";
import { childOf, killHard } from "../services/process_tree.ts";
import { within } from "../services/within.ts";

const deadlineMs = 20_000;

/** What a node says when it begins. */
interface Begun {
  readonly begins: string;
  readonly pid: number;
  readonly index: number;
  readonly nodes: number;
  readonly port: number;
  readonly adminPort: number;
  readonly dead: readonly string[];
  readonly isRelieved: boolean;
}

/** A launcher of the tests, and where its nodes are said to have their servers. */
interface Program {
  readonly entry: string;
  readonly environment: Readonly<Record<string, string>>;
}

/** Of nodes without an engine, which look for no server. */
const toldNodes: Program = {
  entry: "told_launch.ts",
  environment: { KAFKA_BROKERS: "127.0.0.1:1", MYSQL_URL: "mysql://nobody@127.0.0.1:1/none" },
};

class Launcher implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #reading: Promise<unknown>;
  #output = "";
  #errors = "";

  constructor({ entry, environment }: Program, nodes: number, ...flags: readonly string[]) {
    this.#process = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--no-prompt",
        "--allow-net",
        "--allow-read",
        "--allow-env",
        "--allow-sys=hostname",
        "--allow-run",
        new URL(entry, import.meta.url).pathname,
        "cluster",
        `--nodes=${nodes}`,
        "--log-format=json",
        ...flags,
      ],
      env: environment,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#reading = Promise.all([
      read(this.#process.stdout, (text) => this.#output += text),
      read(this.#process.stderr, (text) => this.#errors += text),
    ]);
  }

  get pid(): number {
    return this.#process.pid;
  }

  get errors(): string {
    return this.#errors;
  }

  /** Whole lines, as JSON. */
  get said(): readonly ReturnType<typeof JSON.parse>[] {
    return this.#output.split("\n").slice(0, -1).map((line) => JSON.parse(line));
  }

  /** All lives of a node that have begun. */
  lives(index: number): readonly Begun[] {
    return this.said.filter((line) => line.begins !== undefined && line.index === index);
  }

  async until(what: string, isSo: () => boolean): Promise<void> {
    await eventually(what, deadlineMs, () => Promise.resolve(isSo() ? true : null));
  }

  /** A node's life of that number, once the launcher knows that it is up. */
  async life(index: number, number = 1): Promise<Begun> {
    const found = () => this.lives(index)[number - 1];
    await this.until(
      `life ${number} of node-${index}`,
      () => this.said.some(({ isUp }) => isUp !== undefined && isUp === found()?.begins),
    );
    return found()!;
  }

  signal(signal: Deno.Signal): void {
    this.#process.kill(signal);
  }

  /** Once it has ended; what it has started may be there still. */
  get exitCode(): Promise<number> {
    return this.#process.status.then(({ code }) => code);
  }

  /** Its exit code, once its nodes are gone, too. */
  async end(): Promise<number> {
    const code = await within("the launcher's end", this.exitCode, deadlineMs);
    await within("the end of its nodes", this.#reading, deadlineMs);
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    killHard(this.#process.pid);
    await this.end();
  }
}

async function read(stream: ReadableStream<Uint8Array>, add: (text: string) => void): Promise<void> {
  for await (const text of stream.pipeThrough(new TextDecoderStream())) add(text);
}

const anyPorts = ["--port=0", "--admin-port=0"];

Deno.test("a launcher gives its nodes names, one port together and one each, and drains them together", async () => {
  await using launcher = new Launcher(toldNodes, 3, ...anyPorts);
  const lives = [await launcher.life(0), await launcher.life(1), await launcher.life(2)];
  for (const [index, { begins, nodes, dead, isRelieved }] of lives.entries()) {
    assert.match(begins, new RegExp(`^${Deno.hostname()}/node-${index}/[0-9a-f]{8}$`));
    assert.deepEqual([nodes, dead, isRelieved], [3, [], index > 0]);
  }
  assert.equal(new Set(lives.map(({ port }) => port)).size, 1);
  assert.equal(new Set(lives.flatMap(({ port, adminPort }) => [port, adminPort])).size, 4);
  launcher.signal("SIGTERM");
  assert.equal(await launcher.end(), 0, launcher.errors);
  assert.equal(launcher.said.filter(({ stopped }) => stopped !== undefined).length, 3);
});

Deno.test("a launcher has a ready node evict one that died, which comes back under another name", async () => {
  await using launcher = new Launcher(toldNodes, 2, ...anyPorts);
  const [first, second] = [await launcher.life(0), await launcher.life(1)];
  killHard(second.pid);
  const again = await launcher.life(1, 2);
  assert.notEqual(again.begins, second.begins);
  assert.equal(again.adminPort, second.adminPort);
  assert.equal(again.isRelieved, true);
  const told = () => launcher.said.find(({ evicts }) => evicts === second.begins);
  await launcher.until("an eviction", () => told() !== undefined);
  assert.equal(told().by, first.begins);
  const died = launcher.errors.split("\n").filter((line) => line.includes('"node-died"'));
  assert.equal(died.length, 1, launcher.errors);
  assert.match(died[0]!, /"message":"node-1 died and starts again in \d+ ms: it was ended by SIGKILL\."/);
});

Deno.test("a launcher tells its only node whom it is to evict before it joins", async () => {
  await using launcher = new Launcher(toldNodes, 1, ...anyPorts);
  const first = await launcher.life(0);
  assert.deepEqual([first.nodes, first.port, first.adminPort], [1, 0, 0], "it binds its ports by itself");
  killHard(first.pid);
  const second = await launcher.life(0, 2);
  assert.deepEqual([second.dead, second.isRelieved], [[first.begins], false]);
  killHard(second.pid);
  assert.deepEqual(
    (await launcher.life(0, 3)).dead,
    [second.begins],
    "the first is evicted: the second was ready",
  );
});

Deno.test("a launcher ends all nodes when one is refused at the first start", async () => {
  await using launcher = new Launcher(toldNodes, 3, "--insecure", ...anyPorts);
  assert.equal(await launcher.end(), 2, launcher.errors);
  assert.equal(launcher.errors, "", "the node has said why");
  const isThere = (stopped: string) => launcher.said.some((line) => line.stopped === stopped);
  assert.ok(isThere(launcher.lives(0)[0]!.begins));
});

Deno.test("a launcher goes on when one of its nodes is stopped by itself, and ends with the last", async () => {
  await using launcher = new Launcher(toldNodes, 2, ...anyPorts);
  const lives = [await launcher.life(0), await launcher.life(1)];
  Deno.kill(lives[0]!.pid, "SIGTERM");
  const sentence = "node-0 is not started again: it ended with exit code 0. The others go on.";
  await launcher.until("its word", () => launcher.errors.includes(sentence));
  Deno.kill(lives[1]!.pid, "SIGTERM");
  assert.equal(await launcher.end(), 0, launcher.errors);
  assert.equal(
    launcher.said.filter(({ evicts }) => evicts !== undefined).length,
    0,
    "both have left by themselves",
  );
});

Deno.test("a launcher that is signalled again while a node does not stop ends at once", async () => {
  await using launcher = new Launcher(toldNodes, 2, ...anyPorts);
  const [hanging, other] = [await launcher.life(0), await launcher.life(1)];
  Deno.kill(hanging.pid, "SIGSTOP");
  try {
    launcher.signal("SIGINT");
    const { begins } = other;
    await launcher.until("the other's end", () => launcher.said.some(({ stopped }) => stopped === begins));
    let code: number | null = null;
    void launcher.exitCode.then((found) => code = found);
    // Signals within a fraction of a second count as one.
    await launcher.until("its end", () => {
      if (code === null) launcher.signal("SIGINT");
      return code !== null;
    });
    assert.equal(code, 130);
  } finally {
    killHard(hanging.pid);
  }
});

const impatient = "impatient_launch.ts";
const killedSentence =
  '"message":"The node did not stop by itself: it was killed after 1.5 s. What it accepted is in the log."';

/** Stands still from now on, as one that does not drain; its launcher is asked to stop. */
async function killsWhatDoesNotStop(launcher: Launcher, pid: number): Promise<void> {
  Deno.kill(pid, "SIGSTOP");
  const sinceMs = performance.now();
  launcher.signal("SIGTERM");
  // Its output ends when the node's does.
  assert.equal(await launcher.end(), 0, launcher.errors);
  assert.ok(performance.now() - sinceMs > 1500, "it is waited for");
  assert.equal(
    launcher.errors.split("\n").filter((line) => line.includes(killedSentence)).length,
    1,
    launcher.errors,
  );
}

async function nodeOf(launcher: Launcher): Promise<number> {
  return await eventually("a node", deadlineMs, () => childOf(launcher.pid));
}

Deno.test("a launcher kills a real node that does not drain, says so, and nothing accepted is lost", async () => {
  await using folder = await tempFolder();
  {
    const port = freePort();
    const flags = ["--no-host-metrics", `--port=${port}`, "--admin-port=0", `--data=${folder.path}`];
    await using launcher = new Launcher({ entry: impatient, environment: {} }, 1, ...flags);
    await launcher.until("a node that is ready", () => launcher.errors.includes('"event":"ready"'));
    const headers = { "content-type": "application/json" };
    const body = '{"id":"s","values":{"t":1}}';
    const response = await fetch(`http://127.0.0.1:${port}/readings`, { method: "POST", headers, body });
    assert.equal(response.status, 202, await response.text());
    await killsWhatDoesNotStop(launcher, await nodeOf(launcher));
  }
  await using node = await Node.start({ dataDir: folder.path, flags: ["--no-host-metrics"] });
  const { total } = await (await fetch(`${node.url}/sensors/s/windows`)).json();
  assert.equal(total.t.count, 1);
});

Deno.test("a launcher kills a node that does not stop before it is up, and leaves no process behind", async () => {
  // It waits for its servers.
  await using launcher = new Launcher({ ...toldNodes, entry: impatient }, 1, ...anyPorts);
  await launcher.until("a node that waits", () => launcher.errors.includes("Waiting for it."));
  await killsWhatDoesNotStop(launcher, await nodeOf(launcher));
});

Deno.test("a launcher refuses a busy port of any of its nodes", async () => {
  // The first node's admin port is the free one before it: no connection out takes that meanwhile.
  const port = freePorts(2) + 1;
  using _taken = Deno.listen({ hostname: "127.0.0.1", port });
  for (
    const [flags, sentence] of [
      [[`--port=${port}`, "--admin-port=0"], `127.0.0.1:${port}: another program holds that port.*--port`],
      [[`--port=${freePort()}`, `--admin-port=${port - 1}`], `127.0.0.1:${port}: another.*--admin-port`],
    ] as const
  ) {
    await using launcher = new Launcher(toldNodes, 2, ...flags);
    assert.equal(await launcher.end(), 2, launcher.errors);
    assert.match(launcher.errors, new RegExp(sentence));
    assert.deepEqual(launcher.said, []);
  }
});
