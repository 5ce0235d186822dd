/**
 * The main thread's end of a shard host: a child of the node's supervisor, which starts its thread again whenever it
 * died.
 *
 * 1. Any `error` or `exit` of the thread is a death, whatever its code, and so is the watchdog's verdict.
 * 2. A death inside a turn is told to the next thread, which claims the turn's shard with it; see `attempts.ts`. It does
 *    not count towards the host's intensity: the message is to blame.
 * 3. A call made while the host is dead waits for the next thread; one under way when it dies fails with a
 *    `HostDiedError`, and whoever made it decides whether to make it again.
 * 4. Every thread's last totals and metrics are kept: `totals` never goes down.
 * 5. A shard that is refused is told of at once, and once.
 */

import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import type { HostDeath } from "../core/attempts.ts";
import { errorMessage } from "../core/errors.ts";
import type { End } from "../core/supervision_api.ts";
import type { ShardLimits } from "../core/limits.ts";
import {
  type HostMessage,
  type HostStart,
  type HostTotals,
  isHostMessage,
  type MetricsJson,
  type ShardReport,
  type ShardRequest,
} from "./host_protocol.ts";
import { hostStopMs, watchdogTickMs } from "./limits.ts";
import { RpcClient, type WireError } from "../rpc.ts";
import type { Child, Running } from "./supervisor.ts";
import { readTurnBoard, turnBoardBytes } from "./turn_board.ts";
import type { Watchdog } from "./watchdog.ts";

/** What all hosts of a node have in common. */
export interface HostSettings {
  readonly shardCount: number;
  readonly definitionsUrl: string;
  readonly limits: ShardLimits;
  readonly heapMiB: number;
}

export interface HostParts {
  readonly host: number;
  readonly shards: readonly number[];
  readonly settings: HostSettings;
  readonly watchdog: Watchdog;
  /** A new port to the log's (store's) thread; the same name again replaces the earlier port. */
  connectLog(client: string): MessagePort;
  connectStore(client: string): MessagePort;
  onReport(shards: readonly ShardReport[]): void;
  /** A shard asks a service, perhaps again. */
  onRequest(request: ShardRequest): void;
  /** Hears what a person should know while the host goes on. */
  report(sentence: string): void;
  /** The thread ended; `metrics` are the last it reported. */
  onDeath(metrics: MetricsJson): void;
}

/** The host died before it answered. */
export class HostDiedError extends Error {
  readonly code = "host_died";
}

/** An error that the host threw, with the code it had there. */
export class HostCallError extends Error {
  constructor(readonly code: string, message: string) {
    super(message);
  }
}

interface Thread {
  readonly worker: Worker;
  readonly port: MessagePort;
  readonly rpc: RpcClient;
  readonly board: SharedArrayBuffer;
  readonly ended: PromiseWithResolvers<End>;
  /** Ends the watch; null before the thread has reported, since loading it may take longer than a turn. */
  unwatch: (() => void) | null;
}

const noTotals: HostTotals = { messages: 0, frames: 0, deadLetters: 0 };

export class HostHandle {
  readonly host: number;
  readonly #parts: HostParts;
  #thread: Thread | null = null;
  #isStopped = false;
  #pastTotals = noTotals;
  #totals = noTotals;
  #metrics: MetricsJson = [];
  /** By shard, until it is claimed again: in which turn of it a thread died. */
  readonly #deaths = new Map<number, HostDeath>();
  readonly #waiting = new Set<() => void>();
  /** Refusals that were told of, by shard. */
  readonly #refusals = new Map<number, string>();

  constructor(parts: HostParts) {
    this.host = parts.host;
    this.#parts = parts;
  }

