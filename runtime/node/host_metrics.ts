/**
 * A host thread's metrics. The main thread adds them up over all hosts, so a gauge says how: `sum` or `max`.
 * No label carries an actor's id. Counters are also of shards that left, gauges only of those that are here.
 */

import type { Checkpoint } from "../core/checkpoint.ts";
import type { ShardCounters } from "../core/shard_api.ts";
import { Counter, Gauge, Histogram, Registry } from "../prom_client.ts";
import { threadMemory } from "../thread_memory.ts";
import type { ActorCounters } from "./actor_module.ts";
import type { MetricsJson } from "./host_protocol.ts";
import { maxReasonLabels } from "./limits.ts";
import { addMemoryGauges } from "./memory_gauges.ts";
import type { RunnerObserver, ShardRunner } from "./shard_runner.ts";

type SumKey = Exclude<keyof ShardCounters, "deadLettersByReason">;

const counted: readonly (readonly [SumKey, string, string])[] = [
  ["messages", "messages_folded", "Messages folded, refolds included."],
  ["frames", "frames_folded", "Frames folded, refolds included."],
  ["localTurns", "local_turns", "Turns caused by messages within a shard."],
  ["timersFired", "timers_fired", "Timers fired."],
  ["repeatedFrames", "repeated_frames", "Frames dropped as repeats of a sender's number."],
  ["repeatedParts", "repeated_parts", "Parts of bodies dropped as repeats of an idempotency key."],
  ["requests", "requests_made", "Requests that actors made to services, refolds included."],
  ["refusedRequests", "requests_refused", "Requests that failed because too many of their shard were open."],
  ["lateRequests", "requests_late", "Requests that had no outcome by their deadline, refolds included."],
  ["repeatedAnswers", "repeated_answers", "Outcomes dropped, because their request had one."],
  ["suspensions", "suspensions", "Actors suspended because they threw too often, refolds included."],
  ["snapshots", "snapshots", "Snapshots handed to checkpoints."],
  ["claims", "claims", "Shards claimed."],
  ["loads", "loads", "Calls that loaded actors from the store."],
  ["evictions", "evictions", "Actors evicted from memory."],
];

const foldBuckets = [0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.2, 1];
const byteBuckets = [1e3, 1e4, 1e5, 1e6, 4e6, 16e6, 64e6];
const commitBuckets = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5];
const replayBuckets = [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100];

export interface HostMetricsParts {
  runners(): readonly ShardRunner[];
  /** Of every shard that has ever been here. */
  shardCounters(): readonly ShardCounters[];
  readonly actorCounters: ActorCounters;
}

export class HostMetrics implements RunnerObserver {
  readonly #registry = new Registry();
  readonly #fold: Histogram;
  readonly #checkpointBytes: Histogram;
  readonly #checkpointSeconds: Histogram;
  readonly #replay: Histogram;
  readonly #failures: Counter<"operation" | "code">;

