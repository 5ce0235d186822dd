/** A process's memory, read again and again. */

import { type ProcessStats, readStats } from "./process_stats.ts";

const intervalMs = 500;

/** Reads until the returned function is called, which gives what was read. */
export function watchMemory(pid: number): () => Promise<readonly ProcessStats[]> {
  const readings: ProcessStats[] = [];
  const read = async () => {
    const stats = await readStats(pid);
    if (stats !== null) readings.push(stats);
  };
  const timer = setInterval(() => void read(), intervalMs);
  return async () => {
    clearInterval(timer);
    await read();
    return readings;
  };
}
