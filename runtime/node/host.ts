/**
 * A shard host: some shards, one thread's time, answers for the main thread. `host_thread.ts` puts it on a thread.
 *
 * 1. Every ask settles: with the shard's answer, or "moved" when the shard stops first. A refused shard answers
 *    with an error of code "refused" that says why.
 * 2. A change of what the main thread must know (a shard runs, is refused) is reported at once, the rest within
 *    `reportIntervalMs` while something happens.
 * 3. A shard that leaves stops at once: nothing of it is appended, committed or trimmed that had not begun before, and
 *    what waits for its answer is told "moved". One that comes starts with nothing in memory. The others notice nothing.
 * 4. No count goes down when a shard leaves, or comes back.
 */

import type { HostDeath } from "../core/attempts.ts";
import {
  type Answer,
  noCounters,
  type ShardCounters,
  type ShardMachine,
  type ShardQuery,
} from "../core/shard_api.ts";
import type { MailboxLog, TopicLog } from "../log/port.ts";
import type { Store } from "../store/port.ts";
import type { ActorCounters } from "./actor_module.ts";
import type { Clock } from "./clock.ts";
import { checkpointNotices } from "./checkpoint_notices.ts";
import { CommitGroup } from "./commit_group.ts";
import { HostLoop } from "./host_loop.ts";
import { HostMetrics } from "./host_metrics.ts";
import type {
  HostAssignment,
  HostCalls,
  HostMessage,
  HostShares,
  HostTotals,
  MetricsJson,
  ShardReport,
} from "./host_protocol.ts";
import { idleReportIntervalMs, reportIntervalMs } from "./limits.ts";
import { type RunnerObserver, ShardRunner } from "./shard_runner.ts";
import { Trouble } from "./trouble.ts";
import type { Tracing } from "./tracing.ts";
import type { TurnBoard } from "./turn_board.ts";

export interface HostParts {
  readonly name: string;
  /** Its name in the rows of its shards. */
  readonly owner: string;
  /** A fresh one, which counts on from `counters`. */
  machine(shard: number, counters: ShardCounters): ShardMachine;
  readonly log: Pick<MailboxLog, "append" | "subscribe" | "extent" | "trim" | "holds">;
  /** As in `Surroundings`; left out: none. */
  readonly topics?: TopicLog;
  readonly store: Pick<Store, "epoch" | "claim" | "load" | "due" | "commit">;
  readonly clock: Clock;
  readonly board: TurnBoard;
  readonly counters: ActorCounters;
  readonly tracing: Tracing | null;
  post(message: HostMessage): void;
}

/** Why a shard cannot be asked, as an error that crosses threads. */
class RefusedError extends Error {
  readonly code = "refused";
}

export class ShardHost implements HostCalls {
  readonly #parts: HostParts;
  readonly #loop: HostLoop;
  readonly #commits: CommitGroup;
  readonly #runners = new Map<number, ShardRunner>();
  /** Of every shard that has ever been here. */
  readonly #counters = new Map<number, ShardCounters>();
  readonly #metrics: HostMetrics;
  readonly #asks = new Map<number, (answer: Answer) => void>();
  #lastQueryId = 0;
  /** See `HostShares`. */
  #number = 0;
  #isStopped = false;
  #reportedMs = -Infinity;
  /** How many shards are settled, to report a change of it at once. */
  #reportedSettled = -1;
  #lateReport: ReturnType<typeof setTimeout> | null = null;
  #idleReports: ReturnType<typeof setInterval> | null = null;

