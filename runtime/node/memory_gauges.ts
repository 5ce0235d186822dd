/** Gauges of the memory of threads, each under its name. */

import { Gauge, type Registry } from "../prom_client.ts";
import type { ThreadMemory } from "../thread_memory.ts";

/** What each named thread uses. */
export type MemoryByThread = Iterable<readonly [thread: string, memory: ThreadMemory]>;

export function addMemoryGauges(registry: Registry, read: () => MemoryByThread): void {
  const add = (name: string, help: string, bytes: (memory: ThreadMemory) => number) =>
    new Gauge({
      name,
      help,
      labelNames: ["thread"],
      registers: [registry],
      collect() {
        for (const [thread, memory] of read()) this.set({ thread }, bytes(memory));
      },
    });
  add("sensorium_heap_bytes", "Heap in use, by thread.", ({ heapBytes }) => heapBytes);
  add(
    "sensorium_external_bytes",
    "Memory of buffers outside the heap, by thread.",
    (memory) => memory.externalBytes,
  );
}
