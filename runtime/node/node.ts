/**
 * A running node, embedded: the composition of its parts, and their start and stop.
 *
 *     startEngine ──▶ writer threads (store, log) ──▶ host threads ──▶ every shard claimed and replayed
 *     stop        ──▶ gateway drained ──▶ shards flushed ──▶ hosts ended ──▶ log and store closed
 *
 * 1. `startEngine` resolves when every shard folds (or is refused, which `status` tells), or throws with every
 *    thread ended.
 * 2. A dead or hanging host thread is started again and claims its shards; nothing accepted is lost or folded twice.
 *    One that dies too often is fatal.
 * 3. A dead writer thread is fatal: its file may stay locked until the process ends.
 */

import type { Address } from "../core/actor.ts";
import { shardOf } from "../core/murmur2.ts";
import type { Control } from "../core/control.ts";
import type { Answer } from "../core/shard_api.ts";
import { RemoteLog } from "../log/remote_log.ts";
import type { Store } from "../store/port.ts";
import { RemoteStore } from "../store/remote_store.ts";
import { type ActorModule, loadActorModule } from "./actor_module.ts";
import { Backlog } from "./backlog.ts";
import { ShardedBatch } from "./batch.ts";
import { machineClock } from "./clock.ts";
import { controlPiece } from "./control.ts";
import { Deadlines } from "./deadlines.ts";
import {
  type AskOptions,
  type AskResult,
  type Batch,
  type Engine,
  EngineError,
  type EngineStatus,
  type Suspended,
} from "./engine.ts";
import { errorMessage } from "../core/errors.ts";
import { Gateway } from "./gateway.ts";
import { Expiry } from "./expiry.ts";
import { addTotals, HostHandle } from "./host_handle.ts";
import type { MetricsJson } from "./host_protocol.ts";
import {
  closeWritersMs,
  hostBackoff,
  hostIntensity,
  metricsDeadlineMs,
  sendDeadlineMs,
  startCheckMs,
  watchdogTickMs,
} from "./limits.ts";
import { StampClock } from "./stamp_clock.ts";
import { NodeMetrics } from "./metrics.ts";
import { type EngineOptions, settle, type Settled } from "./options.ts";
import { mayReplay, replayPiece } from "./replay.ts";
import { Router } from "./router.ts";
import { ServiceMetrics } from "./service_metrics.ts";
import { Services } from "./services.ts";
import { ShardBoard } from "./shard_board.ts";
import { StartWatch } from "./start_watch.ts";
import { Supervisor, type SupervisorTree } from "./supervisor.ts";
import { machineTimerClock } from "./timer_clock.ts";
import { Watchdog } from "./watchdog.ts";
import { openWriters, type Writers } from "./writers.ts";

export type { EngineOptions } from "./options.ts";

/** Starts a node on a folder; see guarantee 1. Throws a `LogError`, a `StoreError`, or what the actors' module threw. */
export async function startEngine(options: EngineOptions): Promise<EmbeddedEngine> {
  const settings = settle(options);
  const actors = await loadActorModule(settings.definitionsUrl);
  const writers = await openWriters(settings);
  const engine = new EmbeddedEngine(settings, actors, writers);
  await engine.start();
  return engine;
}

export class EmbeddedEngine implements Engine {
  readonly shardCount: number;
  readonly store: Store;
  readonly #settings: Settled;
  readonly #actors: ActorModule;
  readonly #writers: Writers;
  readonly #log: RemoteLog;
  readonly #clock = machineClock;
  readonly #logClock = new StampClock(this.#clock, Date.now());
  readonly #board: ShardBoard;
  readonly #backlog: Backlog;
  readonly #deadlines = new Deadlines(sendDeadlineMs);
  readonly #gateway: Gateway;
  readonly #router: Router;
  readonly #metrics: NodeMetrics;
  readonly #hosts: readonly HostHandle[];
  readonly #watchdog = new Watchdog();
  readonly #supervisor: Supervisor;
  readonly #services: Services;
  readonly #serviceSupervisor: Supervisor;
  readonly #expiry: Expiry;
  readonly #settled = Promise.withResolvers<void>();
  readonly #startWatch: StartWatch;
  #stopping: Promise<void> | null = null;

