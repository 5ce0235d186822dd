/**
 * Many seeds, on several threads.
 *
 * 1. Seeds are played in ascending chunks; after a failure no new chunk is begun.
 * 2. The failure reported is that of the lowest seed among those played.
 * 3. All threads have ended when the promise settles.
 */

import { Worker } from "node:worker_threads";
import { type Chunk, type ChunkResult, playChunk } from "./chunk.ts";
import type { RunResult, RunSetting } from "./simulate.ts";

export interface SweepOptions {
  readonly firstSeed: number;
  readonly seeds: number;
  readonly setting: RunSetting;
  /** 0: in the calling thread. A thread of its own needs the permission to read its module. */
  readonly threads: number;
  /** Hears how many seeds are played so far. */
  readonly onProgress?: (played: number) => void;
}

export interface SweepResult {
  readonly played: number;
  readonly events: number;
  readonly failure: RunResult | null;
}

/** Enough to make a message cheap, few enough to keep all threads busy to the end. */
const seedsPerChunk = 10;

class Sweep {
  played = 0;
  events = 0;
  failure: RunResult | null = null;
  readonly #options: SweepOptions;
  #next: number;

  constructor(options: SweepOptions) {
    this.#options = options;
    this.#next = options.firstSeed;
  }

  takeChunk(): Chunk | null {
    const { firstSeed, seeds, setting } = this.#options;
    const left = firstSeed + seeds - this.#next;
    if (left <= 0 || this.failure !== null) return null;
    const chunk = { firstSeed: this.#next, seeds: Math.min(left, seedsPerChunk), setting };
    this.#next += chunk.seeds;
    return chunk;
  }

  add({ played, events, failure }: ChunkResult): void {
    this.played += played;
    this.events += events;
    if (failure !== null && failure.seed < (this.failure?.seed ?? Infinity)) this.failure = failure;
    this.#options.onProgress?.(this.played);
  }
}

/** Lets one thread play chunks until there are none. */
function runThread(sweep: Sweep): Promise<void> {
  const worker = new Worker(new URL("./seeds_thread.ts", import.meta.url));
  const ended = new Promise<void>((resolve, reject) => {
    const giveNext = () => {
      const chunk = sweep.takeChunk();
      if (chunk === null) resolve();
      else worker.postMessage(chunk);
    };
    worker.on("message", (result: ChunkResult) => {
      sweep.add(result);
      giveNext();
    });
    worker.on("error", reject);
    worker.on("exit", (code) => reject(new Error(`A thread that played seeds ended with code ${code}`)));
    giveNext();
  });
  return ended.finally(() => worker.terminate());
}

function runHere(sweep: Sweep): void {
  for (let chunk = sweep.takeChunk(); chunk !== null; chunk = sweep.takeChunk()) sweep.add(playChunk(chunk));
}

export async function playSeeds(options: SweepOptions): Promise<SweepResult> {
  const sweep = new Sweep(options);
  if (options.threads === 0) runHere(sweep);
  await Promise.all(Array.from({ length: options.threads }, () => runThread(sweep)));
  return { played: sweep.played, events: sweep.events, failure: sweep.failure };
}