  constructor(thread: string, { runners, shardCounters, actorCounters }: HostMetricsParts) {
    const registers = [this.#registry];
    const histogram = (name: string, help: string, buckets: number[]) =>
      new Histogram({ name: `sensorium_${name}`, help, buckets, registers });
    this.#fold = histogram(
      "fold_slice_seconds",
      "Time that one shard folded before the next one's turn.",
      foldBuckets,
    );
    this.#checkpointBytes = histogram("checkpoint_bytes", "Rows of one checkpoint.", byteBuckets);
    this.#checkpointSeconds = histogram(
      "checkpoint_seconds",
      "From making a checkpoint until it is confirmed.",
      commitBuckets,
    );
    this.#replay = histogram(
      "replay_seconds",
      "From a shard's claim until all it had in its log is folded.",
      replayBuckets,
    );
    this.#failures = new Counter({
      name: "sensorium_io_failures_total",
      help: "Attempts at the log or the store that failed, by operation and code.",
      labelNames: ["operation", "code"],
      registers,
    });
    this.#addShardCounters(shardCounters);
    this.#addDeadLetters(shardCounters);
    this.#addActorCounters(actorCounters);
    this.#addGauges(thread, runners);
  }

  #addShardCounters(shardCounters: () => readonly ShardCounters[]): void {
    for (const [key, name, help] of counted) {
      this.#addCounter(name, help, () => {
        let sum = 0;
        for (const counters of shardCounters()) sum += counters[key];
        return sum;
      });
    }
  }

  #addDeadLetters(shardCounters: () => readonly ShardCounters[]): void {
    new Counter({
      name: "sensorium_dead_letters_total",
      help: "Dead letters in confirmed checkpoints, by reason.",
      labelNames: ["reason"],
      registers: [this.#registry],
      collect() {
        this.reset();
        for (const { deadLettersByReason } of shardCounters()) {
          const byReason = Object.entries(deadLettersByReason);
          // Actors choose their reasons; the bound keeps a careless one from filling the metrics.
          byReason.forEach(([reason, count], place) =>
            this.inc({ reason: place < maxReasonLabels ? reason : "other" }, count)
          );
        }
      },
    });
  }

  #addActorCounters(counters: ActorCounters): void {
    for (const [name, counter] of Object.entries(counters)) {
      this.#addCounter(name, counter.help, () => counter.value);
    }
  }

  #addCounter(name: string, help: string, read: () => number): void {
    new Counter({
      name: `sensorium_${name}_total`,
      help,
      registers: [this.#registry],
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  }

  #addGauges(thread: string, runners: () => readonly ShardRunner[]): void {
    const registers = [this.#registry];
    const sum = (read: (runner: ShardRunner) => number) =>
      runners().reduce((total, runner) => total + read(runner), 0);
    new Gauge({
      name: "sensorium_actors",
      help: "Actors in memory.",
      registers,
      collect() {
        this.set(sum((runner) => runner.gauges().actors));
      },
    });
    new Gauge({
      name: "sensorium_suspended_actors",
      help: "Actors that take no messages until they are resumed.",
      registers,
      collect() {
        this.set(sum((runner) => runner.gauges().suspended.size));
      },
    });
    new Gauge({
      name: "sensorium_open_requests",
      help: "Requests to services that have no outcome yet.",
      registers,
      collect() {
        this.set(sum((runner) => runner.gauges().openRequests));
      },
    });
    new Gauge({
      name: "sensorium_actor_bytes",
      help: "Memory of actors, estimated.",
      registers,
      collect() {
        this.set(sum((runner) => runner.gauges().actorBytes));
      },
    });
    new Gauge({
      name: "sensorium_queue_age_seconds",
      help: "Age of the oldest frame that is delivered and not folded, over all shards.",
      aggregator: "max",
      registers,
      collect() {
        const stampsMs = runners().map((runner) => runner.gauges().oldestStampMs ?? Infinity);
        const oldestMs = Math.min(Infinity, ...stampsMs);
        this.set(oldestMs === Infinity ? 0 : Math.max(0, (Date.now() - oldestMs) / 1000));
      },
    });
    addMemoryGauges(this.#registry, () => [[thread, threadMemory()]]);
  }

  folded(durationMs: number): void {
    this.#fold.observe(durationMs / 1000);
  }

  committed({ snapshots, history }: Checkpoint, durationMs: number): void {
    const bytes = snapshots.hot.bytes.length + snapshots.cold.bytes.length + history.rows.bytes.length;
    this.#checkpointBytes.observe(bytes);
    this.#checkpointSeconds.observe(durationMs / 1000);
  }

  replayed(durationMs: number): void {
    this.#replay.observe(durationMs / 1000);
  }

  failed(operation: string, code: string): void {
    this.#failures.inc({ operation, code });
  }

  json(): Promise<MetricsJson> {
    return this.#registry.getMetricsAsJSON();
  }
}
