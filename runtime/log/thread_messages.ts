/**
 * What the log's thread, its owner and its clients say to each other. Calls go by `runtime/rpc.ts`; these are
 * the messages without an answer.
 */

import type { MessagePort } from "node:worker_threads";
import type { ThreadMemory } from "../thread_memory.ts";
import type { KafkaSettings } from "./kafka/settings.ts";
import type { LogLimits } from "./limits.ts";
import type { Sealed } from "../rpc.ts";
import type { Agreement, ClusterTable, Member } from "../core/cluster.ts";
import type { RecordFrame } from "../core/log_frame.ts";
import { LogError, type LogErrorCode, type LogExtent } from "./port.ts";

/** `workerData` of the thread of a log on files. */
export interface LogThreadData {
  readonly directory: string;
  readonly shards: number;
  /** See `SegmentedLogOptions`. */
  readonly expected: string | null;
  readonly limits: LogLimits;
}

/** `workerData` of the thread of a log on Kafka. */
export interface KafkaLogThreadData {
  readonly settings: KafkaSettings;
  readonly shards: number;
  /** Foreign ones that are folded directly. */
  readonly topics: readonly string[];
  /** Identity of the log that must be there; null: any will do. */
  readonly expected: string | null;
  readonly member: Member;
}

/** What the log is when it is open. */
export interface LogOpening {
  readonly identity: string;
  /** Of every shard. */
  readonly extents: readonly LogExtent[];
  /** What a person should know, as a sentence; null when all is as it should be. */
  readonly warning: string | null;
}

/** Calls that the owner makes. */
export interface OwnerCalls {
  /** As of `SegmentedLogCore`: no segment is removed until `release`. */
  hold(): Promise<void>;
  seal(): Promise<readonly string[]>;
  release(): Promise<boolean>;
  memory(): Promise<ThreadMemory>;
}

/** And those of a log that several nodes share. */
export interface MemberCalls {
  /**
   * Joins the nodes that share the log, and goes on trying: to be called once, when this one can fold what it is given.
   * Throws a `LogError` "refused" when trying does not help.
   */
  join(): Promise<void>;
  /** What the nodes agree on now. Throws a `LogError` "unavailable". */
  table(): Promise<ClusterTable>;
  /**
   * Takes a dead node out of the agreement, so that its shards are others' at once; false: it did not belong to it. One
   * that lives joins again, and is fenced meanwhile.
   */
  evict(name: string): Promise<boolean>;
}

export type OwnerToLog =
  /** Serves the port. One of the same `client` that was served before is closed, with its subscriptions. */
  | { readonly type: "connect"; readonly port: MessagePort; readonly client?: string }
  /** Commits what waits, closes the files, ends the thread. */
  | { readonly type: "close" };

export type LogToOwner =
  | { readonly type: "ready"; readonly opening: LogOpening }
  | { readonly type: "failed"; readonly code: string; readonly message: string }
  /** Something a person should know; the log goes on. */
  | { readonly type: "report"; readonly sentence: string }
  /** What the log waits for before it opens, or goes on; null: for nothing any more. */
  | { readonly type: "waiting"; readonly for: string | null }
  /** What the nodes agreed, or that this one belongs to no agreement any more. Never said by a log on files. */
  | { readonly type: "agreed"; readonly agreement: Agreement };

export type ClientToLog =
  | { readonly type: "grant"; readonly subscription: number; readonly bytes: number }
  | { readonly type: "unsubscribe"; readonly subscription: number }
  | { readonly type: "bye" };

/** Frames of one subscription from `offset` on, without gaps. */
export interface FrameBatch {
  readonly subscription: number;
  readonly offset: number;
  readonly stampsMs: readonly number[];
  readonly texts: readonly string[];
}

export type LogToClient =
  | { readonly type: "frames"; readonly batches: Sealed<readonly FrameBatch[]> }
  /** Of a subscription to a foreign topic; their memory is handed over. */
  | {
    readonly type: "records";
    readonly subscription: number;
    readonly frames: Sealed<readonly RecordFrame[]>;
  }
  /** The subscription ended by itself. */
  | { readonly type: "ended"; readonly subscription: number; readonly code: string; readonly message: string }
  | { readonly type: "bye" };

const codes: readonly LogErrorCode[] = [
  "full",
  "unavailable",
  "unknown",
  "out_of_range",
  "corrupt",
  "refused",
  "closed",
];

/** An error of the log as it was before it crossed threads; any other error leaves the outcome open. */
export function reviveLogError(code: string, message: string): LogError {
  return new LogError(codes.find((known) => known === code) ?? "unknown", message);
}
