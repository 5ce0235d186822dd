/**
 * The node's shard hosts: which of them folds which of the node's shards, and what they say.
 *
 * 1. `own` may come at any time, and again before the last one is carried out: hosts, board and backlog end as the last
 *    one says. A shard that the node keeps is left alone, unless another host has to take it for balance.
 * 2. A report settles what the board and the backlog know of its shards; a death leaves nothing known but the counts.
 * 3. A host that has died is given a warm thread, if there is any.
 */

import type { Answer, ShardQuery } from "../core/shard_api.ts";
import type { Backlog } from "./backlog.ts";
import type { Clock } from "./clock.ts";
import { addTotals, HostHandle } from "./host_handle.ts";
import type { HostTotals, MetricsJson, ShardReport, ShardRequest } from "./host_protocol.ts";
import type { HostThreads } from "./host_threads.ts";
import { metricsDeadlineMs } from "./limits.ts";
import type { NodeView } from "./node_view.ts";
import type { Settled } from "./options.ts";
import { place, type Placement } from "./placement.ts";
import { Practice } from "./practice.ts";
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
  readonly threads: HostThreads;
  /** What a host says of one of its shards. */
  onReport(report: ShardReport): void;
  /** A shard asks a service, perhaps again. */
  onRequest(request: ShardRequest): void;
  /** A host's thread ended; `metrics` are the last it reported. */
  onDeath(metrics: MetricsJson): void;
}

export class NodeHosts {
  readonly spare: SpareHost;
  readonly #parts: NodeHostsParts;
  readonly #handles: readonly HostHandle[];
  readonly #startWatch: StartWatch;
  /** Hosts that have reported. */
  readonly #heard = new Set<number>();
  readonly #practice = new Practice();
  readonly #up = Promise.withResolvers<void>();
  /** By shard that somebody watches: to be resolved when it leaves. */
  readonly #leaving = new Map<number, PromiseWithResolvers<void>>();
  #placement: Placement;
  /** Whether it is known which shards are the node's. */
  #isPlaced = false;
  readonly #settled = Promise.withResolvers<void>();

  constructor(parts: NodeHostsParts) {
    this.#parts = parts;
    const { settings, writers, clock, threads } = parts;
    this.#placement = new Array<null>(settings.shards).fill(null);
    this.#startWatch = new StartWatch({
      clock,
      hosts: settings.threads,
      waitingFor: () => this.waitingFor(),
      report: settings.report,
    });
    this.spare = new SpareHost({
      threads,
      clock: machineTimerClock,
      connectLog: (client) => writers.log.connect(client),
      connectStore: () => writers.store.connect(),
      practice: () => this.#practice.ranges,
    });
    this.#handles = Array.from({ length: settings.threads }, (_, host) => this.#makeHost(host));
  }

  #makeHost(host: number): HostHandle {
    const { settings, writers, board, view, threads, onRequest, onDeath } = this.#parts;
    const handle: HostHandle = new HostHandle({
      host,
      thread: () => this.spare.take() ?? threads.take(),
      connectLog: (client) => writers.log.connect(client),
      connectStore: () => writers.store.connect(),
      details: () => view.host(host, handle.shards),
      report: settings.report,
      onReport: (reports) => this.#reported(host, reports),
      onRequest,
      onPublished: (published) => settings.onPublished?.(published),
      onDeath: (metrics) => {
        for (const shard of handle.shards) board.lost(shard);
        onDeath(metrics);
      },
      onDeathInTurn: (shard, death) => this.#practice.died(shard, death),
    });
    return handle;
  }

  /** From now on these shards are the node's, and no others. */
  own(shards: readonly number[]): void {
    const { board, backlog } = this.#parts;
    const before = this.#placement;
    this.#placement = place(shards, this.#handles.length, before);
    this.#isPlaced = true;
    for (const [shard, host] of this.#placement.entries()) {
      if (host === before[shard]) continue;
      board.moved(shard);
      if (host !== null) continue;
      backlog.left(shard);
      this.#practice.left(shard);
      this.#leaving.get(shard)?.resolve();
      this.#leaving.delete(shard);
    }
    for (const handle of this.#handles) {
      handle.own(shards.filter((shard) => this.#placement[shard] === handle.host));
    }
    this.#settleIfAll();
  }

  /** Resolves when the shard, which is the node's, has become another node's. */
  left(shard: number): Promise<void> {
    const leaving = this.#leaving.get(shard) ?? Promise.withResolvers<void>();
    this.#leaving.set(shard, leaving);
    return leaving.promise;
  }

  #reported(host: number, reports: readonly ShardReport[]): void {
    const { board, backlog, onReport } = this.#parts;
    this.#startWatch.heard(host);
    this.#heard.add(host);
    if (this.#heard.size === this.#handles.length) this.#up.resolve();
    for (const shard of reports) {
      board.reported(shard);
      this.#practice.reported(shard);
      onReport(shard);
      // A refused shard folds nothing: what it has must not count against the others.
      backlog.folded(shard.shard, shard.refusal === null ? shard.folded : Infinity);
    }
    this.#settleIfAll();
  }

  #settleIfAll(): void {
    const { board } = this.#parts;
    if (!this.#isPlaced || this.#heard.size < this.#handles.length) return;
    for (let shard = 0; shard < board.shardCount; shard++) {
      if (board.isOwn(shard) && !board.isSettled(shard)) return;
    }
    this.#settled.resolve();
  }

  /** What keeps the node from being ready, as a sentence; null when nothing does. */
  waitingFor(): string | null {
    if (!this.#isPlaced) return "The nodes have not agreed yet which shards are this one's";
    return this.#parts.board.waitingFor();
  }

  /** Resolves when every host can fold. */
  get up(): Promise<void> {
    return this.#up.promise;
  }

  /** Resolves when every shard of the node folds, or is refused, for the first time. */
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

  /** The number of the shard's host; null when it is another node's. */
  hostOf(shard: number): number | null {
    return this.#placement[shard] ?? null;
  }

  /** Asks the shard by its host; see `HostHandle.call`. Of another node's it says "moved". */
  ask(shard: number, folded: number, request: ShardQuery["request"]): Promise<Answer> {
    const handle = this.#handles[this.hostOf(shard) ?? -1];
    if (handle === undefined) return Promise.resolve({ type: "moved" });
    return handle.call<Answer>("ask", [shard, folded, request]);
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
