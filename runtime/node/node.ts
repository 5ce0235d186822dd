/**
 * A running node: the composition of its parts, and their start and stop.
 *
 *     startEngine ──▶ writer threads (store, log) ──▶ host threads ──▶ joined ──▶ its shards claimed and replayed
 *     stop        ──▶ services ended ──▶ gateway drained ──▶ shards flushed ──▶ hosts ended ──▶ log and store closed
 *
 * 1. `startEngine` resolves when every shard of the node folds (or is refused, which `status` tells), or throws with
 *    every thread ended. Without other nodes all shards are its own.
 * 2. A dead or hanging host thread is started again and claims its shards; nothing accepted is lost or folded twice.
 *    One that dies too often is fatal. A compute thread is started again; so is their supervisor when they die too
 *    often, and that too often is fatal, as it is when it cannot be started at all, a moment after the node.
 * 3. A dead writer thread is fatal: its file may stay locked until the process ends.
 * 4. Shards come and go as the nodes agree, at any time. One that leaves stops at once. A node that stops takes none
 *    any more, and leaves the agreement, with its log, after its last checkpoints.
 * 5. A thread that cannot be ended wears the process out: `onWorn` hears of it, and goes on until it is replaced.
 */

import type { Address } from "../core/actor.ts";
import { joinFrame } from "../core/frame.ts";
import { shardOf } from "../core/murmur2.ts";
import type { Control } from "../core/control.ts";
import { RemoteLog } from "../log/remote_log.ts";
import { hasSettled } from "../rpc.ts";
import type { Store } from "../store/port.ts";
import { RemoteStore } from "../store/remote_store.ts";
import type { AbandonedThreads } from "./abandoned.ts";
import { type ActorModule, loadActorModule } from "./actor_module.ts";
import { Backlog } from "./backlog.ts";
import { keptBy, NodeBackups } from "./backups.ts";
import { ShardedBatch } from "./batch.ts";
import { machineClock } from "./clock.ts";
import { ComputeMetrics } from "./compute_metrics.ts";
import { ComputePool, type ComputeSettings } from "./compute_pool.ts";
import { type ClusterStatus, clusterStatus, topicLag } from "./cluster_view.ts";
import { controlPiece } from "./control.ts";
import { Deadlines } from "./deadlines.ts";
import {
  type AskOptions,
  type AskResult,
  type Batch,
  type Engine,
  EngineError,
  type EngineStatus,
  type RecordBatch,
  type SuspendedPage,
} from "./engine.ts";
import { errorMessage, invariant } from "../core/errors.ts";
import { AskedEnds, boardEnds } from "./log_ends.ts";
import { Gateway } from "./gateway.ts";
import { Expiry, expiryShard } from "./expiry.ts";
import { FreeProcessors } from "./free_processors.ts";
import {
  closeWritersMs,
  firstComputePauseMs,
  metricsDeadlineMs,
  sendDeadlineMs,
  startCheckMs,
  watchdogTickMs,
} from "./limits.ts";
import { StampClock } from "./stamp_clock.ts";
import { type Agreements, NodeMembership } from "./node_membership.ts";
import { NodeMetrics } from "./metrics.ts";
import { HostThreads } from "./host_threads.ts";
import { NodeHosts } from "./node_hosts.ts";
import { type NodeTree, nodeTree } from "./node_tree.ts";
import { NodeView } from "./node_view.ts";
import { type EngineOptions, settle, type Settled } from "./options.ts";
import { ShardedRecords } from "./record_batch.ts";
import { peerDoor } from "./peer_door.ts";
import { Peers } from "./peers.ts";
import { peerConnections } from "./peer_client.ts";
import { Rebalances } from "./rebalances.ts";
import { suspendedPage } from "./suspended_page.ts";
import { mayReplay, replayPiece } from "./replay.ts";
import { errorCode, isPassing, retry } from "./retry.ts";
import { Router } from "./router.ts";
import { ServiceMetrics } from "./service_metrics.ts";
import { Services } from "./services.ts";
import { ShardBoard } from "./shard_board.ts";
import type { Child, SupervisorTree } from "./supervisor.ts";
import { machineTimerClock } from "./timer_clock.ts";
import type { Tracing } from "./tracing.ts";
import type { Watchdog } from "./watchdog.ts";
import { openWriters, type Writers } from "./writers.ts";

export type { EngineOptions } from "./options.ts";

