/**
 * Who reads one partition of a foreign topic, and where the consumer should fetch next. Pure: the consumer asks it and
 * obeys.
 *
 * 1. A reader with credit gets what a fetch brought, whole; one without gets nothing, and nothing is fetched for it.
 * 2. Records that were removed before they were read are told of in the next frame. A reader that begins at 0 misses
 *    none: it begins with the earliest record.
 * 3. A partition that ends before what was read of it was made anew, or lost records. `report` hears it once; the
 *    readers wait until it is past them.
 */

import type { RecordFrame } from "../../core/log_frame.ts";
import { partitionName } from "../../core/sequence.ts";
import { cutRecords, type TopicRecord } from "../pack_records.ts";
import type { Subscription } from "../port.ts";
import type { Feed, Fetched } from "./feed.ts";
import { recordFrameBytes } from "./limits.ts";

interface RecordReading {
  readonly deliver: (frames: readonly RecordFrame[]) => void;
  next: number;
  creditBytes: number;
  /** Not told of yet. */
  removed: { readonly first: number; readonly last: number } | null;
}

export class RecordReader implements Feed {
  readonly #topic: string;
  readonly #shard: number;
  readonly #report: (sentence: string) => void;
  readonly #readers = new Set<RecordReading>();
  /** What is to be read lies behind the partition's end. */
  #isBeyond = false;

  constructor(topic: string, shard: number, report: (sentence: string) => void) {
    this.#topic = topic;
    this.#shard = shard;
    this.#report = report;
  }

  /** `changed`: the consumer should ask again where to fetch. */
  open(from: number, deliver: RecordReading["deliver"], changed: () => void): Subscription {
    const reader: RecordReading = { deliver, next: from, creditBytes: 0, removed: null };
    this.#readers.add(reader);
    return {
      grant: (bytes) => {
        reader.creditBytes += bytes;
        changed();
      },
      close: () => {
        this.#readers.delete(reader);
        changed();
      },
    };
  }

  wanted(): number | null {
    if (this.#isBeyond) return null;
    let lowest: number | null = null;
    for (const { next, creditBytes } of this.#readers) {
      if (creditBytes > 0 && (lowest === null || next < lowest)) lowest = next;
    }
    return lowest;
  }

  fetched(fetched: Fetched): void {
    for (const reader of [...this.#readers]) {
      // One that wants what lies before it is fetched for next.
      if (reader.creditBytes > 0 && fetched.from <= reader.next && fetched.next > reader.next) {
        this.#deliver(reader, fetched);
      }
    }
  }

  #deliver(reader: RecordReading, { next, messages }: Fetched): void {
    const records: TopicRecord[] = [];
    let bytes = 0;
    for (const { offset, key, value } of messages) {
      const number = Number(offset);
      if (number < reader.next) continue;
      records.push({ offset: number, key, value });
      bytes += (key?.length ?? 0) + (value?.length ?? 0);
    }
    const around = { topic: this.#topic, shard: this.#shard, next, removed: reader.removed };
    reader.next = next;
    reader.removed = null;
    reader.creditBytes -= bytes;
    reader.deliver(cutRecords(around, records, recordFrameBytes));
  }

  begins(begin: number): void {
    for (const reader of this.#readers) {
      if (reader.next >= begin) continue;
      if (reader.next > 0) reader.removed = { first: reader.removed?.first ?? reader.next, last: begin - 1 };
      reader.next = begin;
    }
  }

  ends(end: number): boolean {
    const was = this.#isBeyond;
    const beyond = [...this.#readers].find(({ next }) => next > end);
    this.#isBeyond = beyond !== undefined;
    if (beyond === undefined || was) return this.#isBeyond;
    this.#report(
      `${
        partitionName(this.#topic, this.#shard)
      } was read up to offset ${beyond.next} and ends at ${end}: the topic ` +
        "was made anew, or lost records. What it gets below that offset counts as read already; use a topic of " +
        "another name instead.",
    );
    return true;
  }

  clear(): void {
    this.#readers.clear();
  }
}
