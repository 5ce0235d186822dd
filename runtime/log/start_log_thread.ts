/** Starts the log's thread and holds its owner's end: the composition root of a node calls this. */

import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import { LogError, type LogExtent } from "./port.ts";
import { defaultLogLimits, type LogLimits } from "./limits.ts";
import { type LogThreadData, type LogToOwner, type OwnerToLog, reviveLogError } from "./thread_messages.ts";

export interface LogThreadOptions {
  /** The folder of the segment files; made if there is none. */
  readonly directory: string;
  readonly shards: number;
  readonly limits?: LogLimits;
  /** Hears what a person should know while the log goes on. */
  readonly report: (sentence: string) => void;
}

export interface LogThread {
  readonly worker: Worker;
  /** The extents of all shards once the log is open; rejects with the `LogError` that stands in the way. */
  readonly ready: Promise<readonly LogExtent[]>;
  /** Settles when the thread has ended: null after `close`, else why. */
  readonly exited: Promise<Error | null>;
  /** A new port for a `RemoteLog`, here or in another thread. The same `client` again replaces its earlier port. */
  connect(client?: string): MessagePort;
  /** Commits what waits, closes the files, ends the thread. */
  close(): Promise<void>;
}

export function startLogThread(options: LogThreadOptions): LogThread {
  const { directory, shards, limits = defaultLogLimits, report } = options;
  const data: LogThreadData = { directory, shards, limits };
  const worker = new Worker(new URL("./log_thread.ts", import.meta.url), { workerData: data });
  let isClosing = false;
  const exited = awaitExit(worker, () => isClosing);
  const ready = awaitReady(worker, exited, report);
  const post = (message: OwnerToLog, transfer: MessagePort[]) => worker.postMessage(message, transfer);
  return {
    worker,
    ready,
    exited,
    connect(client) {
      const { port1, port2 } = new MessageChannel();
      post({ type: "connect", port: port2, ...(client === undefined ? {} : { client }) }, [port2]);
      return port1;
    },
    async close() {
      isClosing = true;
      post({ type: "close" }, []);
      const error = await exited;
      if (error !== null) throw error;
    },
  };
}

function awaitExit(worker: Worker, isExpected: () => boolean): Promise<Error | null> {
  return new Promise((resolve) => {
    worker.on("error", (error: unknown) => {
      resolve(error instanceof Error ? error : new Error(String(error)));
    });
    worker.on("exit", (code) => {
      resolve(isExpected() ? null : new LogError("unavailable", `The log's thread ended with code ${code}.`));
    });
  });
}

function awaitReady(
  worker: Worker,
  exited: Promise<Error | null>,
  report: (sentence: string) => void,
): Promise<readonly LogExtent[]> {
  return new Promise((resolve, reject) => {
    worker.on("message", (message: LogToOwner) => {
      switch (message.type) {
        case "ready":
          return resolve(message.extents);
        case "failed":
          return reject(reviveLogError(message.code, message.message));
        case "report":
          return report(message.sentence);
      }
    });
    void exited.then((error) => {
      reject(error ?? new LogError("closed", "The log's thread was closed before it was ready."));
    });
  });
}