/** Starts a node on a folder; see guarantee 1. Throws a `LogError`, a `StoreError`, or what the actors' module threw. */
export async function startEngine(options: EngineOptions): Promise<EmbeddedEngine> {
  const settings = settle(options);
  const actors = await loadActorModule(settings.definitionsUrl, settings.topics);
  const tracing = settings.isTraced ? (await import("./open_telemetry.ts")).openTelemetry() : null;
  const opening = openWriters(settings);
  const threads = new HostThreads(settings);
  threads.prepare(settings.threads);
  let writers: Writers;
  try {
    writers = await opening;
  } catch (thrown) {
    await threads.close();
    throw thrown;
  }
  const { membership } = writers.log;
  const engine = new EmbeddedEngine({ settings, actors, threads, writers, tracing, agreements: membership });
  await engine.start();
  return engine;
}

export interface EngineParts {
  readonly settings: Settled;
  readonly actors: ActorModule;
  readonly threads: HostThreads;
  readonly writers: Writers;
  readonly tracing: Tracing | null;
  /** Null when there is no other node. */
  readonly agreements: Agreements | null;
}

export class EmbeddedEngine implements Engine {
  readonly shardCount: number;
  readonly store: Store;
  /** Random name given when the store was made: nodes of one cluster have the same. */
  readonly storeIdentity: string;
  readonly backups: NodeBackups;
  readonly compute: ComputePool | null;
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
  readonly #view: NodeView;
  readonly #peers: Peers | null;
  readonly #rebalances: Rebalances;
  readonly #router: Router;
  readonly #metrics: NodeMetrics;
  readonly #hosts: NodeHosts;
  readonly #watchdog: Watchdog;
  readonly #abandoned: AbandonedThreads;
  readonly #threads: HostThreads;
  readonly #tree: NodeTree;
  readonly #services: Services;
  readonly #expiry: Expiry;
  readonly #membership: NodeMembership;
  /** Rejects when the start has failed. */
  readonly #failed = Promise.withResolvers<never>();
  #isStarted = false;
  #cancelCompute = () => {};
  #stopping: Promise<void> | null = null;

