/**
 * Entries on their way to a hot state that may be slow.
 *
 * 1. One put is under way at most. Of entries that wait, the newest of each key stays.
 * 2. What exceeds the bounds, or could not be put, is dropped and counted: it comes again when it changes.
 */

import { maxPutEntries, maxQueuedEntries, maxQueuedUnits } from "./limits.ts";
import type { HotEntry, HotState } from "./port.ts";

/**
 * "replaced": a newer one of its key came while it waited. "shed": there was no room. "older": there was a newer one.
 * "failed": it was not taken.
 */
export type PublishOutcome = "put" | "replaced" | "shed" | "older" | "failed";

function unitsOf({ key, json }: HotEntry): number {
  return key.length + json.length;
}

export class PublishQueue {
  readonly #hot: Pick<HotState, "put">;
  readonly #count: (outcome: PublishOutcome, entries: number) => void;
  readonly #waiting = new Map<string, HotEntry>();
  #units = 0;
  #isPutting = false;

  constructor(hot: Pick<HotState, "put">, count: (outcome: PublishOutcome, entries: number) => void) {
    this.#hot = hot;
    this.#count = count;
  }

  get size(): number {
    return this.#waiting.size;
  }

  add(entries: readonly HotEntry[]): void {
    for (const entry of entries) this.#addOne(entry);
    if (!this.#isPutting) void this.#putAll();
  }

  #addOne(entry: HotEntry): void {
    const before = this.#waiting.get(entry.key);
    const units = this.#units + unitsOf(entry) - (before === undefined ? 0 : unitsOf(before));
    const isNew = before === undefined;
    if ((isNew && this.#waiting.size >= maxQueuedEntries) || units > maxQueuedUnits) {
      this.#count("shed", 1);
      return;
    }
    if (!isNew) this.#count("replaced", 1);
    this.#waiting.set(entry.key, entry);
    this.#units = units;
  }

  async #putAll(): Promise<void> {
    this.#isPutting = true;
    while (this.#waiting.size > 0) {
      const batch = this.#take();
      try {
        const taken = await this.#hot.put(batch);
        this.#count("put", taken);
        if (taken < batch.length) this.#count("older", batch.length - taken);
      } catch {
        // Whoever made the adapter knows why.
        this.#count("failed", batch.length);
      }
    }
    this.#isPutting = false;
  }

  #take(): HotEntry[] {
    const batch: HotEntry[] = [];
    for (const entry of this.#waiting.values()) {
      if (batch.length === maxPutEntries) break;
      batch.push(entry);
      this.#units -= unitsOf(entry);
    }
    for (const { key } of batch) this.#waiting.delete(key);
    return batch;
  }
}
