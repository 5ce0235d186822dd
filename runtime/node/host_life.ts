/**
 * One thread for shards, as the main thread has it: idle and warm at first, a shard host once it is told which, and
 * then until its end.
 *
 * 1. Any end of the thread is a death, whatever its code, and so are its last words, the watchdog's verdict, and that it is
 *    not warm in time.
 * 2. Whoever has it hears of its end at once and once, though the thread may need a moment for it: its shards' next
 *    epochs fence it. Calls under way fail with a `HostDiedError`.
 */

import { MessageChannel, type MessagePort } from "node:worker_threads";
import type { AbandonedThreads } from "./abandoned.ts";
import type { ShardLimits } from "../core/limits.ts";
import { RpcClient, type WireError } from "../rpc.ts";
import { portsOf } from "../store/remote_store.ts";
import {
  type HostAssignment,
  type HostNews,
  type HostThreadStart,
  isHostMessage,
  type RehearsalCall,
  type RestCall,
} from "./host_protocol.ts";
import type { HostWorker, MakeHostWorker } from "./host_worker.ts";
import { spareStartMs, watchdogTickMs } from "./limits.ts";
import { type DeathInTurn, deathInTurn, readTurnBoard, turnBoardBytes } from "./turn_board.ts";
import type { Watchdog } from "./watchdog.ts";

/** What all hosts of a node have in common. */
export interface HostSettings {
  readonly shardCount: number;
  /** As in `HostThreadStart`. */
  readonly node: string | null;
  readonly definitionsUrl: string;
  readonly limits: ShardLimits;
  /** As in `HostThreadStart`. */
  readonly topics: Readonly<Record<string, string>>;
  readonly heapMiB: number;
  readonly isTraced: boolean;
  readonly isPublishing: boolean;
}

/** Who looks after threads that hang, and those that do not end. */
export interface ThreadCare {
  readonly watchdog: Watchdog;
  readonly abandoned: AbandonedThreads;
  /** Lets the thread of the worker, which may loop for ever, run only where nothing else does. */
  putLast(name: string, threadId: number): void;
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

export interface HostEnd {
  /** Why, without a subject: "it was stopped". */
  readonly reason: string;
  /** Null: it was outside any. */
  readonly inTurn: DeathInTurn | null;
}

/** Whoever has the thread. */
export interface HostOwner {
  hear(message: HostNews): void;
  ended(end: HostEnd): void;
}

export class HostLife {
  /** See `turn_board.ts`. */
  readonly board = new SharedArrayBuffer(turnBoardBytes);
  readonly rpc: RpcClient;
  /** Resolves when the thread can be given shards at once; never when it ends before. */
  readonly warm: Promise<void>;
  /** The foreign topics, in the hosts' order. */
  readonly topics: readonly string[];
  readonly #worker: HostWorker;
  readonly #port: MessagePort;
  readonly #warmed = Promise.withResolvers<void>();
  readonly #watchdog: Watchdog;
  readonly #abandoned: AbandonedThreads;
  readonly #putLast: ThreadCare["putLast"];
  #owner: HostOwner | null = null;
  #name = "spare";
  /** Null until it is warm, since to load the actors may take longer than a turn. */
  #unwatch: (() => void) | null = null;
  /** Ends it unless it is warm by then, whoever has it: until it is, nobody watches it. */
  readonly #late: ReturnType<typeof setTimeout>;
  #end: HostEnd | null = null;

  constructor(
    settings: HostSettings,
    { watchdog, abandoned, putLast }: ThreadCare,
    makeWorker: MakeHostWorker,
    startMs = spareStartMs,
  ) {
    this.#watchdog = watchdog;
    this.#abandoned = abandoned;
    this.#putLast = putLast;
    this.warm = this.#warmed.promise;
    this.topics = Object.keys(settings.topics);
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    abandoned.started(port1);
    const { heapMiB, ...common } = settings;
    const data: HostThreadStart = { ...common, main: port2, board: this.board };
    this.#worker = makeWorker(data, heapMiB);
    this.rpc = new RpcClient(port1, ({ code, message }: WireError) => new HostCallError(code, message));
    port1.on("message", (message: unknown) => this.#receive(message));
    this.#worker.onEnd((reason) => this.die(reason));
    this.#late = setTimeout(() => this.die(`it was not warm within ${startMs / 1000} s`), startMs);
  }

  /** From here on, `owner` hears of it, and soon of an end that came before. */
  belongTo(owner: HostOwner): void {
    this.#owner = owner;
    const end = this.#end;
    if (end !== null) queueMicrotask(() => owner.ended(end));
  }

  /** Lets it fold for practice while it waits. */
  rehearse(call: RehearsalCall): void {
    this.#port.postMessage(call, [call.log, ...portsOf(call.store)]);
  }

  /** Ends its practice. */
  rest(): void {
    this.#port.postMessage({ type: "rest" } satisfies RestCall);
  }

  /** Makes it the host of these shards. */
  assign(assignment: HostAssignment): void {
    this.#name = `host-${assignment.host}`;
    const ports = [assignment.log, ...portsOf(assignment.store)];
    if (this.#end === null) this.#port.postMessage(assignment, ports);
    // Nobody would close them.
    else for (const port of ports) port.close();
  }

  #receive(message: unknown): void {
    if (this.#end !== null || !isHostMessage(message)) return;
    if (message.type === "ends") return this.#die({ ...message, isEnding: true });
    if (message.type !== "warm") return this.#owner?.hear(message);
    clearTimeout(this.#late);
    this.#warmed.resolve();
    this.#unwatch = this.#watchdog.watch({
      turns: () => readTurnBoard(this.board).turn,
      isInTurn: () => readTurnBoard(this.board).death !== null,
      // A thread that dies is no longer watched: nobody waits for this answer then.
      ping: (answered) => void this.rpc.call("ping", []).then(answered, () => {}),
      condemn: (silentTicks) => this.#condemn(silentTicks),
    });
  }

  #condemn(silentTicks: number): void {
    this.die(hangSentence(this.board, silentTicks));
    const { threadId } = this.#worker;
    if (threadId !== null) this.#putLast(this.#name, threadId);
  }

  /** Ends it at once, as any death would. */
  die(reason: string): void {
    this.#die({ reason, inTurn: deathInTurn(this.board, this.topics), isEnding: false });
  }

  #die({ reason, inTurn, isEnding }: HostEnd & { readonly isEnding: boolean }): void {
    if (this.#end !== null) return;
    this.#end = { reason, inTurn };
    clearTimeout(this.#late);
    this.#unwatch?.();
    void this.#worker.terminate();
    this.#abandoned.add(this.#name, this.#port, isEnding);
    this.#owner?.ended(this.#end);
    this.rpc.fail(new HostDiedError(`It died: ${reason}`));
  }

  async stop(): Promise<void> {
    // A host that dies while it stops has stopped.
    await this.rpc.call<void>("stop", []).catch(() => {});
    await this.#worker.terminate();
    this.die("it was stopped");
  }
}

function hangSentence(board: SharedArrayBuffer, silentTicks: number): string {
  const { shard, death } = readTurnBoard(board);
  const where = death === null ? "outside any turn" : `in a turn of shard ${shard}`;
  return `it hangs ${where}: no sign of life for ${(silentTicks * watchdogTickMs / 1000).toFixed(1)} s`;
}