  constructor(settings: Settled, actors: ActorModule, writers: Writers) {
    this.#settings = settings;
    this.#actors = actors;
    this.#writers = writers;
    this.shardCount = settings.shards;
    this.store = new RemoteStore(writers.store.connect());
    this.#log = new RemoteLog(writers.log.connect("gateway"));
    this.#board = new ShardBoard(writers.extents, (shard) => shard % settings.threads);
    this.#backlog = new Backlog(settings.shards);
    this.#metrics = new NodeMetrics({
      waitingBytes: () => this.#gateway.waitingBytes,
      backlogBytes: () => this.#backlog.bytes,
      isReady: () => this.#board.waitingFor() === null,
    });
    this.#gateway = this.#makeGateway();
    this.#router = new Router({
      clock: this.#clock,
      board: this.#board,
      call: (shard, folded, request) => this.#hostOf(shard).call<Answer>("ask", [shard, folded, request]),
      logNowMs: () => this.logNowMs(),
    });
    this.#startWatch = new StartWatch({
      clock: this.#clock,
      hosts: settings.threads,
      waitingFor: () => this.#board.waitingFor(),
      report: settings.report,
    });
    this.#hosts = Array.from({ length: settings.threads }, (_, host) => this.#makeHost(host));
    this.#supervisor = this.#makeSupervisor();
    this.#services = this.#makeServices();
    this.#serviceSupervisor = new Supervisor(this.#services.supervised(), {
      clock: machineTimerClock,
      random: Math.random,
      onNotice: () => {},
    });
    this.#expiry = new Expiry({
      store: this.store,
      historyMs: settings.retentionMs,
      logNowMs: () => this.logNowMs(),
      report: settings.report,
    });
  }

  #makeGateway(): Gateway {
    return new Gateway({
      start: crypto.randomUUID(),
      shardCount: this.shardCount,
      log: this.#log,
      clock: this.#clock,
      backlog: this.#backlog,
      shards: this.#board,
      observer: this.#metrics,
      deadlines: this.#deadlines,
      report: this.#settings.report,
      onReceipt: (shard, offset, stampMs) => {
        this.#board.appended(shard, offset);
        this.#logClock.saw(stampMs);
      },
    });
  }

  #makeHost(host: number): HostHandle {
    const { shards, threads, definitionsUrl, limits, hostHeapMiB, report } = this.#settings;
    const own = Array.from({ length: shards }, (_, shard) => shard).filter((shard) =>
      shard % threads === host
    );
    return new HostHandle({
      host,
      shards: own,
      settings: { shardCount: shards, definitionsUrl, limits, heapMiB: hostHeapMiB },
      watchdog: this.#watchdog,
      connectLog: (client) => this.#writers.log.connect(client),
      connectStore: () => this.#writers.store.connect(),
      report,
      onReport: (reports) => {
        this.#startWatch.heard(host);
        for (const shard of reports) {
          this.#board.reported(shard);
          // A refused shard folds nothing: what it has must not count against the others.
          this.#backlog.folded(shard.shard, shard.refusal === null ? shard.folded : Infinity);
        }
        if (own.every((shard) => this.#board.isSettled(shard))) this.#settleIfAll();
      },
      onRequest: (request) => this.#services.request(request),
      onDeath: (metrics) => {
        for (const shard of own) this.#board.lost(shard);
        if (this.#stopping === null) this.#metrics.hostDied(metrics);
      },
    });
  }

  #makeSupervisor(): Supervisor {
    const options = {
      id: "hosts",
      strategy: "one_for_one",
      intensity: hostIntensity,
      backoff: hostBackoff,
      children: this.#hosts.map((host) => host.child()),
    } as const;
    return new Supervisor(options, {
      clock: machineTimerClock,
      random: Math.random,
      onNotice: (notice) => {
        if (notice.type !== "childFailed") return;
        const sentence = notice.sentence.replace(
          ": ",
          ` and starts again in ${Math.ceil(notice.pauseMs)} ms: `,
        );
        this.#settings.report(sentence);
      },
    });
  }

  #makeServices(): Services {
    const metrics = new ServiceMetrics(this.#metrics.registry, () => this.#services.lanes);
    return new Services({
      services: this.#settings.services,
      shardCount: this.shardCount,
      clock: machineTimerClock,
      logNowMs: () => this.logNowMs(),
      send: (piece) => this.#gateway.send([piece], false),
      onEnd: (service, end) => metrics.ended(service, end),
      report: this.#settings.report,
    });
  }

  #hostOf(shard: number): HostHandle {
    return this.#hosts[shard % this.#hosts.length]!;
  }

  #settleIfAll(): void {
    for (let shard = 0; shard < this.shardCount; shard++) if (!this.#board.isSettled(shard)) return;
    this.#settled.resolve();
  }

  /** Starts the hosts; resolves when every shard is settled, throws with every thread ended. */
  async start(): Promise<void> {
    let isStarted = false;
    void this.#writers.lost.then((error) => {
      this.#lost(error, isStarted);
    });
    void this.#supervisor.ended.then(({ reason, sentence }) => {
      if (reason === "failed") this.#lost(new Error(sentence), isStarted);
    });
    const watch = setInterval(() => this.#watchdog.tick(), watchdogTickMs);
    void this.#supervisor.ended.then(() => clearInterval(watch));
    // Those that are down come up when they can: the node does not wait for them.
    void this.#serviceSupervisor.start();
    void this.#supervisor.start().catch(() => {});
    const check = setInterval(() => {
      const error = this.#startWatch.check();
      if (error !== null) this.#settled.reject(error);
    }, startCheckMs);
    try {
      await this.#settled.promise;
    } catch (error) {
      await this.#end(0);
      throw error;
    } finally {
      clearInterval(check);
    }
    isStarted = true;
    this.#expiry.start();
  }

  /** A part that the node cannot do without is gone. */
  #lost(error: Error, isStarted: boolean): void {
    if (isStarted && this.#stopping === null) this.#settings.onFatal(error);
    else this.#settled.reject(error);
  }

  shardOf(id: string): number {
    return shardOf(id, this.shardCount);
  }

  batch(key?: string): Batch {
    return new ShardedBatch(
      this.#actors.registry,
      this.shardCount,
      key ?? null,
      (pieces, isKeyed) => this.#gateway.send(pieces, isKeyed),
    );
  }

  async ask(target: Address, query: string, args: unknown, options: AskOptions): Promise<AskResult> {
    const startMs = this.#clock.nowMs();
    try {
      return await this.#router.ask(target, query, args, options);
    } finally {
      this.#metrics.asked(this.#clock.nowMs() - startMs);
    }
  }

  flush(deadlineMs: number, shards?: readonly number[]): Promise<void> {
    return this.#router.flush(deadlineMs, shards ?? this.#takingShards());
  }

  /** Shards that are not refused: no barrier on the others is ever met. */
  #takingShards(): number[] {
    const shards = Array.from({ length: this.shardCount }, (_, shard) => shard);
    return shards.filter((shard) => this.#board.refusal(shard) === null);
  }

  async replayDeadLetter(id: string): Promise<{ readonly replays: number } | null> {
    const letter = await this.store.deadLetter(id);
    if (letter === null || !mayReplay(letter)) return null;
    await this.#gateway.send([replayPiece(letter, this.shardCount)], true);
    return { replays: letter.replays + 1 };
  }

  resume(target: Address, control: Control, key?: string): Promise<void> {
    const piece = controlPiece(target, control, key ?? null, this.shardCount);
    return this.#gateway.send([piece], key !== undefined);
  }

  suspended(): readonly Suspended[] {
    return this.#board.suspended();
  }

  logNowMs(): number {
    return this.#logClock.nowMs();
  }

  status(): EngineStatus {
    const waitingFor = this.#stopping === null ? this.#board.waitingFor() : "The node is stopping";
    const folded = this.#hosts.map(({ totals }) => totals).reduce(addTotals);
    return {
      ready: waitingFor === null,
      waitingFor,
      shards: this.#board.statuses(),
      totals: { ...folded, accepted: this.#metrics.acceptedMessages },
    };
  }

  tree(): SupervisorTree {
    return this.#supervisor.tree();
  }

  async metrics(): Promise<string> {
    const hosts = Promise.all(this.#hosts.map((host) => this.#hostMetrics(host)));
    return await this.#metrics.text(await hosts, await this.#writers.memory());
  }

  /** Fresh ones, or those reported last when the host does not answer in time. */
  async #hostMetrics(host: HostHandle): Promise<MetricsJson> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<null>((resolve) => timer = setTimeout(() => resolve(null), metricsDeadlineMs));
    const fresh = await Promise.race([host.readMetrics().catch(() => null), late]);
    clearTimeout(timer);
    return fresh ?? host.lastMetrics;
  }

  /** Ends a host's thread as its death would: for drills, and for whoever finds that it hangs. */
  killHost(host: number, reason: string): void {
    this.#hosts[host]?.kill(reason);
  }

  stop(deadlineMs: number): Promise<void> {
    return this.#stopping ??= this.#end(deadlineMs);
  }

  async #end(deadlineMs: number): Promise<void> {
    const endMs = this.#clock.nowMs() + deadlineMs;
    const leftMs = () => Math.max(0, endMs - this.#clock.nowMs());
    this.#services.close();
    if (deadlineMs > 0) {
      await settledBy(leftMs(), this.#gateway.stop());
      try {
        await this.flush(leftMs());
      } catch (thrown) {
        if (!(thrown instanceof EngineError)) throw thrown;
        this.#settings.report(`What is not folded yet is folded at the next start: ${errorMessage(thrown)}`);
      }
    }
    this.#router.stop();
    await settledBy(leftMs() + closeWritersMs, this.#expiry.stop());
    for (const host of this.#hosts) host.close();
    const supervisors = [this.#serviceSupervisor, this.#supervisor];
    await Promise.all(supervisors.map(async (supervisor) => {
      if (!await settledBy(leftMs(), supervisor.stop())) supervisor.kill();
      await supervisor.ended;
    }));
    await Promise.all([this.#log.close(), this.store.close()]);
    this.#deadlines.close();
    if (!await settledBy(leftMs() + closeWritersMs, this.#writers.close())) {
      this.#settings.report(
        "The log's or the store's thread did not end in time. What was accepted is in the log all the same.",
      );
    }
  }
}

/** Waits for `work`, but no longer than so; true when it is done. Throws what it threw by then. */
async function settledBy(waitMs: number, work: Promise<void>): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<false>((resolve) => timer = setTimeout(() => resolve(false), waitMs));
  try {
    return await Promise.race([work.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
