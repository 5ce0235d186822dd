/** What the main thread and a host thread say to each other, besides the calls in `HostCalls`. */

import type { MessagePort } from "node:worker_threads";
import type { MetricObjectWithValues, MetricValue } from "prom-client";
import type { Address } from "../core/actor.ts";
import type { HostDeath } from "../core/attempts.ts";
import type { ShardLimits } from "../core/limits.ts";
import type { Published } from "../core/publishing.ts";
import type { Answer, ShardGauges, ShardQuery } from "../core/shard_api.ts";
import type { StorePorts } from "../store/remote_store.ts";
import type { Notice } from "./notice.ts";
import type { PracticeRanges } from "./practice.ts";
import type { DeathInTurn } from "./turn_board.ts";

/** What a thread for shards is started with. */
export interface HostThreadStart {
  readonly shardCount: number;
  /** The node's name among others; null when there are none. */
  readonly node: string | null;
  /** URL of the module that names the actors; see `actor_module.ts`. */
  readonly definitionsUrl: string;
  readonly limits: ShardLimits;
  /** Foreign topics that are folded directly, each with the name of its reader. */
  readonly topics: Readonly<Record<string, string>>;
  /** See `tracing.ts`. */
  readonly isTraced: boolean;
  /** Confirmed checkpoints tell of their actors. */
  readonly isPublishing: boolean;
  readonly main: MessagePort;
  /** See `turn_board.ts`. */
  readonly board: SharedArrayBuffer;
}

/** Lets a thread that waits fold for practice; see `rehearsal.ts`. */
export interface RehearsalCall {
  readonly type: "rehearse";
  readonly log: MessagePort;
  readonly store: StorePorts;
  /** What it folds. */
  readonly frames: PracticeRanges;
}

/** Ends its practice until the next time. */
export interface RestCall {
  readonly type: "rest";
}

/** Which shards are a host's. */
export interface HostShares {
  /** Counts what a host by this name is told of its shards. */
  readonly number: number;
  readonly shards: readonly number[];
}

/** What makes it a host, sent once; later it is told by `HostCalls.own`. */
export interface HostAssignment extends HostShares {
  readonly type: "assign";
  readonly host: number;
  readonly log: MessagePort;
  readonly store: StorePorts;
  /** By shard: the thread before this one died in this turn of it. */
  readonly deaths: Readonly<Record<number, HostDeath>>;
}

export interface ShardReport extends ShardGauges {
  readonly shard: number;
  readonly isReplaying: boolean;
  /** Why it is refused; null while it is not. */
  readonly refusal: string | null;
}

/** Sums over the shards of one host, those that left included, since its thread's start. */
export interface HostTotals {
  readonly messages: number;
  readonly frames: number;
  readonly deadLetters: number;
}

/** What a shard's actor asks a service; see `Action` of the type "request". */
export interface ShardRequest {
  readonly shard: number;
  readonly n: number;
  readonly from: Address;
  readonly service: string;
  readonly body: string;
  readonly dueMs: number;
}

export type MetricsJson = MetricObjectWithValues<MetricValue<string>>[];

/** Posted by a host, unasked. */
export type HostMessage =
  /** The actors are loaded: it can be given shards. */
  | { readonly type: "warm" }
  | {
    readonly type: "report";
    /** Of the last `HostShares` that it was told. */
    readonly number: number;
    readonly shards: readonly ShardReport[];
    readonly totals: HostTotals;
  }
  | { readonly type: "metrics"; readonly metrics: MetricsJson }
  | { readonly type: "request"; readonly request: ShardRequest }
  | { readonly type: "published"; readonly published: Published }
  /** Its last words: the thread ends now, and Deno tells of that later. Not every end leaves time for them. */
  | { readonly type: "ends"; readonly reason: string; readonly inTurn: DeathInTurn | null }
  /** Something a person should know; the host goes on. */
  | { readonly type: "notice"; readonly notice: Notice };

/** What is for whoever has the thread; the rest is about the thread itself. */
export type HostNews = Exclude<HostMessage, { readonly type: "warm" | "ends" }>;

/** Calls that a host answers. */
export interface HostCalls {
  ask(shard: number, folded: number, request: ShardQuery["request"]): Promise<Answer>;
  /** From now on these shards are the host's, and no others. */
  own(shares: HostShares): Promise<void>;
  metrics(): Promise<MetricsJson>;
  publishAll(): Promise<void>;
  stop(): Promise<void>;
}

export function isHostMessage(message: unknown): message is HostMessage {
  return typeof message === "object" && message !== null && "type" in message &&
    (message.type === "warm" || message.type === "report" || message.type === "metrics" ||
      message.type === "request" || message.type === "published" || message.type === "ends" ||
      message.type === "notice");
}

/** What a thread for shards is told, besides the calls of `HostCalls`. */
export type HostOrder = RehearsalCall | RestCall | HostAssignment;

export function isHostOrder(message: unknown): message is HostOrder {
  return typeof message === "object" && message !== null && "type" in message &&
    (message.type === "rehearse" || message.type === "rest" || message.type === "assign");
}
