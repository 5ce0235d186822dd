/**
 * What the product sees of the runtime: messages in, answers out.
 *
 * 1. `send` resolves when every message is durable, and not before; it throws an `EngineError` when nothing is
 *    known to be accepted. Repeating it under the same idempotency key folds each message once.
 * 2. A strict `ask` reflects every message whose `send` had resolved, anywhere, before it was asked.
 */

import type { Address, Json } from "../core/actor.ts";
import type { Control } from "../core/control.ts";
import type { Answer } from "../core/shard_api.ts";
import type { Store } from "../store/port.ts";
import type { Backups } from "./backups.ts";
import type { ClusterStatus } from "./cluster_view.ts";
import type { Compute } from "./compute.ts";
import type { Child, SupervisorTree } from "./supervisor.ts";
import type { Waiting } from "./waiting.ts";

/** Messages on their way in; they are sent together. */
export interface Batch {
  /** `message` must be one that the kind's `MessageType.accepts`; `id` one without an `idProblem`. */
  add(kind: string, id: string, message: Json): void;
  readonly size: number;
  /** Resolves when all messages are durable. */
  send(): Promise<void>;
}

/**
 * Records of one partition of a foreign topic on their way in. Of all nodes together each record is folded once, if
 * nothing of the partition is sent before what lies below it is durable: a reader that begins anew repeats, and skips
 * nothing.
 */
export interface RecordBatch {
  /**
   * A message that a record carries, as in `Batch.add`; a record may carry several. Offsets never descend. `units`: about
   * how long its text is.
   */
  add(offset: number, kind: string, id: string, message: Json, units: number): void;
  /** What of a record is no message: a dead letter. `beginning`: of its payload. */
  refuse(offset: number, reason: string, detail: string, beginning: string): void;
  /** Remembered as folded, though nothing comes of it. */
  note(offset: number): void;
  /** Messages and refusals. */
  readonly size: number;
  /** Refusals by reason. */
  readonly refusals: ReadonlyMap<string, number>;
  /** To be sent, and another begun, before the next record. */
  readonly isFull: boolean;
  /** Resolves when all is durable. May be called again when it failed. */
  send(): Promise<void>;
}

export type Consistency = "strict" | "local" | "cached";

export interface AskOptions {
  readonly consistency: Consistency;
  readonly deadlineMs: number;
}

/** An `Answer` and, unless strict, how old it may be. */
export type AskResult = Answer & { readonly ageMs: number };

export interface ShardStatus {
  readonly shard: number;
  /** The thread that folds it; null when another node does. */
  readonly host: number | null;
  /** "elsewhere": it is another node's, and this one knows nothing more of it. */
  readonly state: "claiming" | "running" | "refused" | "elsewhere";
  readonly epoch: number;
  /** Last mailbox offset folded. */
  readonly folded: number;
  /** Last mailbox offset known to be appended. */
  readonly appended: number;
  /** Log time by which the oldest frame not folded was stamped; null when all are folded. */
  readonly oldestWaitingMs: number | null;
  /** Why it is refused. */
  readonly sentence: string | null;
}

export interface EngineStatus {
  /** This node belongs to an agreement on the shards, and every one of its own folds. */
  readonly ready: boolean;
  /** What readiness waits for, as a sentence; null when ready. */
  readonly waitingFor: string | null;
  readonly shards: readonly ShardStatus[];
  /** Sums over all hosts since the node's start; never go down. */
  readonly totals: EngineTotals;
}

export interface EngineTotals {
  /** Messages folded by this node. */
  readonly messages: number;
  readonly frames: number;
  /** Messages appended through this node's gateway. */
  readonly accepted: number;
  readonly deadLetters: number;
}

/** An actor that takes no messages until it is resumed. */
export interface Suspended {
  readonly kind: string;
  readonly id: string;
  /** Log time. */
  readonly sinceMs: number;
}

export interface SuspendedPage {
  /** By kind and id; at most `maxListedSuspensions` of a shard are listed. */
  readonly items: readonly Suspended[];
  /** To be given as `after` for the next page; null at the end. */
  readonly next: string | null;
  /** Nodes that did not answer, each with the reason: theirs are missing. */
  readonly missing: readonly string[];
}

