/**
 * How a shard talks with its surroundings. The shard itself (`shard.ts`) is a state machine without I/O: events go
 * in by method calls, `Action`s come out, and whoever drives it (a host thread, the simulator) performs them and
 * reports back.
 *
 *     claim() ──▶ started(claim) ──▶ subscribe ──▶ deliver(frames)* ──▶ run() ──▶ actions
 *
 * Every action that expects an answer carries the shard's `epoch`; an answer of an earlier epoch is ignored.
 */

import type { HostDeath } from "./attempts.ts";
import type { Address } from "./actor.ts";
import type { Checkpoint, Claim, CommitResult, DuePage, Loaded, SuspendedActor } from "./checkpoint.ts";
import type { Delivery } from "./log_frame.ts";
import type { Published } from "./publishing.ts";

export type Action =
  /**
   * Take the shard over (again): answer with `started`. All that was asked before is void. `death`: that of the
   * shard's last host, for `Store.claim`.
   */
  | { readonly type: "claim"; readonly death: HostDeath | null }
  /** Deliver the mailbox, or the shard's partition of a foreign topic, from this offset on: answer with `deliver`. */
  | { readonly type: "subscribe"; readonly epoch: number; readonly topic: string; readonly from: number }
  /** The shard can take this much more of the topic: units of frame text, bytes of records. */
  | { readonly type: "grant"; readonly topic: string; readonly bytes: number }
  /** Read snapshots: answer with `loaded`. */
  | { readonly type: "load"; readonly epoch: number; readonly keys: readonly Address[] }
  /** Read who has timers: answer with `dueLoaded`. */
  | { readonly type: "due"; readonly epoch: number; readonly afterMs: number; readonly limit: number }
  /** Commit: answer with `committed`. */
  | { readonly type: "commit"; readonly checkpoint: Checkpoint }
  /** Append to another shard's log: answer with `appended`. */
  | {
    readonly type: "append";
    readonly epoch: number;
    readonly target: number;
    readonly n: number;
    readonly text: string;
  }
  /**
   * Ask a service. The answer comes through the actor's mailbox, or none does. The same request comes again after a
   * claim: `n` is its number in the shard, always the same. `body` is JSON text, `dueMs` log time.
   */
  | {
    readonly type: "request";
    readonly epoch: number;
    readonly n: number;
    readonly from: Address;
    readonly service: string;
    readonly body: string;
    readonly dueMs: number;
  }
  /** Append an empty frame to the own log, so that the clock moves. Answered by its delivery. */
  | { readonly type: "tick"; readonly epoch: number; readonly text: string }
  /**
   * A frame that traced requests wrote to is folded, between these times of the driver's clock. Not of frames that are
   * dropped as repeats; again of what is folded again after a claim.
   */
  | {
    readonly type: "folded";
    readonly offset: number;
    readonly contexts: readonly string[];
    readonly messages: number;
    readonly beganMs: number;
    readonly endedMs: number;
  }
  /** What a confirmed checkpoint has to tell; only where the shard publishes. */
  | { readonly type: "published"; readonly published: Published }
  /** Frames of the mailbox below this offset are in a confirmed checkpoint. */
  | { readonly type: "trim"; readonly below: number }
  /** The answer to a query or a barrier. */
  | { readonly type: "answer"; readonly queryId: number; readonly answer: Answer }
  /** The shard cannot go on: broken invariant or a gap in its log. It stays stopped. */
  | { readonly type: "refuse"; readonly sentence: string };

/** What is asked of an actor. */
export interface ShardQuery {
  readonly queryId: number;
  /** Answer only when every mailbox frame below this offset is folded. Foreign topics are not waited for. */
  readonly folded: number;
  readonly request:
    | {
      readonly type: "ask";
      readonly kind: string;
      readonly id: string;
      readonly query: string;
      readonly arguments: unknown;
    }
    /** The actor's last messages, as a `TraceAnswer`; from then on it is traced. Every kind has it. */
    | { readonly type: "trace"; readonly kind: string; readonly id: string; readonly limit: number }
    /** Answered with the last record folded of each partition of a foreign topic, by `partitionName`. */
    | { readonly type: "records" }
    /** Answered when everything folded so far is in a confirmed checkpoint. */
    | { readonly type: "barrier" };
}