  constructor(parts: HostParts) {
    this.#parts = parts;
    const { store, clock, board, name } = parts;
    this.#commits = new CommitGroup(
      store,
      new Trouble({
        clock,
        component: name,
        event: "commit-failed",
        end: `The store takes checkpoints of ${name} again.`,
        report: (notice) => parts.post({ type: "notice", notice }),
      }),
    );
    this.#metrics = new HostMetrics(name, {
      runners: () => [...this.#runners.values()],
      shardCounters: () => [...this.#counters.values()],
      actorCounters: parts.counters,
    });
    this.#loop = new HostLoop(clock, this.#commits, board, {
      ran: (durationMs) => this.#metrics.folded(durationMs),
      rested: (nowMs) => this.#rested(nowMs),
    });
  }

  #makeRunner(shard: number): ShardRunner {
    const { log, topics = null, store, clock, owner, tracing, machine, post } = this.#parts;
    const counters = this.#counters.get(shard) ?? noCounters();
    this.#counters.set(shard, counters);
    return new ShardRunner(machine(shard, counters), {
      log,
      topics,
      store,
      commits: this.#commits,
      clock,
      owner,
      observer: this.#observer(),
      tracing,
      wake: (runner) => this.#loop.wake(runner),
      answered: (queryId, answer) => this.#answered(queryId, answer),
      requested: (request) => post({ type: "request", request }),
      published: (published) => post({ type: "published", published }),
    });
  }

  #observer(): RunnerObserver {
    const { name, post } = this.#parts;
    const metrics = this.#metrics;
    return {
      committed(checkpoint, durationMs) {
        metrics.committed(checkpoint, durationMs);
        for (const notice of checkpointNotices(name, checkpoint, durationMs)) {
          post({ type: "notice", notice });
        }
      },
      replayed: (durationMs) => metrics.replayed(durationMs),
      failed: (operation, code) => metrics.failed(operation, code),
    };
  }

  start({ number, shards, deaths }: Pick<HostAssignment, "number" | "shards" | "deaths">): void {
    this.#number = number;
    for (const shard of shards) this.#take(shard, deaths[shard] ?? null);
    this.#report();
    this.#idleReports = setInterval(() => void this.#reportAll(), idleReportIntervalMs);
  }

  own({ number, shards }: HostShares): Promise<void> {
    if (this.#isStopped) return Promise.resolve();
    this.#number = number;
    const own = new Set(shards);
    for (const shard of [...this.#runners.keys()]) if (!own.has(shard)) this.#leave(shard);
    for (const shard of own) if (!this.#runners.has(shard)) this.#take(shard, null);
    this.#report();
    return Promise.resolve();
  }

  #take(shard: number, death: HostDeath | null): void {
    const runner = this.#makeRunner(shard);
    this.#runners.set(shard, runner);
    this.#loop.add(runner, death);
  }

  #leave(shard: number): void {
    const runner = this.#runners.get(shard);
    this.#runners.delete(shard);
    if (runner !== undefined) this.#loop.remove(runner);
  }

  ask(shard: number, folded: number, request: ShardQuery["request"]): Promise<Answer> {
    const runner = this.#runners.get(shard);
    if (runner === undefined) return Promise.resolve({ type: "moved" });
    if (runner.refusal !== null) return Promise.reject(new RefusedError(runner.refusal));
    const queryId = ++this.#lastQueryId;
    return new Promise((resolve) => {
      this.#asks.set(queryId, resolve);
      runner.query({ queryId, folded, request });
    });
  }

  #answered(queryId: number, answer: Answer): void {
    const resolve = this.#asks.get(queryId);
    this.#asks.delete(queryId);
    resolve?.(answer);
  }

  metrics(): Promise<MetricsJson> {
    return this.#metrics.json();
  }

  publishAll(): Promise<void> {
    for (const runner of this.#runners.values()) runner.publishAll();
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#loop.stop();
    if (this.#idleReports !== null) clearInterval(this.#idleReports);
    if (this.#lateReport !== null) clearTimeout(this.#lateReport);
    await this.#reportAll();
  }

  #rested(nowMs: number): void {
    let settled = 0;
    for (const { refusal, isReplaying } of this.#runners.values()) {
      if (refusal !== null || !isReplaying) settled += 1;
    }
    const waitMs = this.#reportedMs + reportIntervalMs - nowMs;
    if (settled !== this.#reportedSettled || waitMs <= 0) {
      this.#reportedSettled = settled;
      this.#report();
    } else {
      this.#lateReport ??= setTimeout(() => this.#report(), waitMs);
    }
  }

  #report(): void {
    if (this.#lateReport !== null) clearTimeout(this.#lateReport);
    this.#lateReport = null;
    this.#reportedMs = this.#parts.clock.nowMs();
    const [number, shards, totals] = [this.#number, this.#shardReports(), this.#totals()];
    this.#parts.post({ type: "report", number, shards, totals });
  }

  async #reportAll(): Promise<void> {
    this.#report();
    this.#parts.post({ type: "metrics", metrics: await this.metrics() });
  }

  #shardReports(): ShardReport[] {
    return [...this.#runners.values()].map((runner) => {
      const { shard, isReplaying, refusal } = runner;
      return {
        ...runner.gauges(),
        shard,
        isReplaying,
        refusal,
        ...(refusal !== null && { state: "refused" }),
      };
    });
  }

  #totals(): HostTotals {
    const totals = { messages: 0, frames: 0, deadLetters: 0 };
    for (const { messages, frames, deadLetters } of this.#counters.values()) {
      totals.messages += messages;
      totals.frames += frames;
      totals.deadLetters += deadLetters;
    }
    return totals;
  }
}
