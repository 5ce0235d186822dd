/**
 * How a shard talks with its surroundings. The shard itself (`shard.ts`) is a state machine without I/O: events go
 * in by method calls, `Action`s come out, and whoever drives it (a host thread, the simulator) performs them and
 * reports back.
 *
 *     claim() ──▶ started(claim) ──▶ subscribe ──▶ deliver(frames)* ──▶ run() ──▶ actions
 *
 * Every action that expects an answer carries the shard's `epoch`; an answer of an earlier epoch is ignored.
 */

import type { Address } from "./actor.ts";
import type { Checkpoint } from "./checkpoint.ts";

export type Action =
  /** Take the shard over (again): answer with `started`. All that was asked before is void. */
  | { readonly type: "claim" }
  /** Deliver the mailbox from this offset on: answer with `deliver`. */
  | { readonly type: "subscribe"; readonly epoch: number; readonly from: number }
  /** The shard can take this many more units of frame text. */
  | { readonly type: "grant"; readonly bytes: number }
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
  /** Append an empty frame to the own log, so that the clock moves. Answered by its delivery. */
  | { readonly type: "tick"; readonly epoch: number; readonly text: string }
  /** Frames of the mailbox below this offset are in a confirmed checkpoint. */
  | { readonly type: "trim"; readonly below: number }
  /** The answer to a query or a barrier. */
  | { readonly type: "answer"; readonly queryId: number; readonly answer: Answer }
  /** The shard cannot go on: broken invariant or a gap in its log. It stays stopped. */
  | { readonly type: "refuse"; readonly sentence: string };

/** What is asked of an actor. */
export interface ShardQuery {
  readonly queryId: number;
  /** Answer only when every mailbox frame below this offset is folded. */
  readonly folded: number;
  readonly request:
    | {
      readonly type: "ask";
      readonly kind: string;
      readonly id: string;
      readonly query: string;
      readonly arguments: unknown;
    }
    /** Answered when everything folded so far is in a confirmed checkpoint. */
    | { readonly type: "barrier" };
}

export type Answer =
  /** `json` is the query's answer as JSON text; `position` the last mailbox offset folded. */
  | {
    readonly type: "answered";
    readonly json: string;
    readonly epoch: number;
    readonly positions: Readonly<Record<string, number>>;
    /** The shard's clock. */
    readonly nowMs: number;
  }
  /** The actor has never had a message. */
  | { readonly type: "absent" }
  | { readonly type: "unknown"; readonly sentence: string }
  | { readonly type: "invalid"; readonly sentence: string }
  /** The query threw. */
  | { readonly type: "failed"; readonly sentence: string }
  /** The shard stopped or moved before it could answer: ask again. */
  | { readonly type: "moved" };
