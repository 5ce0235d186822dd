/**
 * The nodes of one launcher.
 *
 * 1. `node-0` starts first, as it makes topics and tables; then the others, together. When one cannot start, all stop.
 * 2. Each is kept running by itself. When one dies, another that is ready takes it out of the nodes' agreement at once.
 * 3. They drain together. One that does not in time is killed, which is told: what it had accepted is in the log.
 */

import { LaunchedNode, type NodeEnd } from "../../runtime/node/launched_node.ts";
import { Lives } from "../../runtime/node/lives.ts";
import type { NodeProcess, ProcessCommand } from "../../runtime/node/node_process.ts";
import type { NodeProgress } from "../../runtime/node/process_link.ts";
import { type Life, lifeName, nodeId } from "./life.ts";
import type { ComponentLog } from "./logger.ts";
import { failureExitCode } from "./refusal.ts";

export interface Ports {
  /** Which all of them share. */
  readonly port: number;
  /** Of each node. */
  readonly adminPorts: readonly number[];
}

export interface LaunchedNodesParts extends Ports {
  readonly hostname: string;
  /** The longest that a node may take to drain, where it is not the usual. */
  readonly stopMs?: number | undefined;
  readonly log: ComponentLog;
  command(life: Life): ProcessCommand;
  onProgress(id: string, progress: NodeProgress): void;
  /** Its process is gone, for now or for good. */
  onEnded(id: string): void;
}

export class LaunchedNodes {
  /** Resolves when none runs, nor is started again. */
  readonly ended: Promise<readonly NodeEnd[]>;
  readonly #parts: LaunchedNodesParts;
  readonly #nodes: readonly LaunchedNode[];
  /** Those that are ready, by the names of their lives. */
  readonly #processes = new Map<string, NodeProcess>();
  readonly #lives = new Lives({ tell: (to, dead) => this.#processes.get(to)?.evict(dead) });
  #isStopping = false;

  constructor(parts: LaunchedNodesParts) {
    this.#parts = parts;
    this.#nodes = parts.adminPorts.map((adminPort, index) => this.#node(index, adminPort));
    for (const node of this.#nodes) void node.ended.then((end) => this.#hearEnd(node.id, end));
    this.ended = Promise.all(this.#nodes.map(({ ended }) => ended));
  }

  /** Resolves with whether all of them are up. */
  async start(): Promise<boolean> {
    const [first, ...others] = this.#nodes;
    if (first === undefined || !await this.#start(first)) return false;
    const areUp = await Promise.all(others.map((node) => this.#start(node)));
    return !areUp.includes(false);
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.all(this.#nodes.map((node) => node.stop()));
  }

  async #start(node: LaunchedNode): Promise<boolean> {
    if (this.#isStopping) return false;
    const isUp = await node.start();
    if (!isUp) void this.stop();
    return isUp;
  }

  #node(index: number, adminPort: number): LaunchedNode {
    const { hostname, port, adminPorts, stopMs, log, command, onProgress, onEnded } = this.#parts;
    const id = nodeId(index);
    const nodes = adminPorts.length;
    let name = "";
    return new LaunchedNode({
      id,
      stopMs,
      command: () => {
        name = lifeName(hostname, id, crypto.randomUUID());
        const isRelieved = this.#lives.hasReady;
        const dead = [...this.#lives.begin(name)];
        return command({ name, index, nodes, port, adminPort, dead, isRelieved });
      },
      onReady: (process) => {
        this.#processes.set(name, process);
        this.#lives.isReady(name);
      },
      onEnded: ({ reason }) => {
        this.#processes.delete(name);
        if (reason === "normal") this.#lives.ended(name);
        else this.#lives.died(name);
        onEnded(id);
      },
      onRestart: (reason, pauseMs) =>
        log.error("node-died", `${this.#called(id)} died and starts again in ${pauseMs} ms: ${reason}.`, {
          fields: { node: id, pauseMs, reason },
        }),
      onEvicted: (dead) => this.#lives.isOut(dead),
      onProgress: (progress) => onProgress(id, progress),
    });
  }

  #called(id: string): string {
    return this.#nodes.length === 1 ? "The node" : id;
  }

  /** Of a node that is missed from now on. */
  #hearEnd(id: string, end: NodeEnd): void {
    if (end.type === "killed") {
      const message = `${
        this.#called(id)
      } did not stop by itself: ${end.sentence}. What it accepted is in the log.`;
      this.#parts.log.error("node-killed", message, { fields: { node: id } });
    }
    // One that ends by itself has said why.
    if (end.type === "neverUp" && end.exitCode === null && !this.#isStopping) {
      this.#parts.log.error("node-ended", `${id} did not start: ${end.sentence}`, { fields: { node: id } });
    }
    if (this.#isStopping || this.#nodes.length === 1) return;
    const say = (why: string) =>
      this.#parts.log.error("node-ended", `${id} is not started again: ${why}. The others go on.`, {
        fields: { node: id },
      });
    switch (end.type) {
      case "gaveUp":
        return say(end.sentence.replace(/\.$/, ""));
      case "ended":
        return say(`it ended with exit code ${end.exitCode}`);
      case "killed":
        // It has been said.
        return;
      case "neverUp":
        // Then none is started at all.
        return;
    }
  }
}

/** Of the launcher: a failure of one of them, else a refusal, else 0. */
export function exitCodeOf(ends: readonly NodeEnd[]): number {
  const codes = ends.map((end) => {
    switch (end.type) {
      case "gaveUp":
        return failureExitCode;
      case "neverUp":
        return end.exitCode ?? failureExitCode;
      case "killed":
        // Its launcher has ended it as asked, and nothing is lost.
        return 0;
      case "ended":
        return end.exitCode ?? 0;
    }
  });
  return codes.includes(failureExitCode) ? failureExitCode : codes.find((code) => code !== 0) ?? 0;
}
