/**
 * Which timers of a shard are due next.
 *
 * 1. `pop` yields timers in the order (due, kind, id, name), the same in every replay. When a request times out it is a
 *    timer too: an actor's requests come after its other timers due at the same time, by number.
 * 2. Entries are hints: whether a timer still stands is for its actor to say, and of a request for `Requests`. A
 *    replaced or cancelled timer leaves a stale entry behind; `compact` drops those.
 * 3. Up to `horizonMs` every actor of the shard with a timer due is here; of later ones only those set since the
 *    claim. So the whole of a large shard's timers need not be in memory. Open requests are all here.
 */

export interface TimerEntry {
  readonly dueMs: number;
  readonly kind: string;
  readonly id: string;
  /** Null: some timer of this actor, which is not loaded. */
  readonly name: string | null;
  /** The number of the request that times out; 0 for a timer. */
  readonly request: number;
}

/** In places, and so nowhere else, a request that times out has a name that begins so. */
const requestPrefix = "request ";

export function requestTimerName(request: number): string {
  return requestPrefix + request;
}

export function isReservedName(name: string): boolean {
  return name.startsWith(requestPrefix);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

export function compareTimers(a: TimerEntry, b: TimerEntry): number {
  return a.dueMs - b.dueMs || compareText(a.kind, b.kind) || compareText(a.id, b.id) ||
    a.request - b.request || compareText(a.name ?? "", b.name ?? "");
}

/** A binary heap (Williams 1964) with the earliest timer on top. */
export class TimerQueue {
  #heap: TimerEntry[] = [];
  /** See invariant 3. */
  horizonMs = -1;

  get size(): number {
    return this.#heap.length;
  }

  peek(): TimerEntry | null {
    return this.#heap[0] ?? null;
  }

  push(entry: TimerEntry): void {
    const heap = this.#heap;
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (compareTimers(heap[parent]!, entry) <= 0) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = entry;
  }

  pop(): TimerEntry | null {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (top === undefined || last === undefined) return null;
    if (heap.length > 0) this.#sink(last);
    return top;
  }

  #sink(entry: TimerEntry): void {
    const heap = this.#heap;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && compareTimers(heap[child + 1]!, heap[child]!) < 0) child++;
      if (compareTimers(entry, heap[child]!) <= 0) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = entry;
  }

  /** All entries due at `nowMs` or before, in no order. */
  due(nowMs: number): TimerEntry[] {
    return this.#heap.filter((entry) => entry.dueMs <= nowMs);
  }

  /** Keeps only entries of which `stands` is true. */
  compact(stands: (entry: TimerEntry) => boolean): void {
    // A sorted array is a heap.
    this.#heap = this.#heap.filter(stands).sort(compareTimers);
  }
}
