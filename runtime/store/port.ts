/**
 * Port `Store`: checkpoints, snapshots, history, dead letters.
 *
 * 1. A commit is one transaction guarded by epoch and commit number: see `runtime/core/checkpoint.ts`.
 * 2. `claim` is atomic: two claims of a shard get different epochs, and every commit under the lower one is fenced
 *    from then on. One that is made `after` an epoch succeeds only while that is the epoch: so whoever read it, and then
 *    confirmed that the shard is its own, takes it from nobody who did so later.
 * 3. `load` and `due` see everything committed before they were called.
 * 4. A commit whose outcome was lost is resolved by the adapter through the row's epoch and commit number; it
 *    throws "unknown" only when it cannot find out.
 * 5. Keys are compared byte by byte; ids are up to 1,024 bytes of UTF-8.
 */

import type {
  Checkpoint,
  Claim,
  CommitResult,
  DuePage,
  Loaded,
  Positions,
  StoredDeadLetter,
} from "../core/checkpoint.ts";
import type { HostDeath } from "../core/attempts.ts";
import type { Address } from "../core/actor.ts";

export interface ListPage {
  /** Ids in byte order. */
  readonly ids: readonly string[];
  /** Pass as `after` for the next page; null at the end. */
  readonly next: string | null;
}

/** History rows of one length with fromMs ≤ startMs < toMs, at most `limit`. */
export interface RowRange {
  readonly stepMs: number;
  readonly fromMs: number;
  readonly toMs: number;
  readonly limit: number;
}

export interface StoredHistoryRow {
  readonly startMs: number;
  /** 0: the row put last; greater: an increment to merge. */
  readonly part: number;
  readonly row: Uint8Array;
}

export interface DeadLetterFilter {
  /** Only those after this one, in the order of the list (newest first). */
  readonly after: string | null;
  readonly limit: number;
  readonly kind?: string;
  readonly actorId?: string;
  readonly reason?: string;
}

export interface DeadLetterPage {
  readonly items: readonly StoredDeadLetter[];
  readonly next: string | null;
}

/** What the store says of a shard that was claimed. */
export interface ShardRow {
  readonly shard: number;
  readonly epoch: number;
  /** As its last claimer named itself. */
  readonly owner: string;
  readonly positions: Positions;
  /** Number of its last commit. */
  readonly commit: number;
  /** When the last commit or claim was, by the store's clock; 0: before stores kept it. */
  readonly committedAtMs: number;
}

export interface ActorCount {
  readonly kind: string;
  readonly count: number;
}

export interface Store {
  /**
   * Takes the shard over. `owner` is a readable name of the claimer, kept in the shard's row. `death`: that of the
   * last owner's host, if it died in a turn; see `attemptsAtClaim`. `after`: throws "raced" unless the shard still has
   * that epoch.
   */
  claim(shard: number, owner: string, death?: HostDeath | null, after?: number | null): Promise<Claim>;
  /** 0: nobody has claimed the shard. */
  epoch(shard: number): Promise<number>;
  /** Each shard that was claimed, by number. */
  rows(): Promise<readonly ShardRow[]>;
  /** Snapshots of those of `keys` that have one, and the shard's epoch at that moment. */
  load(shard: number, keys: readonly Address[]): Promise<Loaded>;
  /** Actors of the shard with a timer due after `afterMs`, by (dueMs, kind, id), at most `limit`; and its epoch then. */
  due(shard: number, afterMs: number, limit: number): Promise<DuePage>;
  /** Commits each checkpoint under its own guard, all in as few transactions as the store likes. */
  commit(checkpoints: readonly Checkpoint[]): Promise<readonly CommitResult[]>;
  /** Ids of the actors of a kind that have a snapshot, over all shards, those greater than `after`. */
  list(kind: string, after: string | null, limit: number): Promise<ListPage>;
  countActors(): Promise<readonly ActorCount[]>;
  /** An actor's history rows, by (startMs, part). */
  history(actor: Address, range: RowRange): Promise<readonly StoredHistoryRow[]>;
  /** Deletes history rows that begin before `beforeMs`, at most `limit`; answers how many went. */
  expireHistory(beforeMs: number, limit: number): Promise<number>;
  deadLetters(filter: DeadLetterFilter): Promise<DeadLetterPage>;
  deadLetter(id: string): Promise<StoredDeadLetter | null>;
  /** Deletes dead letters whose message died before `beforeMs`, the oldest first, at most `limit`; how many went. */
  expireDeadLetters(beforeMs: number, limit: number): Promise<number>;
  close(): Promise<void>;
}

export type StoreErrorCode =
  | "full"
  | "unavailable"
  | "unknown"
  /** The file is damaged or not ours, or of a newer version; it was left untouched. */
  | "corrupt"
  /** Settings, credentials or what is there do not fit: trying again does not help. Nothing was changed. */
  | "refused"
  /**
   * The shard has another epoch than the one that the claim was to come after: another claimed it since (or this claim
   * did, and its answer was lost). Nothing was changed, the caller owns nothing: while the shard is still its own, it
   * begins with the epoch again.
   */
  | "raced"
  | "closed";

export class StoreError extends Error {
  override readonly name = "StoreError";
  constructor(readonly code: StoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}
