/**
 * The main thread's end of a compute thread: a child of the supervisor "compute", which starts its thread again
 * whenever it died.
 *
 * 1. Any `error` or `exit` of the thread is a death, whatever its code, and so is `kill`.
 * 2. A death during a job does not count towards the intensity: the job is to blame.
 * 3. `run` settles: with the output; with a `ComputeError` "failed", "died" or "stopped"; or with whatever cloning the
 *    input threw.
 */

import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import type { Json } from "../core/actor.ts";
import { errorMessage, invariant } from "../core/errors.ts";
import type { End } from "../core/supervision_api.ts";
import { RpcClient, type WireError } from "../rpc.ts";
import type { AbandonedThreads } from "./abandoned.ts";
import { ComputeError } from "./compute.ts";
import type { ComputeStart, JobDone } from "./compute_thread.ts";
import { computeStartMs, computeStopMs } from "./limits.ts";
import type { Child, Running } from "./supervisor.ts";

/** What all compute threads of a node have in common. */
export interface ComputeThreadSettings {
  readonly jobsUrl: string;
  readonly heapMiB: number;
}

export interface ComputeHandleParts {
  readonly id: string;
  readonly settings: ComputeThreadSettings;
  /** Looks after threads that do not end. */
  readonly abandoned: AbandonedThreads;
  /** A new thread has imported the jobs. */
  onUp(): void;
  onDeath(): void;
  details(): Json;
}

interface Thread {
  readonly worker: Worker;
  readonly port: MessagePort;
  readonly rpc: RpcClient;
  readonly ended: PromiseWithResolvers<End>;
  /** The names of its jobs; null until it has imported them. */
  jobs: ReadonlySet<string> | null;
}

export class ComputeHandle {
  readonly #parts: ComputeHandleParts;
  #thread: Thread | null = null;

  constructor(parts: ComputeHandleParts) {
    this.#parts = parts;
  }

  /** The names of the jobs that it can run now; null while there is no thread that can. */
  get jobs(): ReadonlySet<string> | null {
    return this.#thread?.jobs ?? null;
  }

  /** The thread as the supervisor has it. */
  child(): Child {
    return {
      id: this.#parts.id,
      restart: "permanent",
      startMs: computeStartMs,
      stopMs: computeStopMs,
      start: (signal) => this.#start(signal),
      details: () => this.#parts.details(),
    };
  }

  async #start(signal: AbortSignal): Promise<Running> {
    const thread = this.#startThread();
    const stop = () => this.#end(thread, "stopped", "it was stopped");
    signal.addEventListener("abort", stop, { once: true });
    thread.jobs = new Set(await thread.rpc.call<readonly string[]>("names", []));
    this.#parts.onUp();
    return { ended: thread.ended.promise, stop, kill: () => this.#end(thread, "died", "it was killed") };
  }

  #startThread(): Thread {
    const { id, settings: { jobsUrl, heapMiB } } = this.#parts;
    const { port1, port2 } = new MessageChannel();
    this.#parts.abandoned.started(port1);
    const data: ComputeStart = { jobsUrl, main: port2 };
    const worker = new Worker(new URL("./compute_thread.ts", import.meta.url), {
      workerData: data,
      transferList: [port2],
      resourceLimits: { maxOldGenerationSizeMb: heapMiB },
      name: id,
    });
    const rpc = new RpcClient(port1, ({ message }: WireError) => new ComputeError("failed", message));
    const thread: Thread = { worker, port: port1, rpc, ended: Promise.withResolvers<End>(), jobs: null };
    worker.on("error", (error: unknown) => this.#end(thread, "died", errorMessage(error)));
    worker.on("exit", (code) => this.#end(thread, "died", `its thread ended with code ${code}`));
    this.#thread = thread;
    return thread;
  }

  /** One of `jobs`, and one at a time. */
  run(job: string, input: unknown, transfer: readonly ArrayBuffer[]): Promise<JobDone> {
    invariant(this.#thread !== null, `${this.#parts.id} runs jobs while it is up`);
    return this.#thread.rpc.call<JobDone>("run", [job, input], transfer);
  }

  /** Ends the thread as a death would: it is restarted. */
  kill(reason: string): void {
    if (this.#thread !== null) this.#end(this.#thread, "died", reason);
  }

  #end(thread: Thread, code: "died" | "stopped", reason: string): void {
    if (thread !== this.#thread) return;
    this.#thread = null;
    const isIdle = thread.rpc.pending === 0;
    void thread.worker.terminate();
    this.#parts.abandoned.add(this.#parts.id, thread.port);
    const sentence = code === "died" ? `${this.#parts.id} died: ${reason}` : `${this.#parts.id} was stopped`;
    thread.rpc.fail(new ComputeError(code, sentence));
    if (code === "died") this.#parts.onDeath();
    thread.ended.resolve({ reason: code === "died" ? "failed" : "normal", sentence, counts: isIdle });
  }
}
