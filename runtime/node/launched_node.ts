/**
 * A node that its launcher keeps running, under a supervisor of its own: what befalls it is nothing to the others.
 *
 * 1. It is started again when it has failed, as often as `nodeIntensity` allows; not when it ended as asked or was
 *    refused, nor when its first start failed: it has said why, and would end alike.
 * 2. One that is asked to stop has ended `stopMs` later: by itself, or it is killed.
 */

import type { End } from "../core/supervision_api.ts";
import { nodeBackoff, nodeIntensity, nodeStopMs } from "./limits.ts";
import { type NodeHearing, NodeProcess, type ProcessCommand } from "./node_process.ts";
import { type Child, type SupervisionNotice, Supervisor } from "./supervisor.ts";
import { machineTimerClock } from "./timer_clock.ts";

export interface LaunchedNodeParts extends NodeHearing {
  readonly id: string;
  /** The longest that it may take to drain: `nodeStopMs`, unless told otherwise. */
  readonly stopMs?: number | undefined;
  /** Of a new life. */
  command(): ProcessCommand;
  onReady(process: NodeProcess): void;
  onEnded(end: End): void;
  /** It failed, and is started again after the pause. */
  onRestart(reason: string, pauseMs: number): void;
}

export type NodeEnd =
  | { readonly type: "ended"; readonly exitCode: number | null }
  /** It was asked to stop, and did not end by itself. */
  | { readonly type: "killed"; readonly sentence: string }
  | { readonly type: "neverUp"; readonly exitCode: number | null; readonly sentence: string }
  | { readonly type: "gaveUp"; readonly sentence: string };

export class LaunchedNode {
  readonly id: string;
  /** Resolves when it runs no more and is not started again. */
  readonly ended: Promise<NodeEnd>;
  readonly #parts: LaunchedNodeParts;
  readonly #supervisor: Supervisor;
  readonly #stopMs: number;
  #process: NodeProcess | null = null;
  #hasBeenUp = false;
  #isStopping = false;
  #isOverdue = false;
  /** How its process ended while it was to stop, unless it did so by itself. */
  #killed: End | null = null;

  constructor(parts: LaunchedNodeParts) {
    this.id = parts.id;
    this.#parts = parts;
    this.#stopMs = parts.stopMs ?? nodeStopMs;
    const child: Child = {
      id: parts.id,
      restart: "transient",
      startMs: Infinity,
      stopMs: this.#stopMs,
      start: (signal) => this.#startProcess(signal),
    };
    this.#supervisor = new Supervisor(
      {
        id: "launcher",
        strategy: "one_for_one",
        intensity: nodeIntensity,
        backoff: nodeBackoff,
        children: [child],
      },
      { clock: machineTimerClock, random: Math.random, onNotice: (notice) => this.#hear(notice) },
    );
    this.ended = this.#supervisor.ended.then((end) => this.#endOf(end));
  }

  /** Resolves with whether it is up. */
  async start(): Promise<boolean> {
    await this.#supervisor.start().catch(() => {});
    return this.#hasBeenUp;
  }

  /** Asks it to drain; resolves when it is gone. One that was never started stays so. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#supervisor.stop();
  }

  async #startProcess(signal: AbortSignal): Promise<NodeProcess> {
    const process = new NodeProcess(this.#parts.command(), this.#parts);
    this.#process = process;
    void process.ended.then((end) => {
      if (this.#isStopping && process.exitCode === null) this.#killed = end;
      this.#parts.onEnded(end);
    });
    signal.addEventListener("abort", () => process.stop(), { once: true });
    await process.up;
    this.#hasBeenUp = true;
    this.#parts.onReady(process);
    return process;
  }

  #hear(notice: SupervisionNotice): void {
    if (notice.type === "childFailed") this.#parts.onRestart(notice.end.sentence, Math.ceil(notice.pauseMs));
    if (notice.type === "childFinished") void this.#supervisor.stop();
    if (notice.type === "childKilled") this.#killOverdue();
  }

  /** Here, because a supervisor leaves a start that it gave up to itself: a node that is not up yet would remain. */
  #killOverdue(): void {
    this.#isOverdue = true;
    this.#process?.kill();
  }

  async #endOf({ reason, sentence }: End): Promise<NodeEnd> {
    await this.#process?.ended;
    const exitCode = this.#process?.exitCode ?? null;
    if (reason === "normal") {
      if (this.#killed === null) return { type: "ended", exitCode };
      const overdue = `it was killed after ${this.#stopMs / 1000} s`;
      return { type: "killed", sentence: this.#isOverdue ? overdue : this.#killed.sentence };
    }
    return this.#hasBeenUp ? { type: "gaveUp", sentence } : { type: "neverUp", exitCode, sentence };
  }
}
