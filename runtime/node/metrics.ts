/**
 * The node's metrics: the main thread's own, and those of all hosts added up.
 *
 * 1. Counters and histograms of threads that ended stay in the sums: nothing goes down while the node lives.
 */

import process from "node:process";
import { AggregatorRegistry, Counter, Gauge, Histogram, Registry } from "../prom_client.ts";
import { type ThreadMemory, threadMemory } from "../thread_memory.ts";
import type { ExpiredRows } from "./expiry.ts";
import type { GatewayObserver } from "./gateway.ts";
import type { MetricsJson } from "./host_protocol.ts";
import { addMemoryGauges } from "./memory_gauges.ts";

const appendBuckets = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5];
const askBuckets = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5];

export interface NodeGauges {
  waitingBytes(): number;
  backlogBytes(): number;
  isReady(): boolean;
  ownShards(): number;
  abandonedThreads(): number;
}

export class NodeMetrics implements GatewayObserver {
  /** Where other parts of the main thread have theirs. */
  readonly registry = new Registry();
  readonly #accepted: Counter;
  readonly #frames: Counter;
  readonly #append: Histogram;
  readonly #refused: Counter<"code">;
  readonly #asks: Histogram;
  readonly #deaths: Counter;
  readonly #expired: Counter<"rows">;
  /** What threads that ended had counted. */
  #past: Promise<MetricsJson> = Promise.resolve([]);
  #acceptedMessages = 0;
  /** Memory of the threads that own files, as it was read last. */
  #threads: ReadonlyMap<string, ThreadMemory> = new Map();

  constructor(gauges: NodeGauges) {
    const registers = [this.registry];
    const counter = (name: string, help: string) =>
      new Counter({ name: `sensorium_${name}`, help, registers });
    const histogram = (name: string, help: string, buckets: number[]) =>
      new Histogram({ name: `sensorium_${name}`, help, buckets, registers });
    this.#accepted = counter("messages_accepted_total", "Messages made durable for senders of this node.");
    this.#frames = counter("frames_appended_total", "Frames that the gateway appended.");
    this.#append = histogram(
      "append_seconds",
      "From handing a group of frames to the log until it is durable.",
      appendBuckets,
    );
    this.#asks = histogram("ask_seconds", "From an ask until its answer.", askBuckets);
    this.#deaths = counter("host_deaths_total", "Deaths of shard hosts.");
    this.#refused = new Counter({
      name: "sensorium_sends_refused_total",
      help: "Batches, or groups of them, that were not accepted, by code.",
      labelNames: ["code"],
      registers,
    });
    this.#expired = new Counter({
      name: "sensorium_expired_rows_total",
      help: "Rows deleted because they were kept long enough.",
      labelNames: ["rows"],
      registers,
    });
    this.#addGauges(gauges);
  }

  #addGauges(gauges: NodeGauges): void {
    const gauge = (name: string, help: string, read: () => number) => {
      const collect = function (this: Gauge) {
        this.set(read());
      };
      new Gauge({ name, help, registers: [this.registry], collect });
    };
    gauge("sensorium_waiting_bytes", "Text that waits for the log.", () => gauges.waitingBytes());
    gauge("sensorium_backlog_bytes", "Text appended and not folded yet.", () => gauges.backlogBytes());
    gauge("sensorium_ready", "1 when every shard of this node folds.", () => gauges.isReady() ? 1 : 0);
    gauge("sensorium_own_shards", "Shards that are this node's.", () => gauges.ownShards());
    gauge(
      "sensorium_abandoned_threads",
      "Threads that were ended and are still there.",
      () => gauges.abandonedThreads(),
    );
    gauge("process_resident_memory_bytes", "Memory of the process.", () => process.memoryUsage().rss);
    addMemoryGauges(this.registry, () => [["main", threadMemory()], ...this.#threads]);
  }

  /** Messages accepted since the node's start. */
  get acceptedMessages(): number {
    return this.#acceptedMessages;
  }

  appended(frames: number, messages: number, durationMs: number): void {
    this.#acceptedMessages += messages;
    this.#accepted.inc(messages);
    this.#frames.inc(frames);
    this.#append.observe(durationMs / 1000);
  }

  refused(code: string): void {
    this.#refused.inc({ code });
  }

  asked(durationMs: number): void {
    this.#asks.observe(durationMs / 1000);
  }

  expired(rows: ExpiredRows, count: number): void {
    this.#expired.inc({ rows }, count);
  }

  /** A host died; `metrics` are the last that its thread reported. */
  hostDied(metrics: MetricsJson): void {
    this.#deaths.inc();
    // prom-client declares a metric's type as a number, and gives its name.
    const counted = metrics.filter(({ type }) => String(type) !== "gauge");
    this.#past = this.#past.then((past) => AggregatorRegistry.aggregate([past, counted]).getMetricsAsJSON());
  }

  /** Prometheus text of the main thread and of `hosts`; `threads` has the memory of the others, null the last. */
  async text(
    hosts: readonly MetricsJson[],
    threads: ReadonlyMap<string, ThreadMemory> | null = null,
  ): Promise<string> {
    this.#threads = threads ?? this.#threads;
    const own = await this.registry.getMetricsAsJSON();
    return await AggregatorRegistry.aggregate([own, await this.#past, ...hosts]).metrics();
  }
}
