/**
 * The threads that own the files: one for the log, one for the store.
 *
 * 1. A store is opened with the log that was folded into it and with no other: both are refused else. The log is
 *    remembered before anything is folded.
 */

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { errorMessage } from "../core/errors.ts";
import { type LogThread, startLogThread } from "../log/start_log_thread.ts";
import type { LogExtent } from "../log/port.ts";
import { startStoreThread, type StoreThread } from "../store/start_store_thread.ts";
import { StoreError } from "../store/port.ts";
import { hasSettled } from "../rpc.ts";
import type { ThreadMemory } from "../thread_memory.ts";
import { metricsDeadlineMs } from "./limits.ts";
import type { Settled } from "./options.ts";

export interface Writers {
  readonly log: LogThread;
  readonly store: StoreThread;
  /** Of every shard's log, as it was opened. */
  readonly extents: readonly LogExtent[];
  /** Resolves when one of the threads has ended without being closed. */
  readonly lost: Promise<Error>;
  /** Of each of the threads, by its name; null when they do not say so in time. */
  memory(): Promise<ReadonlyMap<string, ThreadMemory> | null>;
  close(): Promise<void>;
}

/** Opens both; throws the `StoreError` or `LogError` of the one that cannot be opened, with both closed. */
export async function openWriters({ dataDir, shards, report }: Settled): Promise<Writers> {
  makeFolder(dataDir);
  const storePath = join(dataDir, "store.db");
  const directory = join(dataDir, "log");
  const store = startStoreThread({ path: storePath, shards });
  const { log: expected } = await orClose(store.ready, [store]);
  const log = startLogThread({ directory, shards, expected, report });
  const lost = watch(log, store);
  const close = async () => {
    lost.isExpected = true;
    const closed = await Promise.allSettled([log.close(), store.close()]);
    const failed = closed.find((outcome) => outcome.status === "rejected");
    // A thread that had ended by itself was told of as lost.
    if (failed !== undefined && !lost.hasHappened) throw failed.reason;
  };
  const { identity, extents } = await orClose(log.ready, [log, store]);
  if (expected === null) {
    const isUsed = extents.some(({ end }) => end > 0);
    await orClose(isUsed ? Promise.reject(lostStore(storePath, directory)) : store.bindLog(identity), [
      log,
      store,
    ]);
  }
  const memory = () => readMemory(log, store);
  return { log, store, extents, lost: lost.promise, memory, close };
}

function makeFolder(dataDir: string): void {
  try {
    mkdirSync(dataDir, { recursive: true });
  } catch (cause) {
    const sentence = `Cannot make the data folder ${dataDir}: ${errorMessage(cause)}`;
    throw new StoreError("unavailable", sentence, { cause });
  }
}

/** The value of `promise`; when it fails, closes the threads first. */
async function orClose<T>(promise: Promise<T>, threads: readonly { close(): Promise<void> }[]): Promise<T> {
  try {
    return await promise;
  } catch (reason) {
    // The reason matters, and not what a thread that could not open its file says at its end.
    await Promise.allSettled(threads.map((thread) => thread.close()));
    throw reason;
  }
}

async function readMemory(
  log: LogThread,
  store: StoreThread,
): Promise<ReadonlyMap<string, ThreadMemory> | null> {
  const read = Promise.allSettled([log.memory(), store.memory()]);
  if (!await hasSettled(read, metricsDeadlineMs)) return null;
  const [ofLog, ofStore] = await read;
  // A thread that has ended is told of as lost, and has no memory.
  if (ofLog.status === "rejected" || ofStore.status === "rejected") return null;
  return new Map([["log", ofLog.value], ["store", ofStore.value]]);
}

/** The log's beginning may be trimmed: what it led to is in the store alone. */
function lostStore(storePath: string, directory: string): StoreError {
  return new StoreError(
    "corrupt",
    `Cannot start: the store ${storePath} is new, while the log ${directory} holds messages of an earlier one; ` +
      "put that store back or restore the whole data folder from a backup, or start with another data folder",
  );
}

/** Watches for the end of either thread. */
function watch(log: LogThread, store: StoreThread) {
  const { promise, resolve } = Promise.withResolvers<Error>();
  const lost = { promise, isExpected: false, hasHappened: false };
  const happen = (error: Error) => {
    if (lost.isExpected) return;
    lost.hasHappened = true;
    resolve(error);
  };
  void log.exited.then((error) => {
    if (error !== null) happen(error);
  });
  store.worker.on("exit", (code) => {
    happen(new StoreError("unavailable", `The store's thread ended with code ${code}.`));
  });
  return lost;
}
