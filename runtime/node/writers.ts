/**
 * The threads that own the log and the store, as files or as connections to servers, under a supervisor that starts
 * neither again.
 *
 * 1. A store is opened with the log that was folded into it and with no other: both are refused else. The log is
 *    remembered before anything is folded.
 * 2. A thread that ends by itself is the end of both: its file may stay locked until the process ends.
 * 3. Servers that are away are waited for, which is told.
 */

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { errorMessage, invariant } from "../core/errors.ts";
import type { End } from "../core/supervision_api.ts";
import { mailboxTopic } from "../log/kafka/settings.ts";
import { startKafkaLogThread } from "../log/kafka/start_kafka_log_thread.ts";
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
import { Waits } from "./waits.ts";

export interface Writers {
  readonly log: LogThread;
  readonly store: StoreThread;
  readonly supervisor: Supervisor;
  /** By which the nodes that share the store know each other. */
  readonly secret: string;
  /** Random name given when the store was made. */
  readonly storeIdentity: string;
  /** Of every shard's log, as it was opened. */
  readonly extents: readonly LogExtent[];
  /** What they wait for at their servers, as a sentence; null when for nothing. */
  waitingFor(): string | null;
  /** The same of the log alone. */
  logWaitingFor(): string | null;
  /** And of the store alone. */
  storeWaitingFor(): string | null;
  /** Resolves, at once, when one of the threads has ended without being closed. */
  readonly lost: Promise<Error>;
  /** Of each of the threads, by its name; null when they do not say so in time. */
  memory(): Promise<ReadonlyMap<string, ThreadMemory> | null>;
  close(): Promise<void>;
}

/** Opens both; throws the `StoreError` or `LogError` of the one that cannot be opened, with both closed. */
export async function openWriters(settings: Settled): Promise<Writers> {
  if (settings.servers === null) makeFolder(settings.dataDir);
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
    secret: opening.secret,
    storeIdentity: opening.storeIdentity,
    extents: opened.extents,
    waitingFor: () => opening.waits.current,
    logWaitingFor: () => opening.waits.of(logServer),
    storeWaitingFor: () => opening.waits.of(storeServer),
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
  secret = "";
  storeIdentity = "";
  /** What stood in the way, with its code. */
  failure: unknown = null;
  #expected: string | null = null;
  readonly waits: Waits;
  readonly #settings: Settled;

  constructor(settings: Settled) {
    this.#settings = settings;
    this.waits = new Waits(settings.report);
  }

  async openStore(): Promise<StoreThread> {
    const { dataDir, servers, shards, report } = this.#settings;
    const store = servers === null
      ? startStoreThread({ type: "sqlite", path: storePath(dataDir), shards })
      : startStoreThread(
        { type: "mysql", settings: servers.mysql, shards },
        { onWaiting: this.#onWaiting(storeServer) },
      );
    this.store = store;
    await this.#orClose(store, async () => {
      const { identity, log, secret, warning } = await store.ready;
      this.#expected = log;
      this.storeIdentity = identity;
      this.secret = secret;
      if (warning !== null) {
        const event = servers === null ? "log-cut-short" : "server-settings";
        report({ level: "warn", component: "store", event, message: `${warning}.` });
      }
    });
    return store;
  }

  async openLog(): Promise<LogThread> {
    const log = this.#startLog();
    this.log = log;
    await this.#orClose(log, async () => {
      const { identity, extents, warning } = this.opened = await log.ready;
      if (warning !== null) {
        const { report } = this.#settings;
        report({ level: "warn", component: "log", event: "server-settings", message: `${warning}.` });
      }
      if (this.#expected !== null) return;
      const { store } = this;
      invariant(store !== null, "The store is opened before the log");
      // Another node that starts at this time has bound the log before it appended.
      if (extents.some(({ end }) => end > 0) && await store.boundLog() === null) {
        throw lostStore(this.#settings);
      }
      await store.bindLog(identity);
    });
    return log;
  }

  #startLog(): LogThread {
    const { dataDir, servers, topics, shards, report } = this.#settings;
    const expected = this.#expected;
    const say = (event: string) => (message: string) =>
      report({ level: "warn", component: "log", event, message });
    if (servers === null) {
      return startLogThread({ directory: logFolder(dataDir), shards, expected, report: say("files-failed") });
    }
    return startKafkaLogThread({
      settings: servers.kafka,
      shards,
      topics: Object.keys(topics),
      expected,
      member: this.#settings.member,
      report: say("kafka-failed"),
      onWaiting: this.#onWaiting(logServer),
    });
  }

  #onWaiting(component: string): (sentence: string | null) => void {
    return (sentence) => {
      this.waits.set(component, sentence);
      this.#settings.onWaiting(this.waits.current);
    };
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

/** As what is said of the servers of log and store calls them. */
const logServer = "kafka";
const storeServer = "mysql";

const storePath = (dataDir: string) => join(dataDir, "store.db");
const logFolder = (dataDir: string) => join(dataDir, "log");

/** The log's beginning may be trimmed: what it led to is in the store alone. */
function lostStore({ dataDir, servers }: Settled): StoreError {
  if (servers !== null) {
    const { database, host, port } = servers.mysql;
    return new StoreError(
      "refused",
      `Cannot start: the database "${database}" of MySQL at ${host}:${port} is new, while the topic ` +
        `${
          mailboxTopic(servers.kafka)
        } holds messages of an earlier one; put that database back, or start with ` +
        "another --prefix",
    );
  }
  return new StoreError(
    "corrupt",
    `Cannot start: the store ${storePath(dataDir)} is new, while the log ${
      logFolder(dataDir)
    } holds messages of ` +
      "an earlier one; put that store back or restore the whole data folder from a backup, or start with another " +
      "data folder",
  );
}
