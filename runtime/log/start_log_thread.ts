/** Starts the log's thread and holds its owner's end: the composition root of a node calls this. */

import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import {
  hasSettled,
  orLate,
  RpcClient,
  threadCallDeadlineMs,
  threadCloseDeadlineMs,
  threadOpenDeadlineMs,
} from "../rpc.ts";
import type { Agreement } from "../core/cluster.ts";
import { LogError } from "./port.ts";
import { defaultLogLimits, type LogLimits } from "./limits.ts";
import {
  type LogOpening,
  type LogThreadData,
  type LogToOwner,
  type MemberCalls,
  type OwnerCalls,
  type OwnerToLog,
  reviveLogError,
} from "./thread_messages.ts";

export interface LogThreadOptions {
  /** The folder of the segment files; made if there is none. */
  readonly directory: string;
  readonly shards: number;
  /** Identity of the log that must be there; without it, or null, any log will do, and a new one is made. */
  readonly expected?: string | null;
  readonly limits?: LogLimits;
  /** Hears what a person should know while the log goes on. */
  readonly report: (sentence: string) => void;
  /** How long opening may take, and closing. */
  readonly openDeadlineMs?: number;
  readonly closeDeadlineMs?: number;
}

/** This node among those that share the log. */
export interface LogMembership extends MemberCalls {
  /** `hear` is told what holds now, if the nodes agreed before, and each agreement after it, in order. */
  onAgreed(hear: (agreement: Agreement) => void): void;
}

export interface LogThread extends OwnerCalls {
  readonly worker: Worker;
  /** Resolves when the log is open; rejects with the `LogError` that stands in the way. */
  readonly ready: Promise<LogOpening>;
  /** Settles when the thread has ended: null after `close`, else why. */
  readonly exited: Promise<Error | null>;
  /** Null: the log is this node's alone, with all its shards. */
  readonly membership: LogMembership | null;
  /** A new port for a `RemoteLog`, here or in another thread. The same `client` again replaces its earlier port. */
  connect(client?: string): MessagePort;
  /** Commits what waits, closes the files, ends the thread, at the deadline in any case. */
  close(): Promise<void>;
}

export function startLogThread(options: LogThreadOptions): LogThread {
  const { directory, shards, expected = null, limits = defaultLogLimits, report } = options;
  const { openDeadlineMs = threadOpenDeadlineMs, closeDeadlineMs = threadCloseDeadlineMs } = options;
  const data: LogThreadData = { directory, shards, expected, limits };
  const worker = new Worker(new URL("./log_thread.ts", import.meta.url), { workerData: data });
  return ownLogThread(worker, {
    isShared: false,
    report,
    onWaiting: () => {},
    opening: (ready) =>
      orLate(ready, openDeadlineMs, () =>
        new LogError(
          "unavailable",
          `Cannot open the log: ${directory} is not open after ${openDeadlineMs} ms; its disk hangs.`,
        )),
    closeDeadlineMs,
    lateClose: `The log's thread did not close ${directory} within ${closeDeadlineMs} ms: its disk hangs.`,
  });
}

/** What the owner of any log's thread does with it. */
export interface LogThreadOwner {
  /** By several nodes: the thread serves `MemberCalls`, and says what was agreed. */
  readonly isShared: boolean;
  readonly report: (sentence: string) => void;
  /** Hears what the log waits for; null when it works again. */
  readonly onWaiting: (sentence: string | null) => void;
  /** Bounds the time of opening, where it is bounded. */
  readonly opening: (ready: Promise<LogOpening>) => Promise<LogOpening>;
  readonly closeDeadlineMs: number;
  readonly lateClose: string;
}

export function ownLogThread(worker: Worker, owner: LogThreadOwner): LogThread {
  const { isShared, opening, closeDeadlineMs, lateClose } = owner;
  let isClosing = false;
  const agreements = new Agreements();
  const exited = awaitExit(worker, () => isClosing);
  const ready = opening(awaitReady(worker, exited, owner, agreements));
  // Whoever awaits `ready` hears of a failure; nobody has to.
  ready.catch(() => {});
  const rpc = new RpcClient(worker, ({ code, message }) => reviveLogError(code, message), {
    afterMs: threadCallDeadlineMs,
    error: (method) => new LogError("unavailable", `The log's thread did not answer "${method}" in time.`),
  });
  void exited.then(() => rpc.fail(new LogError("unavailable", "The log's thread has ended.")));
  const post = (message: OwnerToLog, transfer: MessagePort[]) => worker.postMessage(message, transfer);
  return {
    worker,
    ready,
    exited,
    hold: () => rpc.call("hold", []),
    seal: () => rpc.call("seal", []),
    release: () => rpc.call("release", []),
    memory: () => rpc.call("memory", []),
    membership: isShared
      ? {
        join: () => rpc.call("join", []),
        table: () => rpc.call("table", []),
        evict: (name) => rpc.call("evict", [name]),
        onAgreed: (hear) => agreements.onAgreed(hear),
      }
      : null,
    connect(client) {
      const { port1, port2 } = new MessageChannel();
      post({ type: "connect", port: port2, ...(client === undefined ? {} : { client }) }, [port2]);
      return port1;
    },
    async close() {
      isClosing = true;
      post({ type: "close" }, []);
      if (!await hasSettled(exited, closeDeadlineMs)) {
        // Of a thread that hangs in a call of the system, not even the termination has to end.
        await hasSettled(worker.terminate(), closeDeadlineMs);
        throw new LogError("unavailable", lateClose);
      }
      const error = await exited;
      if (error !== null) throw error;
    },
  };
}

/** The first comes before anybody listens. */
class Agreements {
  #last: Agreement | null = null;
  readonly #hearers: ((agreement: Agreement) => void)[] = [];

  onAgreed(hear: (agreement: Agreement) => void): void {
    this.#hearers.push(hear);
    if (this.#last !== null) hear(this.#last);
  }

  say(agreement: Agreement): void {
    this.#last = agreement;
    for (const hear of this.#hearers) hear(agreement);
  }
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
  { report, onWaiting }: LogThreadOwner,
  agreements: Agreements,
): Promise<LogOpening> {
  return new Promise((resolve, reject) => {
    worker.on("message", (message: LogToOwner) => {
      switch (message.type) {
        case "ready":
          return resolve(message.opening);
        case "failed":
          return reject(reviveLogError(message.code, message.message));
        case "report":
          return report(message.sentence);
        case "waiting":
          return onWaiting(message.for);
        case "agreed":
          return agreements.say(message.agreement);
      }
    });
    void exited.then((error) => {
      reject(error ?? new LogError("closed", "The log's thread was closed before it was ready."));
    });
  });
}
