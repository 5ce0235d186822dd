/**
 * The node's shard hosts: which of them folds which shard, and what they say.
 *
 * 1. A report settles what the board and the backlog know of its shards; a death leaves nothing known but the counts.
 * 2. A host that has died is given a warm thread, if there is any.
 */

import type { Backlog } from "./backlog.ts";
import type { Clock } from "./clock.ts";
import { addTotals, HostHandle } from "./host_handle.ts";
import { HostLife, type HostSettings, type ThreadCare } from "./host_life.ts";
import type { HostTotals, MetricsJson, ShardReport, ShardRequest } from "./host_protocol.ts";
import { metricsDeadlineMs } from "./limits.ts";
import type { NodeView } from "./node_view.ts";
import type { Settled } from "./options.ts";
import type { ShardBoard } from "./shard_board.ts";
import { SpareHost } from "./spare_host.ts";
import { StartWatch } from "./start_watch.ts";
import type { Child } from "./supervisor.ts";
import { machineTimerClock } from "./timer_clock.ts";
import type { Writers } from "./writers.ts";

export interface NodeHostsParts {
  readonly settings: Settled;
  readonly writers: Pick<Writers, "log" | "store">;
  readonly clock: Pick<Clock, "nowMs">;
  readonly board: ShardBoard;
  readonly backlog: Backlog;
  readonly view: Pick<NodeView, "host">;
  readonly care: ThreadCare;
  /** A shard asks a service, perhaps again. */
  onRequest(request: ShardRequest): void;
  /** A host's thread ended; `metrics` are the last it reported. */
  onDeath(metrics: MetricsJson): void;
}

export class NodeHosts {
  readonly spare: SpareHost;
  readonly #parts: NodeHostsParts;
  readonly #hostSettings: HostSettings;
  readonly #handles: readonly HostHandle[];
  readonly #startWatch: StartWatch;
  readonly #settled = Promise.withResolvers<void>();

  constructor(parts: NodeHostsParts) {
    this.#parts = parts;
    const { settings, writers, clock, board, care } = parts;
    const { shards: shardCount, definitionsUrl, limits, topics, isTraced, hostHeapMiB: heapMiB } = settings;
    const isPublishing = settings.onPublished !== null;
    this.#hostSettings = { shardCount, definitionsUrl, limits, topics, isTraced, isPublishing, heapMiB };
    this.#startWatch = new StartWatch({
      clock,
      hosts: settings.threads,
      waitingFor: () => board.waitingFor(),
      report: settings.report,
    });
    this.spare = new SpareHost({
      settings: this.#hostSettings,
      care,
      clock: machineTimerClock,
      connectLog: (client) => writers.log.connect(client),
      connectStore: () => writers.store.connect(),
      folded: () => board.statuses().map(({ folded }) => folded),
    });
    this.#handles = Array.from({ length: settings.threads }, (_, host) => this.#makeHost(host));
  }

  #makeHost(host: number): HostHandle {
    const { settings, writers, board, view, care, onRequest, onDeath } = this.#parts;
    const { shards, threads, report } = settings;
    const own = Array.from({ length: shards }, (_, shard) => shard).filter((shard) =>
      shard % threads === host
    );
    return new HostHandle({
      host,
      shards: own,
      thread: () => this.spare.take() ?? new HostLife(this.#hostSettings, care),
      connectLog: (client) => writers.log.connect(client),
      connectStore: () => writers.store.connect(),
      details: () => view.host(host, own),
      report,
      onReport: (reports) => this.#reported(host, own, reports),
      onRequest,
      onPublished: (published) => settings.onPublished?.(published),
      onDeath: (metrics) => {
        for (const shard of own) board.lost(shard);
        onDeath(metrics);
      },
    });
  }

  #reported(host: number, own: readonly number[], reports: readonly ShardReport[]): void {
    const { board, backlog } = this.#parts;
    this.#startWatch.heard(host);
    for (const shard of reports) {
      board.reported(shard);
      // A refused shard folds nothing: what it has must not count against the others.
      backlog.folded(shard.shard, shard.refusal === null ? shard.folded : Infinity);
    }
    if (own.every((shard) => board.isSettled(shard))) this.#settleIfAll();
  }

  #settleIfAll(): void {
    const { board } = this.#parts;
    for (let shard = 0; shard < board.shardCount; shard++) if (!board.isSettled(shard)) return;
    this.#settled.resolve();
  }

  /** Resolves when every shard folds, or is refused, for the first time. */
  get settled(): Promise<void> {
    return this.#settled.promise;
  }

  /** To be called every second or so of the start; an error when it has failed. */
  checkStart(): Error | null {
    return this.#startWatch.check();
  }

  /** As the supervisor has them. */
  children(): Child[] {
    return this.#handles.map((host) => host.child());
  }

  /** The number of the shard's host. */
  hostOf(shard: number): number {
    return shard % this.#handles.length;
  }

  /** Calls the shard's host; see `HostHandle.call`. */
  call<T>(shard: number, method: string, args: readonly unknown[]): Promise<T> {
    return this.#handles[this.hostOf(shard)]!.call<T>(method, args);
  }

  /** Hands out every actor in memory again; see `HostCalls`. */
  publishAll(): void {
    for (const host of this.#handles) {
      // One that dies has no actors in memory.
      host.call("publishAll", []).catch(() => {});
    }
  }

  /** Sums over all threads that there were. */
  get totals(): HostTotals {
    return this.#handles.map(({ totals }) => totals).reduce(addTotals);
  }

  /** See `turn_board.ts`; null while the host has no thread. */
  turnBoard(host: number): SharedArrayBuffer | null {
    return this.#handles[host]?.board ?? null;
  }

  metrics(): Promise<MetricsJson[]> {
    return Promise.all(this.#handles.map((host) => metricsOf(host)));
  }

  /** Ends a host's thread as its death would. */
  kill(host: number, reason: string): void {
    this.#handles[host]?.kill(reason);
  }

  /** Calls fail from now on: no host will be started again. */
  close(): void {
    for (const host of this.#handles) host.close();
  }
}

/** Fresh ones, or those reported last when the host does not answer in time. */
async function metricsOf(host: HostHandle): Promise<MetricsJson> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<null>((resolve) => timer = setTimeout(() => resolve(null), metricsDeadlineMs));
  const fresh = await Promise.race([host.readMetrics().catch(() => null), late]);
  clearTimeout(timer);
  return fresh ?? host.lastMetrics;
}
