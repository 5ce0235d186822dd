/**
 * Who reads one partition of the mailbox, what was fetched for them, and where the consumer should fetch next. Pure: the
 * consumer asks it and obeys.
 *
 * 1. A reader gets each frame once, in order, while it has credit: at most the granted bytes plus one frame.
 * 2. What was fetched and not yet delivered is kept, one batch at most (or what was on its way when the partition was
 *    paused); nothing is fetched while it serves a reader with credit.
 * 3. A gap is fetched again once; then the readers that miss frames end as "out_of_range".
 */

import { MAILBOX } from "../../core/checkpoint.ts";
import type { LogFrame } from "../../core/log_frame.ts";
import { LogError, type SubscriptionEnded } from "../port.ts";
import type { Feed, Fetched } from "./feed.ts";
import { fetchPartitionBytes } from "./limits.ts";

export interface Reader {
  readonly deliver: (frames: readonly LogFrame[]) => void;
  readonly failed: SubscriptionEnded;
  next: number;
  creditBytes: number;
}

export class PartitionReader implements Feed {
  readonly #shard: number;
  readonly #readers = new Set<Reader>();
  /** Frames fetched last, in order. */
  #kept: readonly LogFrame[] = [];
  /** What the log no longer holds ends before this offset. */
  #begin = 0;
  /** The offset that was missing from the last batch; null when nothing was. */
  #missing: number | null = null;

  constructor(shard: number) {
    this.#shard = shard;
  }

  add(reader: Reader): void {
    this.#readers.add(reader);
  }

  remove(reader: Reader): void {
    this.#readers.delete(reader);
    if (this.#readers.size === 0) this.#kept = [];
  }

  grant(reader: Reader, bytes: number): void {
    if (!this.#readers.has(reader)) return;
    reader.creditBytes += bytes;
    this.#serve();
  }

  wanted(): number | null {
    let lowest: number | null = null;
    for (const { next, creditBytes } of this.#readers) {
      if (creditBytes > 0 && (lowest === null || next < lowest)) lowest = next;
    }
    return lowest;
  }

  fetched({ messages }: Fetched): void {
    const wanted = this.wanted();
    if (wanted !== null) this.#add(this.#framesOf(messages, wanted));
  }

  #framesOf(messages: Fetched["messages"], wanted: number): LogFrame[] {
    const frames: LogFrame[] = [];
    for (const { offset, timestamp, value } of messages) {
      const number = Number(offset);
      if (number < wanted) continue;
      frames.push({
        topic: MAILBOX,
        shard: this.#shard,
        offset: number,
        stampMs: Number(timestamp),
        text: value === null ? "" : value.toString("utf8"),
      });
    }
    return frames;
  }

  #add(frames: readonly LogFrame[]): void {
    const first = frames[0]?.offset;
    if (first === undefined) return;
    const wanted = this.wanted();
    if (wanted !== null && first > wanted) {
      if (this.#missing !== wanted) return void (this.#missing = wanted);
      this.begins(first);
    }
    this.#missing = null;
    this.#kept = this.#isFollowed(first) ? [...this.#kept, ...frames] : frames;
    this.#serve();
  }

  /** Ends the readers that need what is gone. */
  begins(begin: number): void {
    this.#begin = Math.max(this.#begin, begin);
    for (const reader of [...this.#readers]) {
      if (reader.next >= this.#begin || this.#has(reader.next)) continue;
      this.end(
        reader,
        new LogError(
          "out_of_range",
          `Records ${reader.next}..${
            this.#begin - 1
          } of shard ${this.#shard} are missing: they were deleted.`,
        ),
      );
    }
  }

  /** Ends the readers that were further. */
  ends(end: number): boolean {
    for (const reader of [...this.#readers]) {
      if (reader.next <= end) continue;
      const sentence =
        `Shard ${this.#shard} was read up to offset ${reader.next}, and its log ends at ${end}: ` +
        "records that were there are gone.";
      this.end(reader, new LogError("out_of_range", sentence));
    }
    return false;
  }

  end(reader: Reader, error: LogError): void {
    if (!this.#readers.has(reader)) return;
    this.remove(reader);
    reader.failed(error);
  }

  clear(): void {
    this.#readers.clear();
    this.#kept = [];
  }

  /**
   * Whether what begins at `first` is kept beside what is kept already: it was on its way when the partition was
   * paused. Of more than a fetch, the reader that has no credit yet fetches again.
   */
  #isFollowed(first: number): boolean {
    const last = this.#kept.at(-1);
    if (last === undefined || last.offset + 1 !== first) return false;
    return this.#kept.reduce((sum, { text }) => sum + text.length, 0) < fetchPartitionBytes;
  }

  #has(offset: number): boolean {
    const [first, last] = [this.#kept[0], this.#kept.at(-1)];
    return first !== undefined && last !== undefined && offset >= first.offset && offset <= last.offset;
  }

  #serve(): void {
    for (const reader of [...this.#readers]) this.#serveOne(reader);
    for (const { next } of this.#readers) if (this.#has(next)) return;
    this.#kept = [];
  }

  #serveOne(reader: Reader): void {
    if (reader.creditBytes <= 0 || !this.#has(reader.next)) return;
    const from = reader.next - this.#kept[0]!.offset;
    let place = from;
    for (; place < this.#kept.length && reader.creditBytes > 0; place++) {
      reader.creditBytes -= this.#kept[place]!.text.length;
    }
    reader.next += place - from;
    reader.deliver(from === 0 && place === this.#kept.length ? this.#kept : this.#kept.slice(from, place));
  }
}
