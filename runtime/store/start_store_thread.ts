/** Starts the thread that owns the embedded store. */

import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import { StoreError } from "./port.ts";
import { reviveStoreError } from "./remote_store.ts";
import type { SqliteStoreOptions } from "./sqlite_store.ts";

export type StoreThreadRequest =
  | { readonly type: "connect"; readonly port: MessagePort }
  | { readonly type: "close" };

export type StoreThreadAnswer =
  | { readonly type: "ready" }
  | { readonly type: "failed"; readonly code: string; readonly message: string }
  | { readonly type: "closed" };

export interface StoreThread {
  /** For supervision: its `exit` is the death of the thread, whatever the code. */
  readonly worker: Worker;
  /** A port for a `RemoteStore`, in this thread or handed to another one. */
  connect(): MessagePort;
  /** Resolves when the file is open; rejects with the `StoreError` that opening ended with. */
  readonly ready: Promise<void>;
  /** Settles the calls that have arrived, closes the file and ends the thread. */
  close(): Promise<void>;
}

export function startStoreThread(options: SqliteStoreOptions): StoreThread {
  const worker = new Worker(new URL("./store_thread.ts", import.meta.url), { workerData: options });
  const ready = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<void>();
  // Whoever awaits `ready` hears of a failure; nobody has to.
  ready.promise.catch(() => {});
  worker.on("message", (message: StoreThreadAnswer) => {
    switch (message.type) {
      case "ready":
        return ready.resolve();
      case "failed":
        closed.resolve();
        return ready.reject(reviveStoreError(message));
      case "closed":
        return closed.resolve();
    }
  });
  const died = (message: string) => {
    ready.reject(new StoreError("unavailable", `Cannot use the store ${options.path}: ${message}`));
    closed.resolve();
  };
  worker.on("error", (error) => died(`its thread failed: ${error.message}`));
  worker.on("exit", (code) => died(`its thread ended with code ${code}`));
  const send = (request: StoreThreadRequest, transfer: MessagePort[] = []) =>
    worker.postMessage(request, transfer);
  return {
    worker,
    ready: ready.promise,
    connect: () => {
      const { port1, port2 } = new MessageChannel();
      send({ type: "connect", port: port2 }, [port2]);
      return port1;
    },
    close: async () => {
      send({ type: "close" });
      await closed.promise;
      await worker.terminate();
    },
  };
}
