/** A thread for shards as `HostLife` needs it, whichever thread of the process made it; and one made here and now. */

import { Worker } from "node:worker_threads";
import { errorMessage } from "../core/errors.ts";
import type { HostThreadStart } from "./host_protocol.ts";

export interface HostWorker {
  /** As the process numbers its threads; null until it is made. */
  readonly threadId: number | null;
  /** Resolves when the process says that it has ended, though it may loop on. */
  terminate(): Promise<void>;
  /** `reason` has no subject: "its thread ended with code 1". It may be told of one end twice. */
  onEnd(listener: (reason: string) => void): void;
}

export type MakeHostWorker = (start: HostThreadStart, heapMiB: number) => HostWorker;

/** Holds the calling thread for about 60 ms, twice that while the processors are taken. */
export const makeHostWorker: MakeHostWorker = (start, heapMiB) => {
  const worker = new Worker(new URL("./host_thread.ts", import.meta.url), {
    workerData: start,
    transferList: [start.main],
    resourceLimits: { maxOldGenerationSizeMb: heapMiB },
    name: "host",
  });
  // Once it is told to end, its worker has no number any more.
  const { threadId } = worker;
  return {
    threadId,
    terminate: async () => void await worker.terminate(),
    onEnd: (listener) => {
      worker.on("error", (error: unknown) => listener(errorMessage(error)));
      worker.on("exit", (code) => listener(`its thread ended with code ${code}`));
    },
  };
};
