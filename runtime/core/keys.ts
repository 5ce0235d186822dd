/**
 * Idempotency keys that a shard remembers: hashes of (key, part) with the log time they were first seen.
 *
 * 1. `has` is true exactly for hashes added at most `retentionMs` of log time ago: it depends on log time alone,
 *    so every replay gives the same verdict.
 * 2. Nothing is forgotten early; what is too old is freed by the bucket, later.
 *
 * Millions of keys would be heavy as a Map (about 100 B each); here an entry takes 20 B at most two thirds full.
 */

import type { KeyIncrement } from "./checkpoint.ts";
import { ByteWriter } from "./bytes.ts";
import { FormatError } from "./errors.ts";

const bucketsPerRetention = 8;
const entryBytes = 16;
const smallestSlots = 64;
const wordsPerSlot = 4;

/** At most two thirds full. */
function isTooFull(size: number, slots: number): boolean {
  return size * 3 >= slots * 2;
}

/**
 * Open addressing, linear probing. A slot is two words of hash and a double of time, which lie together, so that a look
 * costs one line of the processor's cache; it is empty where its time is 0 (log times are positive).
 */
class Bucket {
  #words = new Uint32Array(smallestSlots * wordsPerSlot);
  #times = timesOf(this.#words);
  #mask = smallestSlots - 1;
  size = 0;

  #slot(high: number, low: number): number {
    const [words, times, mask] = [this.#words, this.#times, this.#mask];
    let slot = (low ^ Math.imul(high, 0x9e3779b1)) & mask;
    while (times[2 * slot + 1] !== 0) {
      if (words[wordsPerSlot * slot] === high && words[wordsPerSlot * slot + 1] === low) break;
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  /** Log time at which the hash was added, or 0. */
  find(high: number, low: number): number {
    return this.#times[2 * this.#slot(high, low) + 1]!;
  }

  add(high: number, low: number, atMs: number): void {
    if (isTooFull(this.size, this.#mask + 1)) this.#resize(2 * (this.#mask + 1));
    this.#put(high, low, atMs);
  }

  #put(high: number, low: number, atMs: number): void {
    const slot = this.#slot(high, low);
    if (this.#times[2 * slot + 1] === 0) this.size++;
    this.#words[wordsPerSlot * slot] = high;
    this.#words[wordsPerSlot * slot + 1] = low;
    this.#times[2 * slot + 1] = atMs;
  }

  /** Makes room for so many more at once. */
  reserve(count: number): void {
    let slots = this.#mask + 1;
    while (isTooFull(this.size + count, slots)) slots *= 2;
    if (slots > this.#mask + 1) this.#resize(slots);
  }

  #resize(slots: number): void {
    const [words, times, count] = [this.#words, this.#times, this.#mask + 1];
    this.#words = new Uint32Array(slots * wordsPerSlot);
    this.#times = timesOf(this.#words);
    this.#mask = slots - 1;
    this.size = 0;
    for (let slot = 0; slot < count; slot++) {
      const atMs = times[2 * slot + 1]!;
      if (atMs !== 0) this.#put(words[wordsPerSlot * slot]!, words[wordsPerSlot * slot + 1]!, atMs);
    }
  }
}

/** The same memory as doubles: of each slot the second is its time. */
function timesOf(words: Uint32Array): Float64Array {
  return new Float64Array(words.buffer);
}

export class KeyMemory {
  readonly #retentionMs: number;
  readonly #bucketMs: number;
  readonly #buckets = new Map<number, Bucket>();
  readonly #added = new ByteWriter(1024);
  #size = 0;

  constructor(retentionMs: number) {
    this.#retentionMs = retentionMs;
    this.#bucketMs = Math.max(1, Math.ceil(retentionMs / bucketsPerRetention));
  }

  /** Keys held, those past their time but not yet freed included. */
  get size(): number {
    return this.#size;
  }

  /** `hash`: 64 bits as 16 hexadecimal digits. */
  has(hash: string, nowMs: number): boolean {
    const high = parseInt(hash.slice(0, 8), 16);
    const low = parseInt(hash.slice(8), 16);
    for (const bucket of this.#buckets.values()) {
      const atMs = bucket.find(high, low);
      if (atMs !== 0 && nowMs - atMs <= this.#retentionMs) return true;
    }
    return false;
  }

  add(hash: string, nowMs: number): void {
    const high = parseInt(hash.slice(0, 8), 16);
    const low = parseInt(hash.slice(8), 16);
    this.#insert(high, low, nowMs);
    this.#added.u32(high);
    this.#added.u32(low);
    this.#added.f64(nowMs);
  }

  #bucketNumber(atMs: number): number {
    return Math.floor(atMs / this.#bucketMs);
  }

  #bucket(number: number): Bucket {
    let bucket = this.#buckets.get(number);
    if (bucket === undefined) {
      bucket = new Bucket();
      this.#buckets.set(number, bucket);
    }
    return bucket;
  }

  #insert(high: number, low: number, atMs: number): void {
    const bucket = this.#bucket(this.#bucketNumber(atMs));
    const before = bucket.size;
    bucket.add(high, low, Math.max(1, atMs));
    this.#size += bucket.size - before;
  }

  /** Frees the buckets in which every key is too old. */
  expire(nowMs: number): void {
    for (const [number, bucket] of this.#buckets) {
      if ((number + 1) * this.#bucketMs + this.#retentionMs >= nowMs) continue;
      this.#size -= bucket.size;
      this.#buckets.delete(number);
    }
  }

  /** What was added since the last call, for the checkpoint; null when nothing was. */
  takeIncrement(nowMs: number): KeyIncrement | null {
    if (this.#added.length === 0) return null;
    const hashes = this.#added.finish();
    this.#added.reset();
    return { atMs: nowMs, hashes };
  }

  /** Takes back hashes that `takeIncrement` gave, of one increment or of many. */
  restore(hashes: Uint8Array): void {
    if (hashes.length % entryBytes !== 0) {
      throw new FormatError(
        `Stored idempotency keys take ${hashes.length} bytes, not a multiple of ${entryBytes}`,
      );
    }
    const entries = new DataView(hashes.buffer, hashes.byteOffset, hashes.byteLength);
    this.#reserve(entries);
    for (let at = 0; at < entries.byteLength; at += entryBytes) {
      const atMs = entries.getFloat64(at + 8, true);
      this.#insert(entries.getUint32(at, true), entries.getUint32(at + 4, true), atMs);
    }
  }

  /** So that no bucket grows bit by bit, while a shard waits for its host. */
  #reserve(entries: DataView): void {
    const counts = new Map<number, number>();
    for (let at = 0; at < entries.byteLength; at += entryBytes) {
      const number = this.#bucketNumber(entries.getFloat64(at + 8, true));
      counts.set(number, (counts.get(number) ?? 0) + 1);
    }
    for (const [number, count] of counts) this.#bucket(number).reserve(count);
  }
}
