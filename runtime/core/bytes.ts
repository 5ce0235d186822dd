/**
 * Little-endian binary rows: what snapshots and history are made of.
 *
 * 1. decode(encode(x)) = x for every value written by the method of the same name.
 * 2. A reader never reads past its row: it throws a `FormatError` instead.
 */

import { FormatError } from "./errors.ts";

const textEncoder = new TextEncoder();
const textDecoder = new TextDecoder("utf-8", { fatal: true });

/** A growing buffer. Rows are written one after another; `mark()` says where the next one begins. */
export class ByteWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView<ArrayBuffer>;
  #length = 0;

  constructor(initialBytes = 1024) {
    this.#bytes = new Uint8Array(initialBytes);
    this.#view = new DataView(this.#bytes.buffer);
  }

  #replace(buffer: ArrayBuffer): void {
    this.#bytes = new Uint8Array(buffer);
    this.#view = new DataView(buffer);
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  /** Answers where the next bytes go. May replace `#bytes` and `#view`: call it before touching them. */
  #reserve(extraBytes: number): number {
    const at = this.#length;
    const needed = at + extraBytes;
    if (needed > this.#bytes.length) {
      this.#replace(this.#bytes.buffer.transfer(Math.max(needed, this.#bytes.length * 2)));
    }
    this.#length = needed;
    return at;
  }

  u8(value: number): void {
    const at = this.#reserve(1);
    this.#view.setUint8(at, value);
  }

  u16(value: number): void {
    const at = this.#reserve(2);
    this.#view.setUint16(at, value, true);
  }

  u32(value: number): void {
    const at = this.#reserve(4);
    this.#view.setUint32(at, value, true);
  }

  f64(value: number): void {
    const at = this.#reserve(8);
    this.#view.setFloat64(at, value, true);
  }

  /** `count` doubles of `values` from place `from` on. */
  f64s(values: Float64Array, from: number, count: number): void {
    const at = this.#reserve(8 * count);
    for (let i = 0; i < count; i++) this.#view.setFloat64(at + 8 * i, values[from + i]!, true);
  }

  /** A text of ASCII, a byte a character, without its length. */
  ascii(text: string): void {
    const at = this.#reserve(text.length);
    for (let i = 0; i < text.length; i++) this.#bytes[at + i] = text.charCodeAt(i);
  }

  raw(bytes: Uint8Array): void {
    const at = this.#reserve(bytes.length);
    this.#bytes.set(bytes, at);
  }

  /** UTF-8 with a u32 length before it. */
  text(value: string): void {
    // A UTF-16 unit needs at most three bytes of UTF-8.
    const lengthAt = this.#reserve(4 + value.length * 3);
    const { written } = textEncoder.encodeInto(value, this.#bytes.subarray(lengthAt + 4));
    this.#view.setUint32(lengthAt, written, true);
    this.#length = lengthAt + 4 + written;
  }

  /** Overwrites a u16 written earlier at `at`. */
  patchU16(at: number, value: number): void {
    this.#view.setUint16(at, value, true);
  }

  /** Overwrites a u32 written earlier at `at`, for counts known only afterwards. */
  patchU32(at: number, value: number): void {
    this.#view.setUint32(at, value, true);
  }

  /** A copy of all that was written. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }

  /** Hands over what was written; the writer is empty and without memory afterwards. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = new Uint8Array(this.#bytes.buffer.transfer(this.#length));
    this.#replace(new ArrayBuffer(0));
    this.#length = 0;
    return taken;
  }

  /** What was written, not copied: good until the next change. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Forgets what was written from `length` on, keeps the memory. */
  truncate(length: number): void {
    this.#length = length;
  }

  /** Forgets what was written, keeps the memory. */
  reset(): void {
    this.#length = 0;
  }
}

/** Reads a row from its beginning; see invariant 2. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Bytes not read yet. */
  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  #take(count: number): number {
    const at = this.#at;
    if (count > this.#bytes.length - at) {
      throw new FormatError(
        `Cannot read ${count} bytes at ${at} of a row of ${this.#bytes.length} bytes: the row is cut short`,
      );
    }
    this.#at = at + count;
    return at;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }

  f64(): number {
    return this.#view.getFloat64(this.#take(8), true);
  }

  raw(count: number): Uint8Array {
    const at = this.#take(count);
    return this.#bytes.subarray(at, at + count);
  }

  text(): string {
    const bytes = this.raw(this.u32());
    try {
      return textDecoder.decode(bytes);
    } catch {
      throw new FormatError(`Cannot read a text of ${bytes.length} bytes: it is not UTF-8`);
    }
  }
}

/** Rows of bytes laid end to end: one buffer to move between threads instead of thousands. */
export interface PackedRows {
  readonly bytes: Uint8Array;
  /** Row i is `bytes[ends[i-1] .. ends[i]]`, with `ends[-1]` = 0. */
  readonly ends: readonly number[];
}

export const noRows: PackedRows = { bytes: new Uint8Array(0), ends: [] };

/** Row `index` of `rows`, without copying. */
export function packedRow(rows: PackedRows, index: number): Uint8Array {
  const end = rows.ends[index];
  if (end === undefined) throw new FormatError(`No row ${index} among ${rows.ends.length} packed rows`);
  return rows.bytes.subarray(index === 0 ? 0 : rows.ends[index - 1], end);
}

/**
 * Gives the memory of rows that nobody will read again back at once. The collector would do it, but does not hurry
 * for what lies outside its heap: a thread that fell idle after a wave of checkpoints kept 300 MiB of them.
 */
export function freeRows({ bytes }: PackedRows): void {
  if (bytes.length > 0 && bytes.buffer instanceof ArrayBuffer) bytes.buffer.transfer(0);
}

/** A copy of all, end to end. */
export function joinBytes(parts: readonly Uint8Array[]): Uint8Array {
  return packRows(parts).bytes;
}

/** Packs separate rows; the inverse of reading each with `packedRow`. */
export function packRows(rows: readonly Uint8Array[]): PackedRows {
  const ends: number[] = [];
  let total = 0;
  for (const row of rows) ends.push(total += row.length);
  const bytes = new Uint8Array(total);
  rows.forEach((row, index) => bytes.set(row, index === 0 ? 0 : ends[index - 1]!));
  return { bytes, ends };
}
