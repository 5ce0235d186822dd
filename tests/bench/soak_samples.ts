/** What the soak looks at again and again. */

import { quantile } from "./figure.ts";
import { seconds as wait } from "./measured_server.ts";
import { readMetrics } from "./metrics.ts";
import { readStats } from "./process_stats.ts";
import type { SoakQueries } from "./soak_queries.ts";

export interface Sample {
  readonly atSeconds: number;
  readonly rssBytes: number;
  /** The store's file and its own log. */
  readonly storeBytes: number;
  readonly logBytes: number;
  /** Readings folded, and actors evicted. */
  readonly perSecond: number;
  readonly evictionsPerSecond: number;
  /** Of the queries since the last sample; NaN where there were none. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly historyP99Ms: number;
}

/** Of all files below; one that goes meanwhile counts nothing. */
function folderBytes(folder: string): number {
  let bytes = 0;
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    const path = `${folder}/${name}`;
    try {
      bytes += isDirectory ? folderBytes(path) : Deno.statSync(path).size;
    } catch (thrown) {
      if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
    }
  }
  return bytes;
}

function quantileOrNan(values: readonly number[], share: number): number {
  return values.length === 0 ? NaN : quantile(values, share);
}

export class Sampler {
  readonly #url: URL;
  readonly #pid: number;
  readonly #folder: string;
  readonly #queries: SoakQueries;
  readonly #startedAtMs = performance.now();
  readonly samples: Sample[] = [];
  #last = { atMs: this.#startedAtMs, messages: 0, evictions: 0 };

  constructor(url: URL, pid: number, folder: string, queries: SoakQueries) {
    this.#url = url;
    this.#pid = pid;
    this.#folder = folder;
    this.#queries = queries;
  }

  /** Takes samples for so long, at times that do not drift; a busy machine leaves some out. */
  async run(forSeconds: number, everySeconds: number): Promise<void> {
    for (;;) {
      const passed = (performance.now() - this.#startedAtMs) / 1000;
      const next = (Math.floor(passed / everySeconds) + 1) * everySeconds;
      if (next > forSeconds) return;
      await wait(next - passed);
      await this.#take();
    }
  }

  async #take(): Promise<void> {
    const metrics = await readMetrics(this.#url);
    const stats = await readStats(this.#pid);
    if (stats === null) throw new Error("The node has died, or there is no /proc");
    const last = this.#last;
    const now = {
      atMs: performance.now(),
      messages: metrics.get("sensorium_messages_folded_total") ?? 0,
      evictions: metrics.get("sensorium_evictions_total") ?? 0,
    };
    this.#last = now;
    const tookSeconds = (now.atMs - last.atMs) / 1000;
    const { windowsMs, historyMs } = this.#queries.take();
    const logBytes = folderBytes(`${this.#folder}/log`);
    this.samples.push({
      atSeconds: (now.atMs - this.#startedAtMs) / 1000,
      rssBytes: stats.rssBytes,
      storeBytes: folderBytes(this.#folder) - logBytes,
      logBytes,
      perSecond: (now.messages - last.messages) / tookSeconds,
      evictionsPerSecond: (now.evictions - last.evictions) / tookSeconds,
      p50Ms: quantileOrNan(windowsMs, 0.5),
      p99Ms: quantileOrNan(windowsMs, 0.99),
      historyP99Ms: quantileOrNan(historyMs, 0.99),
    });
  }
}
