/**
 * Port `MailboxLog`: the ordered, durable messages of every shard.
 *
 * 1. `append` resolves only when the frame is durable; what resolved is delivered, in order of its offset.
 * 2. Offsets of a shard are dense and ascending, from 0. Frames of one `append` call for one shard keep their
 *    order; calls made one after another by one client keep theirs.
 * 3. The log stamps frames with its own clock; stamps of a shard never go back.
 * 4. A subscription delivers each frame from `from` on exactly once, in order, never more than the granted bytes
 *    plus one frame.
 *    One that ends by itself (a frame cannot be read, or was trimmed before it was delivered; the log is lost) says
 *    so once, with a `LogError`, and delivers nothing more.
 * 5. `trim` never removes a frame at or above `below`, and never makes an append wait.
 * 6. `holds` is asked before a claim, and answered by the cluster as it is then, never from memory: so a node that was
 *    cut off, and does not know yet that its shards are others', claims none of them.
 * 7. An append that fails with code "full" or "unavailable" wrote nothing that will be delivered, or (adapters that
 *    cannot know: code "unknown") may be repeated by the caller under the same origin number, which receivers drop.
 */

import type { LogFrame, RecordFrame } from "../core/log_frame.ts";

export interface NewFrame {
  readonly shard: number;
  readonly text: string;
}

export interface AppendReceipt {
  readonly offset: number;
  readonly stampMs: number;
}

export interface LogExtent {
  /** The lowest offset still held. Equal to `end` when the shard's log is empty. */
  readonly begin: number;
  /** The offset that the next frame will get. */
  readonly end: number;
}

export interface Subscription {
  /** Allows `bytes` (UTF-16 units of frame text) more to be delivered. A new subscription has none. */
  grant(bytes: number): void;
  /** Nothing is delivered after this returns. */
  close(): void;
}

/** Hears why a subscription ended by itself. */
export type SubscriptionEnded = (error: LogError) => void;

export interface MailboxLog {
  /** Appends all frames in one durable group. Receipts in the order of `frames`. Throws a `LogError`. */
  append(frames: readonly NewFrame[]): Promise<readonly AppendReceipt[]>;
  /**
   * Delivers the shard's frames from offset `from` on. Throws a `LogError` "out_of_range" when `from` is below the
   * log's begin or above its end. One subscription per shard and client: a second one replaces the first. `failed`
   * hears why it ended by itself, and not of a `close`; without it that error ends the thread.
   */
  subscribe(
    shard: number,
    from: number,
    deliver: (frames: readonly LogFrame[]) => void,
    failed?: SubscriptionEnded,
  ): Promise<Subscription>;
  extent(shard: number): Promise<LogExtent>;
  /** Frames below `below` are no longer needed; they go some time later. */
  trim(shard: number, below: number): Promise<void>;
  /**
   * Whether the nodes agree, now, that the shard is for this one to claim: false while they agree anew, or when it is
   * another's. Always true where there is no other node. Throws a `LogError` "unavailable".
   */
  holds(shard: number): Promise<boolean>;
  close(): Promise<void>;
}

/**
 * Port `TopicLog`: foreign topics that are keyed by id, partition n of each for shard n. They are only read.
 *
 * 1. A subscription delivers each record from `from` on exactly once, in order; never more than the granted bytes plus
 *    one fetch.
 * 2. `from` 0 begins with the earliest record. From any other offset on, records that were removed before they were read
 *    are told of by `removed` of the next frame, and are no end: the following ones are delivered. Control records and
 *    compaction remove nothing.
 */
export interface TopicLog {
  /** As `MailboxLog.subscribe`; one subscription per topic, shard and client. */
  read(
    topic: string,
    shard: number,
    from: number,
    deliver: (frames: readonly RecordFrame[]) => void,
    failed?: SubscriptionEnded,
  ): Promise<Subscription>;
  /** Where each partition of the topic begins and ends now. Throws a `LogError` "unavailable". */
  extents(topic: string): Promise<readonly LogExtent[]>;
}

export type LogErrorCode =
  /** No space: try again when there is some. */
  | "full"
  /** The log cannot be reached or written now. */
  | "unavailable"
  /** The outcome is not known. */
  | "unknown"
  | "out_of_range"
  /** The file is damaged or not ours; it was left untouched. */
  | "corrupt"
  /** Settings, credentials or what is there do not fit: trying again does not help. Nothing was changed. */
  | "refused"
  | "closed";

export class LogError extends Error {
  override readonly name = "LogError";
  constructor(readonly code: LogErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
  }
}
