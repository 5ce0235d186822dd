/**
 * A map from ids to values that takes an id as a part of a text, with its hash: see `id_hash.ts`.
 *
 * 1. It behaves as a `Map` with string keys; the order of a sweep is that of the slots.
 * 2. Open addressing with linear probing (Knuth, The Art of Computer Programming 3, 6.4, algorithm L), at most
 *    half full of values and deleted marks.
 */

import { hashId } from "./id_hash.ts";

const free = 0;
const deleted = 1;

/** Whether `id` is what stands in `text` from `start` to `end`. */
function isPart(id: string, text: string, start: number, end: number): boolean {
  if (id.length !== end - start) return false;
  for (let i = 0; i < id.length; i++) if (id.charCodeAt(i) !== text.charCodeAt(start + i)) return false;
  return true;
}

export class IdTable<T extends { readonly id: string }> {
  #hashes = new Int32Array(16);
  #values: (T | null)[] = new Array(16).fill(null);
  #size = 0;
  /** Slots that are not free: values and deleted marks. */
  #taken = 0;
  /** Where the next sweep begins. */
  #hand = 0;

  get size(): number {
    return this.#size;
  }

  get(id: string): T | undefined {
    return this.find(hashId(id), id, 0, id.length);
  }

  /** The value whose id stands in `text` from `start` to `end`; `hash` is that id's. */
  find(hash: number, text: string, start: number, end: number): T | undefined {
    const hashes = this.#hashes;
    const mask = hashes.length - 1;
    for (let slot = hash & mask;; slot = (slot + 1) & mask) {
      const found = hashes[slot]!;
      if (found === hash) {
        const value = this.#values[slot]!;
        if (isPart(value.id, text, start, end)) return value;
      } else if (found === free) return undefined;
    }
  }

  /** Adds a value whose id is not in the table. */
  add(value: T): void {
    if (this.#taken * 2 >= this.#hashes.length) this.#rebuild();
    this.#insert(hashId(value.id), value);
    this.#size++;
    this.#taken++;
  }

  #insert(hash: number, value: T): void {
    const mask = this.#hashes.length - 1;
    let slot = hash & mask;
    while (this.#hashes[slot] !== free) slot = (slot + 1) & mask;
    this.#hashes[slot] = hash;
    this.#values[slot] = value;
  }

  /** Doubles the table, or only drops the deleted marks when those fill it. */
  #rebuild(): void {
    const hashes = this.#hashes;
    const values = this.#values;
    const capacity = this.#size * 4 > hashes.length ? hashes.length * 2 : hashes.length;
    this.#hashes = new Int32Array(capacity);
    this.#values = new Array(capacity).fill(null);
    this.#taken = this.#size;
    values.forEach((value, slot) => {
      if (value !== null) this.#insert(hashes[slot]!, value);
    });
  }

  /**
   * Visits values until `visit` answers "stop" or every slot was visited `rounds` times, beginning where the last
   * sweep ended; what `visit` answers "delete" to is deleted.
   */
  sweep(rounds: number, visit: (value: T) => "keep" | "delete" | "stop"): void {
    const capacity = this.#hashes.length;
    for (let steps = rounds * capacity; steps > 0 && this.#size > 0; steps--) {
      const slot = this.#hand & (capacity - 1);
      const value = this.#values[slot] ?? null;
      const verdict = value === null ? "keep" : visit(value);
      if (verdict === "stop") return;
      this.#hand = slot + 1;
      if (verdict === "delete") {
        this.#hashes[slot] = deleted;
        this.#values[slot] = null;
        this.#size--;
      }
    }
  }
}
