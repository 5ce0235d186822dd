/** How an engine is started. */

import type { Member } from "../core/cluster.ts";
import { MAILBOX } from "../core/checkpoint.ts";
import { defaultShardLimits, type ShardLimits } from "../core/limits.ts";
import type { Published } from "../core/publishing.ts";
import type { KafkaSettings } from "../log/kafka/settings.ts";
import type { MySqlSettings } from "../store/mysql/settings.ts";
import type { ComputeSettings } from "./compute_pool.ts";
import type { Report } from "./notice.ts";
import type { Door } from "./peer_door.ts";
import { checkServices, type Service } from "./service.ts";
import {
  defaultActorBytes,
  defaultComputeHeapMiB,
  defaultHostHeapMiB,
  defaultRetentionMs,
} from "./limits.ts";

export interface ComputeEngineOptions {
  /** URL of the module that names the jobs; see `compute_module.ts`. */
  readonly jobsUrl: string;
  /** Threads that run jobs, one job at a time each; 1 unless told otherwise. */
  readonly threads?: number;
  /** Heap of a job, as far as Deno enforces it. */
  readonly heapMiB?: number;
}

/** What a node keeps messages and state in instead of a folder. */
export interface Servers {
  readonly kafka: KafkaSettings;
  readonly mysql: MySqlSettings;
}

export interface EngineOptions {
  /** URL of the module that names the actors; see `actor_module.ts`. */
  readonly definitionsUrl: string;
  /** Folder of the log and the store; made when missing. One engine at a time uses it. Not used with `servers`. */
  readonly dataDir: string;
  readonly servers?: Servers;
  /** This node among those that share the servers; made up unless told, for one that nobody else has to find. */
  readonly member?: Member;
  /**
   * Foreign topics, with the name of what reads their records (see `actor_module.ts`): keyed by id with Kafka's default
   * partitioner, and of as many partitions as there are shards. They are folded directly. Only with `servers`.
   */
  readonly topics?: Readonly<Record<string, string>>;
  /** Into how many shards ids are divided: fixed when the folder is made. */
  readonly shards: number;
  /** Threads that fold shards. */
  readonly threads: number;
  /** Memory of all actors in bytes, above which the least recently used are evicted. */
  readonly actorBytes?: number;
  /** How long history is kept. */
  readonly retentionMs?: number;
  /** Heap that ends a host thread when it is exhausted; unless told otherwise, what `actorBytes` asks for. */
  readonly hostHeapMiB?: number;
  /** For long sums; none unless told otherwise. */
  readonly compute?: ComputeEngineOptions;
  /** What actors may ask, by name; see `service.ts`. Of this process: they run on the main thread. */
  readonly services?: readonly Service[];
  /** Of each shard; `checkpointIntervalMs` is the one that operators set. */
  readonly limits?: Partial<ShardLimits>;
  /**
   * Makes spans of sampled requests, from their append to the checkpoint; only where Deno's OpenTelemetry is switched on
   * (`OTEL_DENO=true`) does that send anything.
   */
  readonly isTraced?: boolean;
  /** Hears what changed actors answer, from confirmed checkpoints only; null or left out: nothing is computed for it. */
  readonly onPublished?: ((published: Published) => void) | null;
  /** Hears what those who run it should know while it goes on; `repeats.ts` makes few of many. */
  readonly report?: Report;
  /**
   * Is given what answers other nodes, before the start is over: their requests come to this node's url, under `/node/`.
   * Not called where there is no other node.
   */
  readonly onDoor?: (door: Door) => void;
  /** Hears what the node waits for at its servers, while it starts and later; null: for nothing any more. */
  readonly onWaiting?: (sentence: string | null) => void;
  /** The log's or the store's thread is gone: the process must end, and be started again. Called once. */
  readonly onFatal?: (error: Error) => void;
  /**
   * A thread that hangs cannot be ended and costs a processor: the process should be replaced when that suits. Called
   * once, with what a person should know; reported unless told otherwise.
   */
  readonly onWorn?: (sentence: string) => void;
}

export interface Settled extends Required<Omit<EngineOptions, "limits" | "compute" | "servers">> {
  readonly limits: ShardLimits;
  readonly compute: ComputeSettings | null;
  readonly servers: Servers | null;
}

/** More than the default, should one thread's share of the actors not leave half of that free. */
function heapFor(actorBytes: number, threads: number): number {
  return Math.max(defaultHostHeapMiB, Math.ceil(2 * actorBytes / threads / 2 ** 20));
}

/** The options with every default in its place. Throws an error that says which of them cannot be. */
export function settle(options: EngineOptions): Settled {
  const { services = [], topics = {}, servers = null } = options;
  checkServices(services);
  if (servers === null && Object.keys(topics).length > 0) {
    throw new Error("Foreign topics are on Kafka: they can be folded only by an engine on servers");
  }
  if (MAILBOX in topics) {
    throw new Error(`A foreign topic must not be called ${MAILBOX}: that is the shards' own`);
  }
  const threads = Math.min(options.threads, options.shards);
  const actorBytes = options.actorBytes ?? defaultActorBytes;
  const shardBytes = Math.floor(actorBytes / options.shards);
  return {
    definitionsUrl: options.definitionsUrl,
    dataDir: options.dataDir,
    servers,
    topics,
    member: options.member ?? { name: `node/${crypto.randomUUID()}`, url: "", dead: [] },
    onDoor: options.onDoor ?? (() => {}),
    onWaiting: options.onWaiting ?? (() => {}),
    shards: options.shards,
    threads,
    actorBytes,
    retentionMs: options.retentionMs ?? defaultRetentionMs,
    hostHeapMiB: options.hostHeapMiB ?? heapFor(actorBytes, threads),
    compute: options.compute === undefined
      ? null
      : { threads: 1, heapMiB: defaultComputeHeapMiB, ...options.compute },
    services,
    limits: { ...defaultShardLimits, actorBytes: shardBytes, ...options.limits },
    isTraced: options.isTraced ?? false,
    onPublished: options.onPublished ?? null,
    report: options.report ?? (() => {}),
    onWorn: options.onWorn ??
      ((sentence) =>
        options.report?.({ level: "error", component: "node", event: "worn", message: `${sentence}.` })),
    onFatal: options.onFatal ?? ((error) => {
      throw error;
    }),
  };
}
