/** One client of a log that several share: its `close` ends its subscriptions and leaves the log open. */

import type { LogFrame } from "../core/log_frame.ts";
import {
  type AppendReceipt,
  LogError,
  type LogExtent,
  type MailboxLog,
  type NewFrame,
  type Subscription,
  type SubscriptionEnded,
} from "./port.ts";

/** What clients share. */
export interface SharedLog extends Pick<MailboxLog, "append" | "extent" | "trim" | "holds"> {
  /** A subscription beside all others of that shard. */
  open(
    shard: number,
    from: number,
    deliver: (frames: readonly LogFrame[]) => void,
    failed?: SubscriptionEnded,
  ): Promise<Subscription>;
}

export class LogClient implements MailboxLog {
  readonly #log: SharedLog;
  readonly #subscriptions = new Map<number, Subscription>();
  #isClosed = false;

  constructor(log: SharedLog) {
    this.#log = log;
  }

  append(frames: readonly NewFrame[]): Promise<readonly AppendReceipt[]> {
    return Promise.try(() => {
      this.#checkOpen();
      return this.#log.append(frames);
    });
  }

  async subscribe(
    shard: number,
    from: number,
    deliver: (frames: readonly LogFrame[]) => void,
    failed?: SubscriptionEnded,
  ): Promise<Subscription> {
    this.#checkOpen();
    const subscription = await this.#log.open(shard, from, deliver, failed);
    if (this.#isClosed) subscription.close();
    this.#checkOpen();
    this.#subscriptions.get(shard)?.close();
    this.#subscriptions.set(shard, subscription);
    return subscription;
  }

  extent(shard: number): Promise<LogExtent> {
    return Promise.try(() => {
      this.#checkOpen();
      return this.#log.extent(shard);
    });
  }

  trim(shard: number, below: number): Promise<void> {
    return Promise.try(() => {
      this.#checkOpen();
      return this.#log.trim(shard, below);
    });
  }

  holds(shard: number): Promise<boolean> {
    return Promise.try(() => {
      this.#checkOpen();
      return this.#log.holds(shard);
    });
  }

  close(): Promise<void> {
    this.#isClosed = true;
    for (const subscription of this.#subscriptions.values()) subscription.close();
    this.#subscriptions.clear();
    return Promise.resolve();
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new LogError("closed", "This client of the log is closed.");
  }
}
