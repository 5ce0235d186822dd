/**
 * One server, Kafka, MariaDB or Redis, on a folder of its own.
 *
 * 1. `start` resolves when the server answers, and rejects with the end of its log when it does not.
 * 2. Whatever ended it, `start` starts it again on the same folder and ports.
 */

import { join } from "node:path";
import { answerTimeoutMs, killDeadlineMs, logTailLines, startDeadlineMs } from "./limits.ts";
import {
  findProcess,
  hasEnded,
  hasStopped,
  pause,
  type ProcessId,
  signal,
  startInBackground,
} from "./processes.ts";

export interface ServerPlan {
  /** As people call it. */
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  /** Its own. */
  readonly folder: string;
  /** How its clients reach it without TLS: brokers, or a URL. */
  readonly address: string;
  /** One attempt to get an answer that proves it serves. Rejects, or false: not yet. */
  readonly answers: (signal: AbortSignal) => Promise<boolean>;
  readonly stopDeadlineMs: number;
}

export class Server implements AsyncDisposable {
  readonly #plan: ServerPlan;
  #id: ProcessId | null;
  #ended: (() => Promise<string>) | null = null;

  /** `id`: of the process that runs already; null: it is not running. */
  constructor(plan: ServerPlan, id: ProcessId | null = null) {
    this.#plan = plan;
    this.#id = id;
  }

  get name(): string {
    return this.#plan.name;
  }

  get address(): string {
    return this.#plan.address;
  }

  get folder(): string {
    return this.#plan.folder;
  }

  get logFile(): string {
    return join(this.folder, "server.log");
  }

  /** Of its process. Throws when it is not running. */
  get id(): ProcessId {
    if (this.#id === null) throw new Error(`${this.name} is not running: start it first`);
    return this.#id;
  }

  get pid(): number {
    return this.id.pid;
  }

  /** Resolves when it answers. */
  async start(onSpawned: (id: ProcessId) => void = () => {}): Promise<void> {
    const { program, args, folder } = this.#plan;
    const background = await startInBackground({ program, args, folder, logFile: this.logFile });
    [this.#id, this.#ended] = [background.id, background.ended];
    onSpawned(background.id);
    try {
      await this.untilItAnswers();
    } catch (thrown) {
      await this.kill();
      throw thrown;
    }
  }

  /** As often as it takes. Rejects when the process ends, or not in time. */
  async untilItAnswers(deadlineMs = startDeadlineMs): Promise<void> {
    const endMs = performance.now() + deadlineMs;
    while (!await this.isAnswering()) {
      if (await findProcess(this.id) === null) throw await this.#failure("ended before it answered");
      if (performance.now() > endMs) {
        throw await this.#failure(`did not answer within ${deadlineMs / 1000} s`);
      }
      await pause();
    }
  }

  /** Whether it answers now. */
  async isAnswering(): Promise<boolean> {
    try {
      return await this.#plan.answers(AbortSignal.timeout(answerTimeoutMs));
    } catch {
      // Refused, or not understood yet: not ready.
      return false;
    }
  }

  /** Ends it as its operator would; what does not end in time is killed, and false comes back. */
  async stop(): Promise<boolean> {
    const { id } = this;
    await signal(id, "SIGTERM");
    // A process that was stopped by SIGSTOP gets the other one only now.
    await signal(id, "SIGCONT");
    const isInTime = await hasEnded(id, this.#plan.stopDeadlineMs);
    await this.kill();
    return isInTime;
  }

  /** Ends it as a crash would. */
  async kill(): Promise<void> {
    if (this.#id === null) return;
    await signal(this.#id, "SIGKILL");
    if (!await hasEnded(this.#id, killDeadlineMs)) {
      throw new Error(
        `${this.name} (process ${this.#id.pid}) has not ended ${killDeadlineMs} ms after SIGKILL`,
      );
    }
    await this.#ended?.();
    [this.#id, this.#ended] = [null, null];
  }

  /** Lets it stand still, its connections open, until `resume`. Resolves when it does. */
  async pause(): Promise<void> {
    await signal(this.id, "SIGSTOP");
    if (!await hasStopped(this.id, killDeadlineMs)) {
      throw new Error(
        `${this.name} (process ${this.id.pid}) does not stand still ${killDeadlineMs} ms after SIGSTOP`,
      );
    }
  }

  async resume(): Promise<void> {
    await signal(this.id, "SIGCONT");
  }

  /** Kills it; its folder stays. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  async #failure(what: string): Promise<Error> {
    const text = await Deno.readTextFile(this.logFile).catch(() => "");
    const tail = text.trimEnd().split("\n").slice(-logTailLines).join("\n");
    return new Error(`${this.name} ${what}. The end of ${this.logFile}:\n${tail}`);
  }
}
