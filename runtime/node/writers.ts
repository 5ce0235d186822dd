/**
 * The threads that own the files: one for the log, one for the store, under a supervisor that starts neither again.
 *
 * 1. A store is opened with the log that was folded into it and with no other: both are refused else. The log is
 *    remembered before anything is folded.
 * 2. A thread that ends by itself is the end of both: its file may stay locked until the process ends.
 */

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { errorMessage, invariant } from "../core/errors.ts";
import type { End } from "../core/supervision_api.ts";
import { type LogThread, startLogThread } from "../log/start_log_thread.ts";
import type { LogOpening } from "../log/thread_messages.ts";
import type { LogExtent } from "../log/port.ts";
import { startStoreThread, type StoreThread } from "../store/start_store_thread.ts";
import { StoreError } from "../store/port.ts";
import { hasSettled } from "../rpc.ts";
import type { ThreadMemory } from "../thread_memory.ts";
import { hostBackoff, metricsDeadlineMs, noRestarts } from "./limits.ts";
import type { Settled } from "./options.ts";
import { type Child, type Running, Supervisor } from "./supervisor.ts";
import { machineTimerClock } from "./timer_clock.ts";

export interface Writers {
  readonly log: LogThread;
  readonly store: StoreThread;
  readonly supervisor: Supervisor;
  /** Of every shard's log, as it was opened. */
  readonly extents: readonly LogExtent[];
  /** Resolves, at once, when one of the threads has ended without being closed. */
  readonly lost: Promise<Error>;
  /** Of each of the threads, by its name; null when they do not say so in time. */
  memory(): Promise<ReadonlyMap<string, ThreadMemory> | null>;
  close(): Promise<void>;
}

/** Opens both; throws the `StoreError` or `LogError` of the one that cannot be opened, with both closed. */
export async function openWriters(settings: Settled): Promise<Writers> {
  makeFolder(settings.dataDir);
  const opening = new Opening(settings);
  const supervisor = new Supervisor(
    {
      id: "writers",
      strategy: "rest_for_one",
      intensity: noRestarts,
      backoff: hostBackoff,
      children: [
        writerChild("store", () => opening.openStore(), settings),
        writerChild("log", () => opening.openLog(), settings),
      ],
    },
    { clock: machineTimerClock, random: Math.random, onNotice: () => {} },
  );
  try {
    await supervisor.start();
  } catch (thrown) {
    throw opening.failure ?? thrown;
  }
  const { store, log, opened } = opening;
  invariant(store !== null && log !== null && opened !== null, "A writer that runs was opened");
  const lost = Promise.withResolvers<Error>();
  for (const { exited } of [store, log]) void exited.then((error) => error !== null && lost.resolve(error));
  return {
    log,
    store,
    supervisor,
    extents: opened.extents,
    lost: lost.promise,
    memory: () => readMemory(log, store),
    close: () => supervisor.stop(),
  };
}

type WriterThread = Pick<LogThread, "worker" | "exited" | "close">;

function writerChild(id: string, open: () => Promise<WriterThread>, { report }: Settled): Child {
  const stop = async (thread: WriterThread) => {
    try {
      await thread.close();
    } catch (thrown) {
      report({ level: "error", component: id, event: "close-failed", message: errorMessage(thrown) });
      throw thrown;
    }
  };
  return {
    id,
    restart: "permanent",
    // They have deadlines of their own.
    startMs: Infinity,
    stopMs: Infinity,
    async start(): Promise<Running> {
      const thread = await open();
      return {
        ended: thread.exited.then(endOf),
        stop: () => stop(thread),
        kill: () => void thread.worker.terminate(),
      };
    },
  };
}

function endOf(error: Error | null): End {
  return error === null
    ? { reason: "normal", sentence: "It was closed." }
    : { reason: "failed", sentence: error.message };
}

/** The two on their way up: the log is opened by what the store knows of it. */
class Opening {
  store: StoreThread | null = null;
  log: LogThread | null = null;
  opened: LogOpening | null = null;
  /** What stood in the way, with its code. */
  failure: unknown = null;
  #expected: string | null = null;
  readonly #settings: Settled;
  readonly #storePath: string;

  constructor(settings: Settled) {
    this.#settings = settings;
    this.#storePath = join(settings.dataDir, "store.db");
  }

  async openStore(): Promise<StoreThread> {
    const { shards, report } = this.#settings;
    const store = startStoreThread({ type: "sqlite", path: this.#storePath, shards });
    this.store = store;
    await this.#orClose(store, async () => {
      const { log, warning } = await store.ready;
      this.#expected = log;
      if (warning !== null) {
        report({ level: "warn", component: "store", event: "log-cut-short", message: `${warning}.` });
      }
    });
    return store;
  }

  async openLog(): Promise<LogThread> {
    const { dataDir, shards, report } = this.#settings;
    const directory = join(dataDir, "log");
    const say = (message: string) =>
      report({ level: "warn", component: "log", event: "files-failed", message });
    const log = startLogThread({ directory, shards, expected: this.#expected, report: say });
    this.log = log;
    await this.#orClose(log, async () => {
      const { identity, extents } = this.opened = await log.ready;
      if (this.#expected !== null) return;
      if (extents.some(({ end }) => end > 0)) throw lostStore(this.#storePath, directory);
      await this.store?.bindLog(identity);
    });
    return log;
  }

  /** Waits for `work`; when it fails, closes the thread first. */
  async #orClose(thread: WriterThread, work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (thrown) {
      this.failure = thrown;
      // The reason matters, and not what a thread that could not open its file says at its end.
      await Promise.allSettled([thread.close()]);
      throw thrown;
    }
  }
}

function makeFolder(dataDir: string): void {
  try {
    mkdirSync(dataDir, { recursive: true });
  } catch (cause) {
    const sentence = `Cannot make the data folder ${dataDir}: ${errorMessage(cause)}`;
    throw new StoreError("unavailable", sentence, { cause });
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
  return new Map([["log", ofLog.value], ...ofStore.value]);
}

/** The log's beginning may be trimmed: what it led to is in the store alone. */
function lostStore(storePath: string, directory: string): StoreError {
  return new StoreError(
    "corrupt",
    `Cannot start: the store ${storePath} is new, while the log ${directory} holds messages of an earlier one; ` +
      "put that store back or restore the whole data folder from a backup, or start with another data folder",
  );
}