export type Answer =
  /**
   * `json` is the query's answer as JSON text; `positions` the last offset folded of each topic. That of the mailbox is
   * what was asked for; of foreign topics the answer reflects what happens to be folded, and says so.
   */
  | {
    readonly type: "answered";
    readonly json: string;
    readonly epoch: number;
    readonly positions: Readonly<Record<string, number>>;
    /** The shard's clock. */
    readonly nowMs: number;
    /** Null while the actor takes its messages, and where none was asked. */
    readonly suspended: { readonly sinceMs: number; readonly detail: string; readonly parked: number } | null;
  }
  /** The actor has never had a message. */
  | { readonly type: "absent" }
  | { readonly type: "unknown"; readonly sentence: string }
  | { readonly type: "invalid"; readonly sentence: string }
  /** The query threw. */
  | { readonly type: "failed"; readonly sentence: string }
  /** The shard stopped or moved before it could answer: ask again. */
  | { readonly type: "moved" };

/**
 * The shard's own face, implemented by `Shard` in `shard.ts`. `nowMs` is always the driver's monotonic clock; log
 * time comes with the frames.
 */
export interface ShardMachine {
  readonly shard: number;
  /** Actions since the last call, in the order they must be performed. */
  takeActions(): Action[];
  /** Starts, or starts again after a death of what it ran on: `death` says in which turn that was, if in any. */
  begin(death?: HostDeath | null): void;
  started(claim: Claim, nowMs: number): void;
  /** Frames of a subscription of this epoch, of each topic in order. */
  deliver(epoch: number, frames: readonly Delivery[], nowMs: number): void;
  loaded(epoch: number, loaded: Loaded): void;
  dueLoaded(epoch: number, due: DuePage): void;
  /** "failed": the outcome could not be found out; the shard claims itself again. */
  committed(epoch: number, commit: number, result: CommitResult | "failed", nowMs: number): void;
  /** The target's log has acknowledged outbox frame `n`. The driver repeats an append until it can say so. */
  appended(epoch: number, target: number, n: number, nowMs: number): void;
  query(query: ShardQuery): void;
  /** Publishes every actor in memory again, spread over the next checkpoints. Nothing where the shard does not publish. */
  publishAll(): void;
  /** Makes the next checkpoint due at once. */
  hurry(): void;
  /**
   * Folds what there is for at most about `sliceMs` of `clock`, then makes checkpoints and ticks that are due.
   * True: call again soon, there is more to fold.
   */
  run(clock: () => number, sliceMs: number): boolean;
  /** When `run` must be called at the latest, monotonic milliseconds, if nothing happens before; null: no need. */
  wakeAtMs(nowMs: number): number | null;
  /** Releases all memory. Queries waiting are answered "moved". The machine is not used afterwards. */
  stop(): void;
  readonly counters: ShardCounters;
  gauges(): ShardGauges;
}

/** Plain numbers that only grow, read for metrics. */
export interface ShardCounters {
  messages: number;
  frames: number;
  localTurns: number;
  timersFired: number;
  /** In confirmed checkpoints, so that a refold does not count them twice. */
  deadLetters: number;
  readonly deadLettersByReason: Record<string, number>;
  /** Actors suspended, refolds included. */
  suspensions: number;
  /** Requests made to services, refolds included. */
  requests: number;
  /** Requests that failed because too many were open. */
  refusedRequests: number;
  /** Requests that timed out. */
  lateRequests: number;
  /** Answers of services dropped: the request had its outcome. */
  repeatedAnswers: number;
  /** Frames dropped as repeats of a gateway's or a shard's number. */
  repeatedFrames: number;
  /** Parts of keyed bodies dropped as repeats. */
  repeatedParts: number;
  checkpoints: number;
  snapshotBytes: number;
  snapshots: number;
  claims: number;
  loads: number;
  evictions: number;
}

export function noCounters(): ShardCounters {
  return {
    messages: 0,
    frames: 0,
    localTurns: 0,
    timersFired: 0,
    deadLetters: 0,
    deadLettersByReason: {},
    suspensions: 0,
    requests: 0,
    refusedRequests: 0,
    lateRequests: 0,
    repeatedAnswers: 0,
    repeatedFrames: 0,
    repeatedParts: 0,
    checkpoints: 0,
    snapshotBytes: 0,
    snapshots: 0,
    claims: 0,
    loads: 0,
    evictions: 0,
  };
}

/** What the driver and the live tree want to know at the moment. */
export interface ShardGauges {
  readonly state: "claiming" | "running" | "refused";
  readonly epoch: number;
  readonly folded: number;
  readonly queuedFrames: number;
  readonly oldestStampMs: number | null;
  readonly actors: number;
  readonly actorBytes: number;
  /** Requests to services that have no outcome yet. */
  readonly openRequests: number;
  /** By `actorKey`; at most `maxListedSuspensions`. */
  readonly suspended: ReadonlyMap<string, SuspendedActor>;
  /** True while the bound of remembered idempotency keys is reached. */
  readonly keysFull: boolean;
}