  constructor({ settings, actors, threads, writers, tracing, agreements }: EngineParts) {
    this.#settings = settings;
    this.#actors = actors;
    this.#writers = writers;
    this.shardCount = settings.shards;
    this.store = new RemoteStore(writers.store.connect());
    this.storeIdentity = writers.storeIdentity;
    this.backups = new NodeBackups({
      files: writers,
      elsewhere: settings.servers === null ? null : keptBy(settings.servers),
      clock: machineTimerClock,
      newId: () => crypto.randomUUID(),
      report: (sentence) => this.#warn("backup-hold-failed", sentence),
    });
    this.#log = new RemoteLog(writers.log.connect("gateway"));
    this.#board = new ShardBoard(writers.extents, (shard) => this.#hosts.hostOf(shard));
    this.#backlog = new Backlog(settings.shards, (shard) => this.#board.isOwn(shard));
    this.#metrics = new NodeMetrics({
      waitingBytes: () => this.#gateway.waitingBytes,
      backlogBytes: () => this.#backlog.bytes,
      isReady: () => this.status().ready,
      ownShards: () => this.#ownShards().length,
      abandonedThreads: () => this.#abandoned.count,
    });
    this.#gateway = this.#makeGateway(tracing);
    this.#view = new NodeView({
      hosts: settings.threads,
      board: this.#board,
      backlog: this.#backlog,
      clock: this.#clock,
      log: this.#log,
      topics: Object.keys(settings.topics),
      logNowMs: () => this.logNowMs(),
      turnBoard: (host) => this.#hosts.turnBoard(host),
    });
    this.#rebalances = new Rebalances({ nowMs: () => this.#clock.nowMs(), wallMs: Date.now });
    this.#peers = this.#makePeers();
    this.#router = new Router({
      clock: this.#clock,
      board: this.#board,
      ends: settings.servers === null
        ? boardEnds(this.#board)
        : new AskedEnds(this.#log, this.#board, this.#clock),
      view: this.#view,
      peers: this.#peers,
      isOwn: (shard) => this.#board.isOwn(shard),
      call: (shard, folded, request) => this.#hosts.ask(shard, folded, request),
      logNowMs: () => this.logNowMs(),
    });
    this.#threads = threads;
    this.#watchdog = threads.care.watchdog;
    this.#abandoned = threads.care.abandoned;
    this.#hosts = new NodeHosts({
      settings,
      writers,
      clock: this.#clock,
      board: this.#board,
      backlog: this.#backlog,
      view: this.#view,
      threads,
      onReport: (shard) => this.#rebalances.reported(shard),
      onRequest: (request) => this.#services.request(request),
      onDeath: (metrics) => {
        if (this.#stopping === null) this.#metrics.hostDied(metrics);
      },
    });
    this.#membership = new NodeMembership({
      agreements,
      shardCount: settings.shards,
      hosts: this.#hosts,
      rebalances: this.#rebalances,
      report: settings.report,
      refused: (error) => this.#lost(error),
    });
    this.compute = settings.compute === null ? null : this.#makeCompute(settings.compute);
    this.#services = this.#makeServices();
    this.#tree = nodeTree({
      writers: writers.supervisor,
      closeClients: async () => {
        await Promise.all([this.#log.close(), this.store.close()]);
      },
      hosts: this.#hosts.children(),
      compute: this.compute?.supervised() ?? null,
      requested: settings.services.length === 0 ? null : this.#services.supervised(),
      report: settings.report,
    });
    this.#expiry = new Expiry({
      store: this.store,
      isDue: () => this.#board.isOwn(expiryShard),
      historyMs: settings.retentionMs,
      logNowMs: () => this.logNowMs(),
      expired: (what, rows) => this.#metrics.expired(what, rows),
      report: settings.report,
    });
  }

  /** Null where the log is this node's alone. */
  #makePeers(): Peers | null {
    const { member, report } = this.#settings;
    const { secret, log: { membership } } = this.#writers;
    if (membership === null) return null;
    const door = peerDoor({
      secret,
      answer: (question, signal) => this.#router.answer(question, signal),
      suspended: () => this.#board.suspended(),
      report,
    });
    this.#settings.onDoor(door);
    const table = () => membership.table();
    return new Peers({ self: member, secret, clock: this.#clock, connect: peerConnections, report, table });
  }

  #makeGateway(tracing: Tracing | null): Gateway {
    return new Gateway({
      start: crypto.randomUUID(),
      shardCount: this.shardCount,
      log: this.#log,
      logWaitingFor: () => this.#writers.logWaitingFor(),
      clock: this.#clock,
      backlog: this.#backlog,
      shards: this.#board,
      observer: this.#metrics,
      deadlines: this.#deadlines,
      tracing,
      report: this.#settings.report,
      onReceipt: (shard, offset, stampMs) => {
        this.#board.appended(shard, offset);
        this.#logClock.saw(stampMs);
      },
    });
  }

  #makeCompute(settings: ComputeSettings): ComputePool {
    const free = new FreeProcessors();
    const pool: ComputePool = new ComputePool({
      settings,
      clock: machineTimerClock,
      abandoned: this.#abandoned,
      observer: new ComputeMetrics(this.#metrics.registry, () => pool),
      freeShare: () => free.share(),
    });
    return pool;
  }

  #makeServices(): Services {
    const metrics = new ServiceMetrics(this.#metrics.registry, () => this.#services.lanes);
    return new Services({
      services: this.#settings.services,
      shardCount: this.shardCount,
      isOwn: (shard) => this.#board.isOwn(shard),
      clock: machineTimerClock,
      logNowMs: () => this.logNowMs(),
      send: (piece) => this.#gateway.send([piece], false),
      onEnd: (service, end) => metrics.ended(service, end),
      report: this.#settings.report,
    });
  }

  /** Starts the threads; resolves when they run and every own shard is settled, throws with every thread ended. */
  async start(): Promise<void> {
    void this.#writers.lost.then((error) => this.#lost(error));
    void this.#tree.root.ended.then(({ reason, sentence }) => {
      if (reason === "failed") this.#lost(new Error(sentence));
    });
    const watch = setInterval(() => {
      this.#view.look();
      this.#gateway.look();
      this.#watchdog.tick(this.#clock.nowMs());
      if (this.#watchdog.isInDoubt) this.#hosts.spare.rest();
      if (this.#stopping === null) this.#abandoned.check();
    }, watchdogTickMs);
    void this.#tree.root.ended.then(() => clearInterval(watch));
    this.#membership.start();
    const started = this.#tree.root.start();
    const check = setInterval(() => {
      const error = this.#hosts.checkStart();
      if (error !== null) this.#failed.reject(error);
    }, startCheckMs);
    try {
      const up = Promise.all([this.#hosts.settled, started]).then(() => this.#learnTime());
      await Promise.race([up, this.#failed.promise]);
    } catch (error) {
      await this.#end(0);
      throw error;
    } finally {
      clearInterval(check);
    }
    this.#isStarted = true;
    this.#expiry.start();
    this.#cancelCompute = machineTimerClock.after(firstComputePauseMs, () => void this.#addCompute());
    this.#tree.hosts.current?.add(this.#hosts.spare.child()).catch((thrown: unknown) =>
      this.#stopping ?? this.#warn("no-spare-host", `${errorMessage(thrown)} There is no spare host.`)
    );
  }

  async #addCompute(): Promise<void> {
    const { services, compute } = this.#tree;
    if (compute === null || services.current === null) return;
    try {
      await services.current.add(compute);
    } catch (thrown) {
      this.#lost(new Error(errorMessage(thrown), { cause: thrown }));
    }
  }

  /**
   * Where the log's clock is another machine's, a first stamp is had by a frame of nothing: with its own clock, if that is
   * slow, the node would take what is sent now for something of the future, and refuse it.
   */
  async #learnTime(): Promise<void> {
    if (this.#peers === null) return;
    const text = joinFrame({ type: "tick", epoch: 0 }, [], []);
    const outcome = await retry(() => this.#log.append([{ shard: 0, text }]), {
      clock: this.#clock,
      isWanted: () => this.#stopping === null,
      goesOn: (error) => isPassing(errorCode(error)),
    });
    if (outcome.type === "failed") throw outcome.error;
    if (outcome.type === "done") this.#logClock.saw(outcome.value[0]!.stampMs);
  }

  /** A part that the node cannot do without is gone. */
  #lost(error: Error): void {
    if (this.#isStarted && this.#stopping === null) this.#settings.onFatal(error);
    else this.#failed.reject(error);
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

  records(topic: string, partition: number): RecordBatch {
    const { registry } = this.#actors;
    return new ShardedRecords(
      registry,
      this.shardCount,
      topic,
      partition,
      (pieces, isKeyed) => this.#gateway.send(pieces, isKeyed),
    );
  }

  lastRecords(deadlineMs: number): Promise<ReadonlyMap<string, number>> {
    return this.#router.lastRecords(deadlineMs);
  }

  refusal(): EngineError | null {
    return this.#gateway.refusal();
  }

  ask(target: Address, query: string, args: unknown, options: AskOptions): Promise<AskResult> {
    return this.#measured(() => this.#router.ask(target, query, args, options));
  }

  trace(target: Address, limit: number, options: AskOptions): Promise<AskResult> {
    return this.#measured(() => this.#router.trace(target, limit, options));
  }

  async #measured(ask: () => Promise<AskResult>): Promise<AskResult> {
    const startMs = this.#clock.nowMs();
    try {
      return await ask();
    } finally {
      this.#metrics.asked(this.#clock.nowMs() - startMs);
    }
  }

  async flush(deadlineMs: number, shards?: readonly number[]): Promise<void> {
    const waitingFor = this.#writers.storeWaitingFor();
    // It would be away for all of the deadline, and the asker would not learn why.
    if (waitingFor !== null) {
      throw new EngineError("unavailable", `Cannot make checkpoints: ${waitingFor}`, 1);
    }
    await this.#router.flush(deadlineMs, shards);
  }

  /** As `flush`, of the shards that are the node's; those that leave meanwhile are others' to flush. */
  async #flushOwn(deadlineMs: number): Promise<void> {
    // A refused one would not answer.
    const shards = this.#ownShards().filter((shard) => this.#board.refusal(shard) === null);
    await Promise.all(
      shards.map((shard) => Promise.race([this.flush(deadlineMs, [shard]), this.#hosts.left(shard)])),
    );
  }

  #allShards(): number[] {
    return Array.from({ length: this.shardCount }, (_, shard) => shard);
  }

  #ownShards(): number[] {
    return this.#allShards().filter((shard) => this.#board.isOwn(shard));
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

  /** Hands out every actor in memory to `onPublished` again, spread over the next seconds. */
  publishAll(): void {
    this.#hosts.publishAll();
  }

  suspended(after: string, limit: number, deadlineMs: number): Promise<SuspendedPage> {
    return suspendedPage(this.#board.suspended(), this.#peers, { after, limit, deadlineMs });
  }

  cluster(deadlineMs: number): Promise<ClusterStatus> {
    const { membership } = this.#writers.log;
    return clusterStatus({
      self: this.#settings.member,
      shardCount: this.shardCount,
      store: this.store,
      log: this.#log,
      topics: Object.keys(this.#settings.topics),
      table: membership === null ? null : () => membership.table(),
      rebalances: () => this.#rebalances.list(),
    }, deadlineMs);
  }

  /**
   * Records of a foreign topic that is folded directly, of this node's shards, that are in no confirmed checkpoint; null
   * when that is not known soon: whoever is away is told of elsewhere.
   */
  async topicLag(topic: string): Promise<number | null> {
    const asked = topicLag({ store: this.store, log: this.#log }, topic, (shard) => this.#board.isOwn(shard))
      .catch(() => null);
    return await hasSettled(asked, metricsDeadlineMs) ? await asked : null;
  }

  logNowMs(): number {
    return this.#logClock.nowMs();
  }

  status(): EngineStatus {
    const waitingFor = this.#stopping === null
      ? this.#writers.waitingFor() ?? this.#hosts.waitingFor()
      : "The node is stopping";
    return {
      ready: waitingFor === null,
      waitingFor,
      shards: this.#board.statuses(),
      totals: { ...this.#hosts.totals, accepted: this.#metrics.acceptedMessages },
    };
  }

  tree(): SupervisorTree {
    return this.#tree.root.tree();
  }

  async metrics(): Promise<string> {
    const hosts = this.#hosts.metrics();
    return await this.#metrics.text(await hosts, await this.#writers.memory());
  }

  /** Ends a host's thread as its death would: for drills, and for whoever finds that it hangs. */
  killHost(host: number, reason: string): void {
    this.#hosts.kill(host, reason);
  }

  killSpare(reason: string): void {
    this.#hosts.spare.kill(reason);
  }

  /** Ends the log's or the store's thread, as its death would. */
  async terminateWriter(writer: "log" | "store"): Promise<void> {
    await this.#writers[writer].worker.terminate();
  }

  /**
   * Takes the dead node of that name out of the nodes' agreement; false: it did not belong to it, or this node shares its
   * log with no other. Throws a `LogError` "unavailable".
   */
  async evict(name: string): Promise<boolean> {
    return await this.#writers.log.membership?.evict(name) ?? false;
  }

  supervise(child: Child): Promise<void> {
    const { current } = this.#tree.services;
    invariant(current !== null, "Services are added to a node that has started");
    return current.add(child);
  }

  stop(deadlineMs: number): Promise<void> {
    return this.#stopping ??= this.#end(deadlineMs);
  }

  #warn(event: string, message: string): void {
    this.#settings.report({ level: "warn", component: "node", event, message });
  }

  #step(message: string, afterMs: number): void {
    const fields = { afterMs: Math.round(afterMs) };
    this.#settings.report({
      level: "info",
      component: "node",
      event: "stopping",
      like: message,
      message,
      fields,
      isStep: true,
    });
  }

  async #end(deadlineMs: number): Promise<void> {
    const startMs = this.#clock.nowMs();
    const endMs = startMs + deadlineMs;
    const step = (message: string) => this.#step(message, this.#clock.nowMs() - startMs);
    const leftMs = () => Math.max(0, endMs - this.#clock.nowMs());
    this.#cancelCompute();
    this.#membership.stop();
    this.#services.close();
    this.compute?.close();
    this.backups.close();
    // They are the first to go, as they send and ask.
    // A tree that has ended as a whole has no services to remove.
    const served = this.#tree.root.remove(this.#tree.services.id).catch(() => {});
    if (!await settledBy(leftMs(), served)) this.#tree.services.current?.kill();
    step("Its services have ended: nothing new is accepted.");
    if (deadlineMs > 0) {
      await settledBy(leftMs(), this.#gateway.stop());
      step("What was accepted is in the log.");
      try {
        await this.#flushOwn(leftMs());
      } catch (thrown) {
        if (!(thrown instanceof EngineError)) throw thrown;
        this.#warn(
          "not-folded",
          `What is not folded yet is folded at the next start: ${errorMessage(thrown)}`,
        );
      }
    }
    step("Its shards have made their last checkpoints.");
    this.#router.stop();
    this.#peers?.close();
    await settledBy(leftMs() + closeWritersMs, this.#expiry.stop());
    this.#hosts.close();
    const { hosts, root } = this.#tree;
    const stopped = root.stop();
    if (hosts.current !== null && !await settledBy(leftMs(), hosts.current.ended.then(() => {}))) {
      hosts.current.kill();
    }
    if (!await settledBy(leftMs() + closeWritersMs, stopped)) {
      this.#warn(
        "writers-not-closed",
        "The log's or the store's thread did not end in time. What was accepted is in the log all the same.",
      );
    }
    step("Its threads have ended.");
    this.#deadlines.close();
    await this.#threads.close();
  }
}

/** Waits for `work`, but no longer than so; true when it is done. Throws what it threw by then. */
async function settledBy(waitMs: number, work: Promise<void>): Promise<boolean> {
  if (!await hasSettled(work, waitMs)) return false;
  await work;
  return true;
}
