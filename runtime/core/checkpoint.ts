/**
 * Checkpoints as values: what one store transaction makes true, and what a claim reads back.
 *
 * 1. A checkpoint is all or nothing, and only under its epoch: `commit` succeeds only where the shard's row still
 *    has `epoch` and `commit - 1`.
 * 2. Claim after commit n returns exactly what the commits up to n made true.
 * 3. Effects (outbox frames, requests) become visible to anybody else only after the checkpoint that contains them.
 */

import type { Attempts } from "./attempts.ts";
import { freeRows, type PackedRows } from "./bytes.ts";

/** The mailbox topic's name in `Positions`; other topics are foreign ones. */
export const MAILBOX = "mailbox";

/**
 * Where a shard stands in one topic: every frame up to and including `offset` is folded, and of the frame after
 * it the first `index` entries. A shard that has folded nothing stands at offset -1, index 0.
 */
export interface Position {
  readonly offset: number;
  readonly index: number;
}

export type Positions = Readonly<Record<string, Position>>;

/** Changed actors, column by column: thousands travel between threads as a few values. */
export interface SnapshotBatch {
  readonly kinds: readonly string[];
  readonly ids: readonly string[];
  /** When the actor's next timer is due, log time; null without timers. */
  readonly dueMs: readonly (number | null)[];
  readonly hot: PackedRows;
  /** Row i of `cold` belongs to actor `coldOf[i]`; an actor not named here keeps its cold row. */
  readonly coldOf: readonly number[];
  readonly cold: PackedRows;
}

/**
 * History rows. Key: (kind, id, stepMs, startMs, part). Part 0 is the row that `put` wrote and replaces; an
 * increment's part is the number of its commit, so increments accumulate and a reader merges all parts.
 */
export interface HistoryBatch {
  readonly kinds: readonly string[];
  readonly ids: readonly string[];
  readonly stepMs: readonly number[];
  readonly startMs: readonly number[];
  readonly parts: readonly number[];
  readonly rows: PackedRows;
}

/** A frame for another shard, waiting until that shard's log has acknowledged it. */
export interface OutboxFrame {
  readonly target: number;
  /** Dense per (source, target), from 1. */
  readonly n: number;
  readonly text: string;
}

/** A request to a service that has no outcome yet. */
export interface OpenRequest {
  /** Dense per shard, from 1. */
  readonly n: number;
  /** Of the actor that asks. */
  readonly kind: string;
  readonly id: string;
  readonly service: string;
  /** JSON text. */
  readonly body: string;
  /** Log time at which it has timed out. */
  readonly dueMs: number;
}

export interface DeadLetter {
  /**
   * Derived from the place, so a replay of the log writes the same one. Safe in a URL path. A message that was sent
   * again and died again keeps the id of its first death.
   */
  readonly id: string;
  readonly shard: number;
  /** Where the message is: `MAILBOX`, or `topic/partition` of a foreign topic's record. */
  readonly topic: string;
  readonly offset: number;
  /** Empty for a record that is no message. */
  readonly kind: string;
  readonly actorId: string;
  /** Short label for counting: "threw", "unknown-kind", "invalid", "too-far-ahead", ... */
  readonly reason: string;
  readonly detail: string;
  readonly stack: string | null;
  /** The message as JSON text. */
  readonly message: string;
  /** The version of the kind's messages that it is of. */
  readonly messageVersion: number;
  /** Log time. */
  readonly atMs: number;
  /** How often the message had been replayed before it died this time. */
  readonly replays: number;
}

/** A dead letter's message was folded again and did not die. */
export interface ReplayedLetter {
  readonly id: string;
  /** How often it has been replayed, this time included. */
  readonly replays: number;
  /** Log time. */
  readonly atMs: number;
}

/** A dead letter as the store lists it. */
export interface StoredDeadLetter extends DeadLetter {
  /** Log time at which its message was folded after all; null while it is dead. */
  readonly replayedAtMs: number | null;
}

/** Hashes of (idempotency key, part) seen since the last checkpoint, in the form of `keys.ts`. */
export interface KeyIncrement {
  /** Log time of the newest of them: they are forgotten `keyRetentionMs` later. */
  readonly atMs: number;
  readonly hashes: Uint8Array;
}