/** Names of the actors whose state changed most recently, for the live page. */
export interface Moving {
  readonly kind: string;
  readonly id: string;
}

export interface Engine {
  readonly shardCount: number;
  shardOf(id: string): number;
  /** `key`: an idempotency key; repeats of the same key with the same messages are folded once. */
  batch(key?: string): Batch;
  /** For the records of one partition of a foreign topic. */
  records(topic: string, partition: number): RecordBatch;
  /**
   * By partition, as `topic/partition`: the offset of the last record that is folded, of all that were durable before.
   * What comes up to it is taken for a repeat. Throws "unavailable" while a shard is refused.
   */
  lastRecords(deadlineMs: number): Promise<ReadonlyMap<string, number>>;
  /** Why any `send` would be refused now, to be known before work is put into one; null when it might not be. */
  refusal(): EngineError | null;
  ask(target: Address, query: string, args: unknown, options: AskOptions): Promise<AskResult>;
  /**
   * The actor's last messages, at most `limit`, as a `TraceAnswer` of `runtime/core/queries.ts`. It is traced from the
   * first request on.
   */
  trace(target: Address, limit: number, options: AskOptions): Promise<AskResult>;
  /**
   * Resolves when everything acknowledged before is folded and in a confirmed checkpoint, so that the store shows
   * it. Of all shards, or of those given. Throws "unavailable" at once while the store waits for its server.
   */
  flush(deadlineMs: number, shards?: readonly number[]): Promise<void>;
  /**
   * Sends a dead letter's message again; `replays` says for how many times. Asked again before the outcome is in the
   * letter, it is the same replay. Null when there is no such letter, or its message was folded after all, or it has
   * died `maxReplays` times.
   */
  replayDeadLetter(id: string): Promise<{ readonly replays: number } | null>;
  /**
   * Ends an actor's suspension: "resume" folds the messages that wait for it, "discard" makes dead letters of them.
   * Resolves when that is durable. An actor that is not suspended is left alone. `key`: as in `batch`.
   */
  resume(target: Address, control: Control, key?: string): Promise<void>;
  /** Those of all nodes, as their hosts reported last. `after`: only those behind it; empty for the first page. */
  suspended(after: string, limit: number, deadlineMs: number): Promise<SuspendedPage>;
  /** What this node can tell of all nodes and shards. */
  cluster(deadlineMs: number): Promise<ClusterStatus>;
  /** The log's clock as the gateway knows it: newest stamp seen plus the time since, epoch milliseconds. */
  logNowMs(): number;
  readonly store: Store;
  readonly backups: Backups;
  /** For long sums; null when the engine was started without. */
  readonly compute: Compute | null;
  /** Of this node. */
  status(): EngineStatus;
  /** What is supervised in this node, and how it goes. */
  tree(): SupervisorTree;
  /**
   * Runs a service of the program under the node's supervision: it is started again when it fails, and stopped, the
   * last first, before the engine is. Resolves when it is up.
   */
  supervise(child: Child): Promise<void>;
  /** Prometheus text of all threads, without the product's own metrics. */
  metrics(): Promise<string>;
  /** Stops accepting, folds what was accepted, checkpoints, ends the threads. */
  stop(deadlineMs: number): Promise<void>;
}

export type EngineErrorCode =
  /** 503: not running yet, or draining. */
  | "starting"
  | "stopping"
  /** 503: more is waiting than the bound; try later. */
  | "overloaded"
  /** 429: too many idempotency keys are remembered. */
  | "keys_full"
  /** 507: the disk is full. */
  | "log_full"
  /** 503: the log or store cannot be reached. */
  | "unavailable"
  /** 504: no answer in time; for a send the outcome is unknown. */
  | "timeout";

export interface EngineErrorOptions extends ErrorOptions {
  readonly waiting?: Waiting;
}

export class EngineError extends Error {
  override readonly name = "EngineError";
  /** Of a time-out: what was waited for. */
  readonly waiting: Waiting | null;
  constructor(
    readonly code: EngineErrorCode,
    message: string,
    /** When to try again, seconds. */
    readonly retryAfterS: number = 1,
    { waiting, ...options }: EngineErrorOptions = {},
  ) {
    super(message, options);
    this.waiting = waiting ?? null;
  }
}
