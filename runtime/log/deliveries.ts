/**
 * Subscriptions of all clients of one log core.
 *
 * 1. A subscription gets each frame once, in order, and only while it has credit: at most the granted bytes plus
 *    one frame.
 * 2. One turn of the event loop delivers at most about `turnBytes` to subscribers that are behind, in rotation, so
 *    that appends are not kept waiting.
 * 3. A frame that cannot be read (damaged, or trimmed before it was delivered) ends the subscription, with the error.
 */

import type { LogFrame } from "../core/log_frame.ts";
import type { LogLimits } from "./limits.ts";
import { checkOffset, type LogCore } from "./log_core.ts";
import { errorMessage } from "../core/errors.ts";
import { LogError, type Subscription, type SubscriptionEnded } from "./port.ts";

interface Reader {
  readonly shard: number;
  readonly deliver: (frames: readonly LogFrame[]) => void;
  readonly failed: SubscriptionEnded;
  next: number;
  creditBytes: number;
  isClosed: boolean;
}

/** Nobody listens for this subscription's end: it must not pass unseen. */
export const throwToThread: SubscriptionEnded = (error) => {
  queueMicrotask(() => {
    throw error;
  });
};

export class Deliveries {
  readonly #core: LogCore;
  readonly #limits: LogLimits;
  readonly #readers: Set<Reader>[];
  /** Readers with credit that are behind; a `Set` keeps the rotation's order. */
  readonly #behind = new Set<Reader>();
  #turn: NodeJS.Immediate | null = null;

  constructor(core: LogCore, limits: LogLimits) {
    this.#core = core;
    this.#limits = limits;
    this.#readers = Array.from({ length: core.shards }, () => new Set<Reader>());
  }

  open(
    shard: number,
    from: number,
    deliver: (frames: readonly LogFrame[]) => void,
    failed: SubscriptionEnded = throwToThread,
  ): Subscription {
    const reader: Reader = { shard, deliver, failed, next: from, creditBytes: 0, isClosed: false };
    this.#readers[shard]?.add(reader);
    return {
      grant: (bytes) => {
        reader.creditBytes += bytes;
        this.#awaitTurn(reader);
      },
      close: () => this.#end(reader),
    };
  }

  /** Gives the subscribers of these shards what they have credit for, one batch each now, the rest in later turns. */
  deliverNow(shards: ReadonlySet<number>): void {
    for (const shard of shards) {
      for (const reader of this.#readers[shard] ?? []) {
        // Who is behind already waits for a turn; reading for it here would make the appends wait.
        if (this.#behind.has(reader)) continue;
        this.#deliverBatch(reader);
        this.#awaitTurn(reader);
      }
    }
  }

  close(): void {
    for (const readers of this.#readers) for (const reader of readers) this.#end(reader);
    if (this.#turn !== null) clearImmediate(this.#turn);
    this.#turn = null;
  }

  #end(reader: Reader): void {
    reader.isClosed = true;
    this.#readers[reader.shard]?.delete(reader);
    this.#behind.delete(reader);
  }

  #isDue(reader: Reader): boolean {
    return !reader.isClosed && reader.creditBytes > 0 && reader.next < this.#core.extent(reader.shard).end;
  }

  #awaitTurn(reader: Reader): void {
    if (!this.#isDue(reader)) return;
    this.#behind.add(reader);
    this.#turn ??= setImmediate(() => this.#takeTurn());
  }

  #takeTurn(): void {
    this.#turn = null;
    let bytes = 0;
    for (const reader of [...this.#behind]) {
      if (bytes >= this.#limits.turnBytes) break;
      this.#behind.delete(reader);
      bytes += this.#deliverBatch(reader);
      this.#awaitTurn(reader);
    }
    if (this.#behind.size > 0) this.#turn ??= setImmediate(() => this.#takeTurn());
  }

  /** Returns the bytes delivered. */
  #deliverBatch(reader: Reader): number {
    if (!this.#isDue(reader)) return 0;
    try {
      checkOffset(this.#core, reader.shard, reader.next);
      const maxBytes = Math.min(reader.creditBytes, this.#limits.deliveryBytes);
      const frames = this.#core.read(reader.shard, reader.next, maxBytes);
      const bytes = frames.reduce((sum, frame) => sum + frame.text.length, 0);
      reader.next += frames.length;
      reader.creditBytes -= bytes;
      reader.deliver(frames);
      return bytes;
    } catch (thrown) {
      this.#end(reader);
      reader.failed(readError(reader, thrown));
      return 0;
    }
  }
}

/** What kept frames from a reader, as the log's own error. */
function readError({ shard, next }: Reader, thrown: unknown): LogError {
  if (thrown instanceof LogError) return thrown;
  const sentence = `Cannot read shard ${shard} from offset ${next}: ${errorMessage(thrown)}.`;
  return new LogError("unavailable", sentence, { cause: thrown });
}
