/**
 * A node process as a launcher holds it: a child of its supervisor.
 *
 * 1. It is up once it says that it is ready. Its first word comes within `firstWordMs`, and from then on it is pinged
 *    every `pingMs`. After `maxMissedPings` of the launcher's own ticks without an answer it hangs and is killed: so a
 *    launcher that was itself paused condemns nobody.
 * 2. Exit code 0, and the codes that a restart cannot help against, are normal ends; everything else is a failure.
 */

import { type ChildProcess, spawn } from "node:child_process";
import process from "node:process";
import type { End } from "../core/supervision_api.ts";
import { firstWordMs, maxMissedPings, pingMs } from "./limits.ts";
import { type NodeProgress, readToLauncher, type ToNode } from "./process_link.ts";
import type { Running } from "./supervisor.ts";

export interface ProcessCommand {
  readonly program: string;
  readonly args: readonly string[];
  /** Exit codes that say that starting it again would end alike. */
  readonly finalCodes: readonly number[];
  /** Added to this process's own variables. */
  readonly environment: Readonly<Record<string, string>>;
}

/** What it says besides being ready. */
export interface NodeHearing {
  /** The dead life of that name belongs to the nodes' agreement no more. */
  onEvicted(name: string): void;
  onProgress(progress: NodeProgress): void;
}

export class NodeProcess implements Running {
  readonly ended: Promise<End>;
  /** Resolves with this when it is ready; rejects when it ends before. */
  readonly up: Promise<NodeProcess>;
  readonly #command: ProcessCommand;
  readonly #hearing: NodeHearing;
  readonly #child: ChildProcess;
  readonly #ping: ReturnType<typeof setInterval>;
  readonly #end = Promise.withResolvers<End>();
  readonly #start = Promise.withResolvers<NodeProcess>();
  #hasSpoken = false;
  #missedPings = 0;
  #silentTicks = 0;
  readonly #firstWordMs: number;
  #killedFor: string | null = null;
  #exitCode: number | null = null;

  /**
   * Spawns. The child's input and output are this process's.
   *
   * @param withinMs how soon it has to say its first word
   */
  constructor(command: ProcessCommand, hearing: NodeHearing, withinMs = firstWordMs) {
    this.#firstWordMs = withinMs;
    this.#command = command;
    this.#hearing = hearing;
    this.ended = this.#end.promise;
    this.up = this.#start.promise;
    this.#child = spawn(command.program, [...command.args], {
      stdio: ["inherit", "inherit", "inherit", "ipc"],
      env: { ...process.env, ...command.environment },
    });
    this.#child.on("message", (message: unknown) => this.#hear(message));
    this.#child.on("exit", (code, signal) => this.#exited(code, signal));
    this.#child.on("error", (error) => this.#failed(error));
    this.#ping = setInterval(() => this.#tick(), pingMs);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Null while it runs, and when a signal ended it. */
  get exitCode(): number | null {
    return this.#exitCode;
  }

  stop(): void {
    this.#send({ type: "stop" });
  }

  /** To be told to one that is up. */
  evict(name: string): void {
    this.#send({ type: "evict", name });
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }

  details(): Record<string, unknown> {
    return { pid: this.pid };
  }

  #send(message: ToNode): void {
    if (this.#child.connected) this.#child.send(message);
  }

  #hear(message: unknown): void {
    const told = readToLauncher(message);
    if (told === null) return;
    this.#missedPings = 0;
    this.#hasSpoken = true;
    switch (told.type) {
      case "ready":
        return this.#start.resolve(this);
      case "evicted":
        return this.#hearing.onEvicted(told.name);
      case "progress":
        return this.#hearing.onProgress(told);
    }
  }

  #tick(): void {
    if (!this.#hasSpoken) {
      if (++this.#silentTicks * pingMs < this.#firstWordMs) return;
      return this.#killFor(
        `it said nothing for ${this.#firstWordMs / 1000} s after its start and was killed`,
      );
    }
    if (this.#missedPings++ < maxMissedPings) return this.#send({ type: "ping" });
    this.#killFor(`it did not answer for ${(maxMissedPings * pingMs) / 1000} s and was killed`);
  }

  #killFor(reason: string): void {
    this.#killedFor = reason;
    this.kill();
  }

  /** Also of a message to one that has just ended: its exit is heard in a moment, and missed pings tell of the rest. */
  #failed(error: Error): void {
    if (this.pid !== undefined) return;
    this.#endWith({ reason: "failed", sentence: `It cannot be run: ${error.message}` });
  }

  #exited(code: number | null, signal: string | null): void {
    this.#exitCode = code;
    const isFinal = code !== null && (code === 0 || this.#command.finalCodes.includes(code));
    const found = this.#killedFor ??
      (signal === null ? `it ended with exit code ${code}` : `it was ended by ${signal}`);
    this.#endWith({ reason: isFinal ? "normal" : "failed", sentence: found });
  }

  #endWith(end: End): void {
    clearInterval(this.#ping);
    this.#start.reject(new Error(end.sentence));
    this.#end.resolve(end);
  }
}
