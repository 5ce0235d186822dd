/** Starts the thread that reads the embedded store; `start_store_thread.ts` does, once the file is open. */

import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import { errorMessage } from "../core/errors.ts";
import { hasSettled, RpcClient, threadCallDeadlineMs } from "../rpc.ts";
import type { ThreadMemory } from "../thread_memory.ts";
import { StoreError } from "./port.ts";
import { reviveStoreError } from "./remote_store.ts";

/** `workerData` of the thread. */
export interface StoreReaderData {
  readonly path: string;
}

export type StoreReaderRequest =
  | { readonly type: "open" }
  | { readonly type: "connect"; readonly port: MessagePort }
  | { readonly type: "close" };

export interface StoreReaderThread {
  readonly worker: Worker;
  /** Settles when the thread has ended: null after `close`, else why. */
  readonly exited: Promise<Error | null>;
  /** The file is there and may be opened. */
  open(): void;
  connect(): MessagePort;
  memory(): Promise<ThreadMemory>;
  /** Closes the file and ends the thread, at the deadline in any case; false: it had to be ended. */
  close(deadlineMs: number): Promise<boolean>;
}

export function startStoreReader(path: string): StoreReaderThread {
  const data: StoreReaderData = { path };
  const worker = new Worker(new URL("./store_reader_thread.ts", import.meta.url), { workerData: data });
  const exited = Promise.withResolvers<Error | null>();
  let isOpened = false;
  let isClosing = false;
  const rpc = new RpcClient(worker, reviveStoreError, {
    afterMs: threadCallDeadlineMs,
    error: (method) => new StoreError("unavailable", `The store's reader did not answer "${method}" in time`),
  });
  const end = (error: StoreError | null) => {
    rpc.fail(error ?? new StoreError("closed", "The store's reader is closed"));
    exited.resolve(error);
  };
  worker.on(
    "error",
    (thrown) => end(new StoreError("unavailable", `The store's reader failed: ${errorMessage(thrown)}`)),
  );
  worker.on(
    "exit",
    (code) =>
      end(isClosing ? null : new StoreError("unavailable", `The store's reader ended with code ${code}`)),
  );
  const send = (request: StoreReaderRequest, transfer: MessagePort[] = []) =>
    worker.postMessage(request, transfer);
  return {
    worker,
    exited: exited.promise,
    open: () => {
      isOpened = true;
      send({ type: "open" });
    },
    connect: () => {
      const { port1, port2 } = new MessageChannel();
      send({ type: "connect", port: port2 }, [port2]);
      return port1;
    },
    memory: () => rpc.call("memory", []),
    close: async (deadlineMs) => {
      isClosing = true;
      if (isOpened) send({ type: "close" });
      const isClosed = isOpened && await hasSettled(exited.promise, deadlineMs);
      if (!isClosed) await hasSettled(worker.terminate(), deadlineMs);
      return isClosed || !isOpened;
    },
  };
}
