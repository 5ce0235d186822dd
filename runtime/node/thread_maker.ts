/**
 * A thread that makes threads: to make one holds its maker, and the main thread has everybody's requests to answer.
 *
 * 1. Its threads are worth as much as those made here, but for the half second longer that Deno takes before the first
 *    line of a thread of a thread (2.9.6). A host whose spare is gone waits that much longer; the others do not stand
 *    still for it.
 * 2. When it ends, its threads end with it, and each of them is told of; the next call starts another.
 */

import { Worker } from "node:worker_threads";
import { errorMessage } from "../core/errors.ts";
import type { MakeHostWorker } from "./host_worker.ts";
import type { FromMaker, ToMaker } from "./thread_maker_protocol.ts";

/** A thread that is not known to have ended. */
interface Made {
  threadId: number | null;
  readonly listeners: ((reason: string) => void)[];
  readonly ended: PromiseWithResolvers<void>;
}

export class ThreadMaker {
  #worker: Worker | null = null;
  readonly #made = new Map<number, Made>();
  #count = 0;

  readonly make: MakeHostWorker = (start, heapMiB) => {
    const worker = this.#started();
    const id = this.#count++;
    const made: Made = { threadId: null, listeners: [], ended: Promise.withResolvers() };
    this.#made.set(id, made);
    worker.postMessage({ type: "make", id, start, heapMiB } satisfies ToMaker, [start.main]);
    return {
      get threadId() {
        return made.threadId;
      },
      terminate: async () => {
        if (!this.#made.has(id)) return;
        this.#worker?.postMessage({ type: "terminate", id } satisfies ToMaker);
        await made.ended.promise;
      },
      onEnd: (listener) => void made.listeners.push(listener),
    };
  };

  #started(): Worker {
    if (this.#worker !== null) return this.#worker;
    const worker = new Worker(new URL("./thread_maker_thread.ts", import.meta.url), { name: "maker" });
    worker.on("message", (message: FromMaker) => this.#hear(message));
    worker.on("error", (error: unknown) => this.#lost(worker, errorMessage(error)));
    worker.on("exit", (code) => this.#lost(worker, `it ended with code ${code}`));
    this.#worker = worker;
    return worker;
  }

  #hear(message: FromMaker): void {
    const made = this.#made.get(message.id);
    if (made === undefined) return;
    if (message.type === "made") made.threadId = message.threadId;
    else this.#end(message.id, made, message.reason);
  }

  #end(id: number, { listeners, ended }: Made, reason: string): void {
    this.#made.delete(id);
    ended.resolve();
    for (const listener of listeners) listener(reason);
  }

  #lost(worker: Worker, reason: string): void {
    if (worker !== this.#worker) return;
    this.#worker = null;
    for (const [id, made] of [...this.#made]) this.#end(id, made, `the thread that made it ended: ${reason}`);
  }

  /** Ends its threads with it. */
  async close(): Promise<void> {
    const worker = this.#worker;
    if (worker === null) return;
    this.#lost(worker, "it is not wanted any more");
    await worker.terminate();
  }
}
