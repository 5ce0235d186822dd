/**
 * Record batches as brokers send them, read without a value for every field: `kafkajs` makes half a dozen big integers
 * and as many buffers of each record, which takes longer than all else that becomes of a reading.
 *
 * 1. A message has what `kafkajs` gives it, except for headers, which nobody here reads.
 * 2. Batches that are compressed, or of a format from before Kafka 0.11, are left to `kafkajs`.
 * 3. One that is compressed and cannot be read is one message at its last offset, whose value says so: what holds no
 *    reading is refused, and the batches around it are read.
 *
 * Format: https://kafka.apache.org/documentation/#messageformat
 */

import { Buffer } from "node:buffer";

/** Bytes of a batch before its first record; of them the first two fields are not counted by its length. */
const headerBytes = 61;
const uncountedBytes = 12;
const magicAt = 16;
const attributesAt = 21;
const magicOfBatches = 2;

const codecMask = 0x07;
const logTimeMask = 0x08;
const transactionMask = 0x10;
const controlMask = 0x20;

/** What the messages of a batch share. */
interface BatchContext {
  readonly producerId: string;
  readonly inTransaction: boolean;
}

class RecordBatch {
  readonly bytes: Buffer;
  readonly firstOffset: number;
  readonly firstStampMs: number;
  /** Of every message, where the broker stamps them. */
  readonly logStampMs: number | null;
  readonly isControl: boolean;
  readonly context: BatchContext;

  constructor(bytes: Buffer, at: number) {
    const attributes = bytes.readInt16BE(at + attributesAt);
    this.bytes = bytes;
    this.firstOffset = int64(bytes, at);
    this.firstStampMs = int64(bytes, at + 27);
    this.logStampMs = (attributes & logTimeMask) > 0 ? int64(bytes, at + 35) : null;
    this.isControl = (attributes & controlMask) > 0;
    this.context = {
      producerId: String(int64(bytes, at + 43)),
      inTransaction: (attributes & transactionMask) > 0,
    };
  }
}

/** Of a negative length: there is none. */
function part(bytes: Buffer, start: number, length: number): Buffer | null {
  return length < 0 ? null : bytes.subarray(start, start + length);
}

/** A message in the shape of `kafkajs`, whose fields are made when they are asked for. */
class FetchedMessage {
  readonly #batch: RecordBatch;
  readonly #offset: number;
  readonly #stampDeltaMs: number;
  readonly #keyAt: number;
  readonly #keyLength: number;
  readonly #valueAt: number;
  readonly #valueLength: number;

  constructor(
    batch: RecordBatch,
    offset: number,
    stampDeltaMs: number,
    keyAt: number,
    keyLength: number,
    valueAt: number,
    valueLength: number,
  ) {
    this.#batch = batch;
    this.#offset = offset;
    this.#stampDeltaMs = stampDeltaMs;
    this.#keyAt = keyAt;
    this.#keyLength = keyLength;
    this.#valueAt = valueAt;
    this.#valueLength = valueLength;
  }

  get offset(): string {
    return String(this.#offset);
  }

  get timestamp(): string {
    const { logStampMs, firstStampMs } = this.#batch;
    return String(logStampMs ?? firstStampMs + this.#stampDeltaMs);
  }

  get key(): Buffer | null {
    return part(this.#batch.bytes, this.#keyAt, this.#keyLength);
  }

  get value(): Buffer | null {
    return part(this.#batch.bytes, this.#valueAt, this.#valueLength);
  }

  get headers(): Record<string, never> {
    return {};
  }

  get attributes(): number {
    return 0;
  }

  get isControlRecord(): boolean {
    return this.#batch.isControl;
  }

  get batchContext(): BatchContext {
    return this.#batch.context;
  }
}

/** Exact below 2^53, as every offset and time is. */
function int64(bytes: Buffer, at: number): number {
  return bytes.readInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4);
}

class BatchCursor {
  readonly #bytes: Buffer;
  at: number;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.at = at;
  }

  /** A number in zigzag and in groups of seven bits, the lowest first. */
  varint(): number {
    let byte = this.#bytes[this.at++]!;
    let value = byte & 0x7f;
    for (let unit = 0x80; byte >= 0x80; unit *= 0x80) {
      byte = this.#bytes[this.at++]!;
      value += (byte & 0x7f) * unit;
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  /** One record, and goes on to the next. */
  message(batch: RecordBatch): FetchedMessage {
    const length = this.varint();
    const end = this.at + length;
    // Its attributes mean nothing.
    this.at += 1;
    const stampDeltaMs = this.varint();
    const offset = batch.firstOffset + this.varint();
    const keyLength = this.varint();
    const keyAt = this.at;
    this.at += Math.max(0, keyLength);
    const valueLength = this.varint();
    const valueAt = this.at;
    this.at = end;
    return new FetchedMessage(batch, offset, stampDeltaMs, keyAt, keyLength, valueAt, valueLength);
  }
}

/** The batches that are whole in `bytes`, all of them of the format that Kafka 0.11 brought; null when one is not. */
export function wholeBatches(bytes: Buffer): Buffer[] | null {
  const batches: Buffer[] = [];
  for (let at = 0; at + headerBytes <= bytes.length;) {
    const end = at + uncountedBytes + bytes.readInt32BE(at + 8);
    if (bytes[at + magicAt] !== magicOfBatches) return null;
    if (end > bytes.length) break;
    batches.push(bytes.subarray(at, end));
    at = end;
  }
  return batches;
}

/** The messages of one that is not compressed. */
export function readBatch(bytes: Buffer): FetchedMessage[] {
  const batch = new RecordBatch(bytes, 0);
  const reader = new BatchCursor(bytes, headerBytes);
  return Array.from({ length: bytes.readInt32BE(57) }, () => reader.message(batch));
}

export function isCompressed(batch: Buffer): boolean {
  return (batch[attributesAt + 1]! & codecMask) !== 0;
}

/** What stands for a batch that cannot be read; see guarantee 3. */
export function unreadable(bytes: Buffer, reason: string) {
  const batch = new RecordBatch(bytes, 0);
  const last = batch.firstOffset + bytes.readInt32BE(23);
  const text =
    `The records ${batch.firstOffset}..${last} are compressed together and cannot be read: ${reason}`;
  return {
    offset: String(last),
    timestamp: String(batch.logStampMs ?? batch.firstStampMs),
    key: null,
    value: Buffer.from(text),
    headers: {},
    attributes: 0,
    isControlRecord: false,
    batchContext: batch.context,
  };
}
