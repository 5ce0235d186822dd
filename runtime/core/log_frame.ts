/** What a log delivers: frames of a shard's mailbox, and records of the foreign topics that are folded directly. */

/** A frame as a log delivers it. */
export interface LogFrame {
  /** `MAILBOX`. */
  readonly topic: string;
  readonly shard: number;
  readonly offset: number;
  /** Log time, epoch milliseconds: never goes back within a shard's mailbox. */
  readonly stampMs: number;
  readonly text: string;
}

/** Successive records of the partition of a foreign topic that has the shard's number: thousands travel as few values. */
export interface RecordFrame {
  readonly topic: string;
  readonly shard: number;
  /** Offset after the last, control records included. */
  readonly next: number;
  /** Records before them that were removed before they were read; null when none was. */
  readonly removed: { readonly first: number; readonly last: number } | null;
  /** Ascending; what compaction and transactions leave out is no gap. */
  readonly offsets: Float64Array<ArrayBuffer>;
  /** Bytes of each record's key and of its value, two numbers a record; -1 where there is none. */
  readonly lengths: Int32Array<ArrayBuffer>;
  /** Keys and values, one after another. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

export type Delivery = LogFrame | RecordFrame;

export function isRecords(delivery: Delivery): delivery is RecordFrame {
  return "lengths" in delivery;
}

/** What a delivery takes of a shard's window: units of text, or bytes. */
export function sizeOf(delivery: Delivery): number {
  return isRecords(delivery) ? delivery.bytes.length : delivery.text.length;
}
