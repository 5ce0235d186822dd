/** Starts the thread that owns the embedded store. */

import { errorMessage } from "../core/errors.ts";
import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import {
  hasSettled,
  orLate,
  RpcClient,
  threadCallDeadlineMs,
  threadCloseDeadlineMs,
  threadOpenDeadlineMs,
} from "../rpc.ts";
import type { ThreadMemory } from "../thread_memory.ts";
import { StoreError } from "./port.ts";
import { reviveStoreError } from "./remote_store.ts";
import type { StoreOpening } from "./sqlite_file.ts";
import type { SqliteStoreOptions } from "./sqlite_store.ts";

export type StoreThreadRequest =
  | { readonly type: "connect"; readonly port: MessagePort }
  | { readonly type: "close" };

export type StoreThreadAnswer =
  | { readonly type: "ready"; readonly opening: StoreOpening }
  | { readonly type: "failed"; readonly code: string; readonly message: string }
  | { readonly type: "closed" };

/** Calls that the thread's owner alone makes. */
export interface OwnerCalls {
  /** Remembers in the file which log is folded into it. */
  bindLog(log: string): Promise<void>;
  /** As of `SqliteStore`: the file stays as it is until `release`. */
  hold(): Promise<void>;
  release(): Promise<boolean>;
  memory(): Promise<ThreadMemory>;
}

export interface StoreThread extends OwnerCalls {
  readonly worker: Worker;
  /** Settles when the thread has ended: null after `close`, else why. */
  readonly exited: Promise<Error | null>;
  /** A port for a `RemoteStore`, in this thread or handed to another one. */
  connect(): MessagePort;
  /** Resolves when the file is open; rejects with the `StoreError` that opening ended with. */
  readonly ready: Promise<StoreOpening>;
  /** Settles the calls that have arrived, closes the file and ends the thread, at the deadline in any case. */
  close(): Promise<void>;
}

export function startStoreThread(
  options: SqliteStoreOptions,
  closeDeadlineMs = threadCloseDeadlineMs,
): StoreThread {
  const worker = new Worker(new URL("./store_thread.ts", import.meta.url), { workerData: options });
  const ready = Promise.withResolvers<StoreOpening>();
  const closed = Promise.withResolvers<void>();
  const exited = Promise.withResolvers<Error | null>();
  let isClosing = false;
  const rpc = new RpcClient(worker, reviveStoreError, {
    afterMs: threadCallDeadlineMs,
    error: (method) => new StoreError("unavailable", `The store's thread did not answer "${method}" in time`),
  });
  const opened = orLate(ready.promise, threadOpenDeadlineMs, () =>
    new StoreError(
      "unavailable",
      `Cannot open the store ${options.path}: it is not open after ${threadOpenDeadlineMs} ms; its disk hangs`,
    ));
  // Whoever awaits `ready` hears of a failure; nobody has to.
  opened.catch(() => {});
  worker.on("message", (message: StoreThreadAnswer) => {
    switch (message.type) {
      case "ready":
        return ready.resolve(message.opening);
      case "failed":
        closed.resolve();
        return ready.reject(reviveStoreError(message));
      case "closed":
        return closed.resolve();
    }
  });
  const died = (message: string) => {
    const error = new StoreError("unavailable", `Cannot use the store ${options.path}: ${message}`);
    ready.reject(error);
    rpc.fail(error);
    closed.resolve();
  };
  worker.on("error", (error: unknown) => died(`its thread failed: ${errorMessage(error)}`));
  worker.on("exit", (code) => {
    died(`its thread ended with code ${code}`);
    const sentence = `The store's thread ended with code ${code}.`;
    exited.resolve(isClosing ? null : new StoreError("unavailable", sentence));
  });
  const send = (request: StoreThreadRequest, transfer: MessagePort[] = []) =>
    worker.postMessage(request, transfer);
  return {
    worker,
    exited: exited.promise,
    ready: opened,
    bindLog: (log) => rpc.call("bindLog", [log]),
    hold: () => rpc.call("hold", []),
    release: () => rpc.call("release", []),
    memory: () => rpc.call("memory", []),
    connect: () => {
      const { port1, port2 } = new MessageChannel();
      send({ type: "connect", port: port2 }, [port2]);
      return port1;
    },
    close: async () => {
      isClosing = true;
      send({ type: "close" });
      const isClosed = await hasSettled(closed.promise, closeDeadlineMs);
      // Of a thread that hangs in a call of the system, not even the termination has to end.
      await hasSettled(worker.terminate(), closeDeadlineMs);
      if (isClosed) return;
      throw new StoreError(
        "unavailable",
        `The store's thread did not close ${options.path} within ${closeDeadlineMs} ms: its disk hangs`,
      );
    },
  };
}