/** The rest of what a shard remembers, one JSON value in its row. */
export interface ShardMemory {
  /** The shard's clock: the largest stamp of its own mailbox log. */
  readonly clockMs: number;
  /** Per gateway start: the last number folded, and the log time of it. */
  readonly gateways: Readonly<Record<string, { readonly n: number; readonly atMs: number }>>;
  /** Per source shard: the last outbox number folded. */
  readonly inbox: Readonly<Record<string, number>>;
  /** Per `topic/partition` of a foreign topic: the offset of the last record folded. */
  readonly sources: Readonly<Record<string, number>>;
  /** Per target shard: the last outbox number given out. */
  readonly outbox: Readonly<Record<string, number>>;
  /** The last number given to a request. */
  readonly requests: number;
  /** The turn in which hosts died; null when it is past, or there was none. */
  readonly attempts: Attempts | null;
  /** By `actorKey`, the first `maxListedSuspensions` of its suspended actors, for whoever asks which they are. */
  readonly suspended: Readonly<Record<string, SuspendedActor>>;
}

export interface SuspendedActor {
  /** Log time. */
  readonly sinceMs: number;
}

export const emptyMemory: ShardMemory = {
  clockMs: 0,
  gateways: {},
  inbox: {},
  sources: {},
  outbox: {},
  requests: 0,
  attempts: null,
  suspended: {},
};

export interface Checkpoint {
  readonly shard: number;
  readonly epoch: number;
  /** This commit's number; dense per shard over all epochs, from 1. */
  readonly commit: number;
  readonly positions: Positions;
  readonly memory: ShardMemory;
  readonly snapshots: SnapshotBatch;
  readonly history: HistoryBatch;
  readonly outbox: readonly OutboxFrame[];
  /** Per target: outbox frames up to and including this number were acknowledged and can go. */
  readonly outboxDone: readonly { readonly target: number; readonly n: number }[];
  /** New ones. */
  readonly requests: readonly OpenRequest[];
  /** Numbers of requests of earlier commits that have their outcome and can go. */
  readonly requestsDone: readonly number[];
  /** One of a known id replaces that one if it has more replays, else it changes nothing. */
  readonly deadLetters: readonly DeadLetter[];
  /** Letters of other commits; the same rule. */
  readonly replayed: readonly ReplayedLetter[];
  readonly keys: KeyIncrement | null;
  /** Key increments older than this log time are forgotten. */
  readonly keysBeforeMs: number;
}

/** Gives the memory of a checkpoint's rows back; to be called once nobody will write it again. */
export function freeCheckpoint({ snapshots, history }: Checkpoint): void {
  freeRows(snapshots.hot);
  freeRows(snapshots.cold);
  freeRows(history.rows);
}

/** "fenced": another owner has claimed the shard (or committed this number); nothing was written. */
export type CommitResult = "committed" | "fenced";

/** An actor with a timer. */
export interface DueActor {
  readonly dueMs: number;
  readonly kind: string;
  readonly id: string;
}

/** Some of the actors of a shard that have a timer. */
export interface DuePage {
  /** The shard's, when they were read: what a later owner has saved, or let fire, is none of an earlier one's. */
  readonly epoch: number;
  readonly actors: readonly DueActor[];
}

/** What a new owner starts from. */
export interface Claim {
  readonly shard: number;
  /** The owner's epoch: one more than the last. */
  readonly epoch: number;
  /** Number of the last commit; 0 for a shard that has none. */
  readonly commit: number;
  readonly positions: Positions;
  readonly memory: ShardMemory;
  /** Unacknowledged outbox frames, by target and number ascending. */
  readonly outbox: readonly OutboxFrame[];
  /** By number ascending. */
  readonly requests: readonly OpenRequest[];
  /** Hashes of all increments, oldest first, as one: thousands of small buffers are slow between threads. */
  readonly keys: Uint8Array;
}

/** Answer to a load: the actors among the asked that have a snapshot, each with its cold row if it has one. */
export interface Loaded extends SnapshotBatch {
  /** The shard's when it was read: what a later owner has saved must not be mixed with an earlier one's memory. */
  readonly epoch: number;
}
