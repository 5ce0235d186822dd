/** Starts the thread that owns the store: the embedded one's file, or the connections to MySQL. */

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
import type { MySqlStoreOptions } from "./mysql/mysql_store.ts";
import { StoreError } from "./port.ts";
import { reviveStoreError, type StorePorts } from "./remote_store.ts";
import { startStoreReader } from "./start_store_reader.ts";
import type { SqliteStoreOptions } from "./sqlite_store.ts";

/** Which store the thread owns. */
export type StoreThreadOptions =
  | ({ readonly type: "sqlite" } & SqliteStoreOptions)
  | ({ readonly type: "mysql" } & MySqlStoreOptions);

/** What opening the store found. */
export interface StoreThreadOpening {
  /** Random name given when the store was made. */
  readonly identity: string;
  /** Identity of the log that is folded into it; null until `bindLog` was called. */
  readonly log: string | null;
  /** By it the nodes of this store's cluster know each other: never logged, never in an answer. */
  readonly secret: string;
  /** What a person should know, as a sentence; null when all is as it should be. */
  readonly warning: string | null;
}

export interface StoreThreadHooks {
  /** Hears what the store waits for, as a sentence; null when it works again. Only servers are waited for. */
  readonly onWaiting?: (waitingFor: string | null) => void;
  readonly closeDeadlineMs?: number;
}

export type StoreThreadRequest =
  | { readonly type: "connect"; readonly port: MessagePort }
  | { readonly type: "close" };

export type StoreThreadAnswer =
  | { readonly type: "ready"; readonly opening: StoreThreadOpening }
  /** As often as it changes; null: for nothing any more. */
  | { readonly type: "waiting"; readonly for: string | null }
  | { readonly type: "failed"; readonly code: string; readonly message: string }
  | { readonly type: "closed" };

/** Calls that the thread's owner alone makes. */
export interface OwnerCalls {
  /** Remembers in the store which log is folded into it; throws "refused" when another is. */
  bindLog(log: string): Promise<void>;
  /** As it is now, where other nodes may have bound it; null: none is. */
  boundLog(): Promise<string | null>;
  /** As of `SqliteStore`: the file stays as it is until `release`. A store on a server is refused. */
  hold(): Promise<void>;
  release(): Promise<boolean>;
  memory(): Promise<ThreadMemory>;
}

export interface StoreThread extends Omit<OwnerCalls, "memory"> {
  readonly worker: Worker;
  /** Settles when the thread has ended: null after `close`, else why. */
  readonly exited: Promise<Error | null>;
  /** For a `RemoteStore`, in this thread or in one that they are handed to. */
  connect(): StorePorts;
  /** Of each of the store's threads, by its name. */
  memory(): Promise<ReadonlyMap<string, ThreadMemory>>;
  /** Resolves when the store is open; rejects with the `StoreError` that opening ended with. A server is waited for. */
  readonly ready: Promise<StoreThreadOpening>;
  /** Settles the calls that have arrived, closes the store and ends the thread, at the deadline in any case. */
  close(): Promise<void>;
}

export function startStoreThread(
  options: StoreThreadOptions,
  { onWaiting = () => {}, closeDeadlineMs = threadCloseDeadlineMs }: StoreThreadHooks = {},
): StoreThread {
  const name = nameOf(options);
  const worker = new Worker(new URL(entryOf(options), import.meta.url), { workerData: options });
  const reader = options.type === "sqlite" ? startStoreReader(options.path) : null;
  const ready = Promise.withResolvers<StoreThreadOpening>();
  const closed = Promise.withResolvers<void>();
  const exited = Promise.withResolvers<Error | null>();
  let isClosing = false;
  const rpc = new RpcClient(worker, reviveStoreError, {
    afterMs: threadCallDeadlineMs,
    error: (method) => new StoreError("unavailable", `The store's thread did not answer "${method}" in time`),
  });
  const opened = options.type === "mysql"
    ? ready.promise
    : orLate(ready.promise, threadOpenDeadlineMs, () =>
      new StoreError(
        "unavailable",
        `Cannot open the store ${name}: it is not open after ${threadOpenDeadlineMs} ms; its disk hangs`,
      ));
  // Whoever awaits `ready` hears of a failure; nobody has to.
  opened.catch(() => {});
  worker.on("message", (message: StoreThreadAnswer) => {
    switch (message.type) {
      case "ready":
        reader?.open();
        return ready.resolve(message.opening);
      case "waiting":
        return onWaiting(message.for);
      case "failed":
        closed.resolve();
        return ready.reject(reviveStoreError(message));
      case "closed":
        return closed.resolve();
    }
  });
  const died = (message: string) => {
    const error = new StoreError("unavailable", `Cannot use the store ${name}: ${message}`);
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
  void reader?.exited.then((error) => {
    if (error === null) return;
    died(`the thread that reads it ended: ${error.message}`);
    exited.resolve(error);
  });
  const send = (request: StoreThreadRequest, transfer: MessagePort[] = []) =>
    worker.postMessage(request, transfer);
  return {
    worker,
    exited: exited.promise,
    ready: opened,
    bindLog: (log) => rpc.call("bindLog", [log]),
    boundLog: () => rpc.call("boundLog", []),
    hold: () => rpc.call("hold", []),
    release: () => rpc.call("release", []),
    memory: async () => {
      const [own, ofReader] = await Promise.all([rpc.call<ThreadMemory>("memory", []), reader?.memory()]);
      return new Map([
        ["store", own],
        ...ofReader === undefined ? [] : [["store-reader", ofReader] as const],
      ]);
    },
    connect: () => {
      const { port1, port2 } = new MessageChannel();
      send({ type: "connect", port: port2 }, [port2]);
      return { writes: port1, reads: reader?.connect() ?? null };
    },
    close: async () => {
      isClosing = true;
      // First: who closes the file last copies the write-ahead log into it.
      await reader?.close(closeDeadlineMs);
      send({ type: "close" });
      const isClosed = await hasSettled(closed.promise, closeDeadlineMs);
      // Of a thread that hangs in a call of the system, not even the termination has to end.
      await hasSettled(worker.terminate(), closeDeadlineMs);
      if (isClosed) return;
      throw new StoreError(
        "unavailable",
        `The store's thread did not close ${name} within ${closeDeadlineMs} ms: its disk or server hangs`,
      );
    },
  };
}

/** A file's thread need not load the driver of a server. */
function entryOf({ type }: StoreThreadOptions): string {
  return type === "sqlite" ? "./store_thread.ts" : "./mysql/mysql_store_thread.ts";
}

/** Without the password. */
function nameOf(options: StoreThreadOptions): string {
  if (options.type === "sqlite") return options.path;
  const { host, port, database } = options.settings;
  return `"${database}" of MySQL at ${host}:${port}`;
}
