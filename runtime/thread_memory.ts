/** The memory of the thread that asks, as `/metrics` shows it. */

import { getHeapStatistics } from "node:v8";

export interface ThreadMemory {
  /** Heap in use. */
  readonly heapBytes: number;
  /** Buffers outside the heap. */
  readonly externalBytes: number;
}

export function threadMemory(): ThreadMemory {
  const { used_heap_size, external_memory } = getHeapStatistics();
  return { heapBytes: used_heap_size, externalBytes: external_memory };
}
