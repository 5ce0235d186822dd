/**
 * Port `HotState` in memory.
 *
 * 1. All entries together take at most about `maxBytes`; the least recently used go first.
 * 2. An entry that is too large by itself is not kept, and neither is the older one in its place.
 */

import { entryOverheadBytes, maxHotBytes } from "./limits.ts";
import { type HotEntry, type HotState, isOlder } from "./port.ts";

/** An estimate that errs on the high side: two bytes a UTF-16 unit. */
function bytesOf({ key, json }: HotEntry): number {
  return 2 * (key.length + json.length) + entryOverheadBytes;
}

export class MemoryHotState implements HotState {
  readonly #maxBytes: number;
  /** Least recently used first: a `Map` keeps the order of insertion. */
  readonly #entries = new Map<string, HotEntry>();
  #bytes = 0;

  constructor(maxBytes: number = maxHotBytes) {
    this.#maxBytes = maxBytes;
  }

  put(entries: readonly HotEntry[]): Promise<number> {
    return Promise.resolve(entries.filter((entry) => this.#putOne(entry)).length);
  }

  /** False: there is a newer one. */
  #putOne({ key, epoch, position, records, atMs, json }: HotEntry): boolean {
    const entry: HotEntry = { key, epoch, position, records, atMs, json };
    const stored = this.#entries.get(key);
    if (stored !== undefined) {
      if (isOlder(entry, stored)) return false;
      this.#remove(stored);
    }
    const bytes = bytesOf(entry);
    if (bytes > this.#maxBytes) return true;
    this.#entries.set(key, entry);
    this.#bytes += bytes;
    // Not looked at without need: an iterator first passes over all that was deleted before the oldest.
    if (this.#bytes > this.#maxBytes) this.#makeRoom();
    return true;
  }

  #makeRoom(): void {
    for (const oldest of this.#entries.values()) {
      if (this.#bytes <= this.#maxBytes) return;
      this.#remove(oldest);
    }
  }

  #remove(entry: HotEntry): void {
    this.#entries.delete(entry.key);
    this.#bytes -= bytesOf(entry);
  }

  get(key: string): Promise<HotEntry | null> {
    const entry = this.#entries.get(key);
    if (entry === undefined) return Promise.resolve(null);
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return Promise.resolve(entry);
  }

  close(): Promise<void> {
    this.#entries.clear();
    this.#bytes = 0;
    return Promise.resolve();
  }
}
