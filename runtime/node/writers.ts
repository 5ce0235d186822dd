/** The threads that own the files: one for the log, one for the store. */

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type LogThread, startLogThread } from "../log/start_log_thread.ts";
import type { LogExtent } from "../log/port.ts";
import { startStoreThread, type StoreThread } from "../store/start_store_thread.ts";
import { StoreError } from "../store/port.ts";
import type { Settled } from "./options.ts";

export interface Writers {
  readonly log: LogThread;
  readonly store: StoreThread;
  /** Of every shard's log, as it was opened. */
  readonly extents: readonly LogExtent[];
  /** Resolves when one of the threads has ended without being closed. */
  readonly lost: Promise<Error>;
  close(): Promise<void>;
}

/** Opens both; throws the `StoreError` or `LogError` of the one that cannot be opened, with both closed. */
export async function openWriters({ dataDir, shards, report }: Settled): Promise<Writers> {
  mkdirSync(dataDir, { recursive: true });
  const store = startStoreThread({ path: join(dataDir, "store.db"), shards });
  const log = startLogThread({ directory: join(dataDir, "log"), shards, report });
  const lost = watch(log, store);
  const close = async () => {
    lost.isExpected = true;
    const closed = await Promise.allSettled([log.close(), store.close()]);
    const failed = closed.find((outcome) => outcome.status === "rejected");
    // A thread that had ended by itself was told of as lost.
    if (failed !== undefined && !lost.hasHappened) throw failed.reason;
  };
  const [storeReady, logReady] = await Promise.allSettled([store.ready, log.ready]);
  const refuse = async (reason: unknown): Promise<never> => {
    await close();
    throw reason;
  };
  if (storeReady.status === "rejected") return await refuse(storeReady.reason);
  if (logReady.status === "rejected") return await refuse(logReady.reason);
  return { log, store, extents: logReady.value, lost: lost.promise, close };
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
