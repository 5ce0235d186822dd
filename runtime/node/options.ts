/** How an engine is started. */

import { defaultShardLimits, type ShardLimits } from "../core/limits.ts";
import { checkServices, type Service } from "./service.ts";
import { defaultActorBytes, defaultHostHeapMiB, defaultRetentionMs } from "./limits.ts";

export interface EngineOptions {
  /** URL of the module that names the actors; see `actor_module.ts`. */
  readonly definitionsUrl: string;
  /** Folder of the log and the store; made when missing. One engine at a time uses it. */
  readonly dataDir: string;
  /** Into how many shards ids are divided: fixed when the folder is made. */
  readonly shards: number;
  /** Threads that fold shards. */
  readonly threads: number;
  /** Memory of all actors in bytes, above which the least recently used are evicted. */
  readonly actorBytes?: number;
  /** How long history is kept. */
  readonly retentionMs?: number;
  /** Heap that ends a host thread when it is exhausted. */
  readonly hostHeapMiB?: number;
  /** What actors may ask, by name; see `service.ts`. Of this process: they run on the main thread. */
  readonly services?: readonly Service[];
  /** Of each shard; `checkpointIntervalMs` is the one that operators set. */
  readonly limits?: Partial<ShardLimits>;
  /** Hears what a person should know while the engine goes on. */
  readonly report?: (sentence: string) => void;
  /** The log's or the store's thread is gone: the process must end, and be started again. Called once. */
  readonly onFatal?: (error: Error) => void;
}

export interface Settled extends Required<Omit<EngineOptions, "limits">> {
  readonly limits: ShardLimits;
}

/** The options with every default in its place. Throws an error that says which of them cannot be. */
export function settle(options: EngineOptions): Settled {
  const { services = [] } = options;
  checkServices(services);
  const threads = Math.min(options.threads, options.shards);
  const actorBytes = options.actorBytes ?? defaultActorBytes;
  const shardBytes = Math.floor(actorBytes / options.shards);
  return {
    definitionsUrl: options.definitionsUrl,
    dataDir: options.dataDir,
    shards: options.shards,
    threads,
    actorBytes,
    retentionMs: options.retentionMs ?? defaultRetentionMs,
    hostHeapMiB: options.hostHeapMiB ?? defaultHostHeapMiB,
    services,
    limits: { ...defaultShardLimits, actorBytes: shardBytes, ...options.limits },
    report: options.report ?? (() => {}),
    onFatal: options.onFatal ?? ((error) => {
      throw error;
    }),
  };
}