  /** Sums over all threads that this host has had. */
  get totals(): HostTotals {
    return addTotals(this.#pastTotals, this.#totals);
  }

  /** The living thread's metrics as it reported them last. */
  get lastMetrics(): MetricsJson {
    return this.#metrics;
  }

  /** See `turn_board.ts`; null while there is no thread. */
  get board(): SharedArrayBuffer | null {
    return this.#thread?.board ?? null;
  }

  /** The host as the supervisor has it. */
  child(): Child {
    return {
      id: `host-${this.host}`,
      restart: "permanent",
      startMs: Infinity,
      stopMs: hostStopMs,
      start: () => Promise.resolve(this.#start()),
      details: () => ({ shards: this.#parts.shards }),
    };
  }

  #start(): Running {
    const { host, shards, settings } = this.#parts;
    const { port1, port2 } = new MessageChannel();
    const name = `host-${host}`;
    const log = this.#parts.connectLog(name);
    const store = this.#parts.connectStore(name);
    const board = new SharedArrayBuffer(turnBoardBytes);
    const { shardCount, definitionsUrl, limits, heapMiB } = settings;
    const data: HostStart = {
      host,
      shards,
      shardCount,
      definitionsUrl,
      limits,
      log,
      store,
      main: port2,
      board,
      deaths: Object.fromEntries(this.#deaths),
    };
    const worker = new Worker(new URL("./host_thread.ts", import.meta.url), {
      workerData: data,
      transferList: [log, store, port2],
      resourceLimits: { maxOldGenerationSizeMb: heapMiB },
      name,
    });
    const rpc = new RpcClient(port1, ({ code, message }: WireError) => new HostCallError(code, message));
    const ended = Promise.withResolvers<End>();
    const thread: Thread = { worker, port: port1, rpc, board, ended, unwatch: null };
    port1.on("message", (message: unknown) => this.#receive(thread, message));
    worker.on("error", (error: unknown) => this.#died(thread, errorMessage(error)));
    worker.on("exit", (code) => this.#died(thread, `its thread ended with code ${code}`));
    this.#thread = thread;
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
    return {
      ended: ended.promise,
      stop: () => this.#stopThread(thread),
      kill: () => this.#died(thread, "it was killed"),
    };
  }

  #watch(thread: Thread): void {
    thread.unwatch ??= this.#parts.watchdog.watch({
      turns: () => readTurnBoard(thread.board).turn,
      // A thread that dies is no longer watched: nobody waits for this answer then.
      ping: (answered) => void thread.rpc.call("ping", []).then(answered, () => {}),
      condemn: (silentTicks) => this.#died(thread, hangSentence(thread.board, silentTicks)),
    });
  }

  #receive(thread: Thread, message: unknown): void {
    if (thread !== this.#thread || !isHostMessage(message)) return;
    this.#watch(thread);
    this.#take(message);
  }

  #take(message: HostMessage): void {
    switch (message.type) {
      case "report":
        this.#totals = message.totals;
        this.#tellRefusals(message.shards);
        this.#forgetDeaths(message.shards);
        return this.#parts.onReport(message.shards);
      case "metrics":
        this.#metrics = message.metrics;
        return;
      case "request":
        return this.#parts.onRequest(message.request);
      case "notice":
        return this.#parts.report(message.sentence);
    }
  }

  #forgetDeaths(shards: readonly ShardReport[]): void {
    for (const { shard, epoch } of shards) {
      if (epoch > (this.#deaths.get(shard)?.epoch ?? Infinity)) this.#deaths.delete(shard);
    }
  }

  #tellRefusals(shards: readonly ShardReport[]): void {
    for (const { shard, refusal } of shards) {
      if (refusal === null || this.#refusals.get(shard) === refusal) continue;
      this.#refusals.set(shard, refusal);
      const reason = refusal.replace(/\.$/, "");
      this.#parts.report(`${reason}. Its actors are not available until the node is started again.`);
    }
  }

  #died(thread: Thread, reason: string): void {
    if (thread !== this.#thread) return;
    this.#thread = null;
    thread.unwatch?.();
    thread.port.close();
    void thread.worker.terminate();
    thread.rpc.fail(new HostDiedError(`Host ${this.host} died: ${reason}`));
    this.#pastTotals = this.totals;
    this.#totals = noTotals;
    const metrics = this.#metrics;
    this.#metrics = [];
    this.#parts.onDeath(metrics);
    const { shard, death } = readTurnBoard(thread.board);
    if (death !== null) this.#deaths.set(shard, death);
    // At once, though the thread may need a moment to end: its shards' next epochs fence it.
    thread.ended.resolve({
      reason: "failed",
      sentence: `Host ${this.host} died: ${reason}`,
      counts: death === null,
    });
  }

  /** Calls the host; see guarantee 2. */
  async call<T>(method: string, args: readonly unknown[]): Promise<T> {
    while (this.#thread === null) {
      if (this.#isStopped) throw new HostDiedError(`Host ${this.host} is stopped`);
      await new Promise<void>((resolve) => this.#waiting.add(resolve));
    }
    return await this.#thread.rpc.call<T>(method, args);
  }

  /** Fresh metrics, remembered: what a scrape has shown is not lost with the thread. */
  async readMetrics(): Promise<MetricsJson> {
    const thread = this.#thread;
    if (thread === null) return [];
    const metrics = await thread.rpc.call<MetricsJson>("metrics", []);
    if (thread === this.#thread) this.#metrics = metrics;
    return metrics;
  }

  /** Ends the thread as a death would: it is restarted. */
  kill(reason: string): void {
    if (this.#thread !== null) this.#died(this.#thread, reason);
  }

  /** Calls fail from now on: the host will not be started again. */
  close(): void {
    this.#isStopped = true;
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  async #stopThread(thread: Thread): Promise<void> {
    // A host that dies while it stops has stopped.
    await thread.rpc.call<void>("stop", []).catch(() => {});
    await thread.worker.terminate();
    this.#died(thread, "it was stopped");
  }
}

function hangSentence(board: SharedArrayBuffer, silentTicks: number): string {
  const { shard, death } = readTurnBoard(board);
  const where = death === null ? "outside any turn" : `in a turn of shard ${shard}`;
  return `it hangs ${where}: no sign of life for ${(silentTicks * watchdogTickMs) / 1000} s`;
}

export function addTotals(one: HostTotals, other: HostTotals): HostTotals {
  return {
    messages: one.messages + other.messages,
    frames: one.frames + other.frames,
    deadLetters: one.deadLetters + other.deadLetters,
  };
}
