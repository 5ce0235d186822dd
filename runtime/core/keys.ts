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
import { ByteReader, ByteWriter } from "./bytes.ts";
import { FormatError } from "./errors.ts";

const bucketsPerRetention = 8;
const entryBytes = 16;
const smallestSlots = 64;

/** At most two thirds full. */
function isTooFull(size: number, slots: number): boolean {
  return size * 3 >= slots * 2;
}

/** Open addressing, linear probing; a slot is empty where its time is 0 (log times are positive). */
class Bucket {
  #high = new Uint32Array(smallestSlots);
  #low = new Uint32Array(smallestSlots);
  #atMs = new Float64Array(smallestSlots);
  size = 0;

  #slot(high: number, low: number): number {
    const mask = this.#atMs.length - 1;
    let slot = (low ^ Math.imul(high, 0x9e3779b1)) & mask;
    while (this.#atMs[slot] !== 0 && (this.#high[slot] !== high || this.#low[slot] !== low)) {
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  /** Log time at which the hash was added, or 0. */
  find(high: number, low: number): number {
    return this.#atMs[this.#slot(high, low)]!;
  }

  add(high: number, low: number, atMs: number): void {
    if (isTooFull(this.size, this.#atMs.length)) this.#resize(this.#atMs.length * 2);
    const slot = this.#slot(high, low);
    if (this.#atMs[slot] === 0) this.size++;
    this.#high[slot] = high;
    this.#low[slot] = low;
    this.#atMs[slot] = atMs;
  }

  /** Makes room for so many more at once. */
  reserve(count: number): void {
    let slots = this.#atMs.length;
    while (isTooFull(this.size + count, slots)) slots *= 2;
    if (slots > this.#atMs.length) this.#resize(slots);
  }

  #resize(slots: number): void {
    const [high, low, atMs] = [this.#high, this.#low, this.#atMs];
    this.#high = new Uint32Array(slots);
    this.#low = new Uint32Array(slots);
    this.#atMs = new Float64Array(slots);
    for (let old = 0; old < atMs.length; old++) {
      if (atMs[old] === 0) continue;
      const slot = this.#slot(high[old]!, low[old]!);
      this.#high[slot] = high[old]!;
      this.#low[slot] = low[old]!;
      this.#atMs[slot] = atMs[old]!;
    }
  }
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

  #bucketOf(atMs: number): Bucket {
    const number = Math.floor(atMs / this.#bucketMs);
    let bucket = this.#buckets.get(number);
    if (bucket === undefined) {
      bucket = new Bucket();
      this.#buckets.set(number, bucket);
    }
    return bucket;
  }

  #insert(high: number, low: number, atMs: number): void {
    const bucket = this.#bucketOf(atMs);
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
    this.#reserve(new ByteReader(hashes));
    const reader = new ByteReader(hashes);
    while (reader.remaining > 0) this.#insert(reader.u32(), reader.u32(), reader.f64());
  }

  /** Growing bit by bit took half of the time that a takeover spent here. */
  #reserve(reader: ByteReader): void {
    const counts = new Map<Bucket, number>();
    while (reader.remaining > 0) {
      reader.u32();
      reader.u32();
      const bucket = this.#bucketOf(reader.f64());
      counts.set(bucket, (counts.get(bucket) ?? 0) + 1);
    }
    for (const [bucket, count] of counts) bucket.reserve(count);
  }
}
