/**
 * `MailboxLog` over a synchronous core in this thread, for any number of clients.
 *
 * 1. Appends of all clients that wait when a turn of the event loop ends are committed as one group (up to
 *    `groupBytes`), in the order they came; one failure fails the whole group.
 * 2. A group's frames are handed to subscribers at the head before its appends resolve.
 * 3. `close` commits what waits, then closes the core; the log answers "closed" from then on.
 */

import type { LogFrame } from "../core/log_frame.ts";
import { Deliveries } from "./deliveries.ts";
import { Fifo } from "../core/fifo.ts";
import type { LogLimits } from "./limits.ts";
import { LogClient, type SharedLog } from "./log_client.ts";
import { checkOffset, checkShard, type LogCore } from "./log_core.ts";
import {
  type AppendReceipt,
  LogError,
  type LogExtent,
  type MailboxLog,
  type NewFrame,
  type Subscription,
  type SubscriptionEnded,
} from "./port.ts";

interface WaitingAppend {
  readonly frames: readonly NewFrame[];
  readonly bytes: number;
  resolve(receipts: readonly AppendReceipt[]): void;
  reject(error: unknown): void;
}

export class LocalLog implements MailboxLog, SharedLog {
  readonly #core: LogCore;
  readonly #clock: () => number;
  readonly #limits: LogLimits;
  readonly #deliveries: Deliveries;
  readonly #waiting = new Fifo<WaitingAppend>();
  readonly #own: LogClient;
  #waitingBytes = 0;
  #flushing: NodeJS.Immediate | null = null;
  #closing: Promise<void> | null = null;

  constructor(core: LogCore, clock: () => number, limits: LogLimits) {
    this.#core = core;
    this.#clock = clock;
    this.#limits = limits;
    this.#deliveries = new Deliveries(core, limits);
    this.#own = this.client();
  }

  /** Another client, with subscriptions of its own. */
  client(): LogClient {
    return new LogClient(this);
  }

  async append(frames: readonly NewFrame[]): Promise<readonly AppendReceipt[]> {
    this.#checkOpen();
    let bytes = 0;
    for (const { shard, text } of frames) {
      checkShard(this.#core, shard);
      bytes += text.length;
    }
    if (frames.length === 0) return [];
    if (this.#waitingBytes > 0 && this.#waitingBytes + bytes > this.#limits.queuedBytes) {
      throw new LogError(
        "unavailable",
        `Cannot append ${bytes} bytes: ${this.#waitingBytes} bytes already wait for the disk, and ` +
          `${this.#limits.queuedBytes} may; append more slowly.`,
      );
    }
    this.#waitingBytes += bytes;
    this.#flushing ??= setImmediate(() => this.#flush());
    return await new Promise((resolve, reject) => this.#waiting.push({ frames, bytes, resolve, reject }));
  }

  subscribe(
    shard: number,
    from: number,
    deliver: (frames: readonly LogFrame[]) => void,
    failed?: SubscriptionEnded,
  ): Promise<Subscription> {
    return this.#own.subscribe(shard, from, deliver, failed);
  }

  // The port's calls are asynchronous: what is thrown here must arrive as a rejection.
  extent(shard: number): Promise<LogExtent> {
    return Promise.try(() => {
      this.#checkOpen();
      checkShard(this.#core, shard);
      return this.#core.extent(shard);
    });
  }

  /** Its files are one node's alone. */
  holds(shard: number): Promise<boolean> {
    return Promise.try(() => {
      this.#checkOpen();
      checkShard(this.#core, shard);
      return true;
    });
  }

  trim(shard: number, below: number): Promise<void> {
    return Promise.try(() => {
      this.#checkOpen();
      checkShard(this.#core, shard);
      this.#core.trim(shard, below);
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  open(
    shard: number,
    from: number,
    deliver: (frames: readonly LogFrame[]) => void,
    failed?: SubscriptionEnded,
  ): Promise<Subscription> {
    return Promise.try(() => {
      this.#checkOpen();
      checkShard(this.#core, shard);
      checkOffset(this.#core, shard, from);
      return this.#deliveries.open(shard, from, deliver, failed);
    });
  }

  #checkOpen(): void {
    if (this.#closing !== null) throw new LogError("closed", "The log is closed.");
  }

  async #close(): Promise<void> {
    if (this.#flushing !== null) clearImmediate(this.#flushing);
    while (this.#waiting.length > 0) this.#commitGroup();
    this.#deliveries.close();
    await this.#core.close();
  }

  #flush(): void {
    this.#flushing = null;
    this.#commitGroup();
    if (this.#waiting.length > 0) this.#flushing = setImmediate(() => this.#flush());
  }

  #commitGroup(): void {
    const group = this.#takeGroup();
    const frames = group.flatMap((append) => append.frames);
    try {
      const receipts = this.#core.appendNow(frames, this.#clock());
      this.#deliveries.deliverNow(new Set(frames.map((frame) => frame.shard)));
      let place = 0;
      for (const append of group) {
        append.resolve(receipts.slice(place, place += append.frames.length));
      }
    } catch (thrown) {
      for (const append of group) append.reject(thrown);
      // An append of unknown outcome may have added frames after all.
      this.#deliveries.deliverNow(new Set(frames.map((frame) => frame.shard)));
    }
  }

  #takeGroup(): WaitingAppend[] {
    const group: WaitingAppend[] = [];
    let bytes = 0;
    for (let next = this.#waiting.at(0); next !== undefined; next = this.#waiting.at(0)) {
      if (group.length > 0 && bytes + next.bytes > this.#limits.groupBytes) break;
      this.#waiting.shift();
      group.push(next);
      bytes += next.bytes;
    }
    this.#waitingBytes -= bytes;
    return group;
  }
}
