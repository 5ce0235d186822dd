/**
 * A shard host: some shards, one thread's time, answers for the main thread. `host_thread.ts` puts it on a thread.
 *
 * 1. Every ask settles: with the shard's answer, or "moved" when the shard stops first. A refused shard answers
 *    with an error of code "refused" that says why.
 * 2. A change of what the main thread must know (a shard runs, is refused) is reported at once, the rest within
 *    `reportIntervalMs` while something happens.
 */

import type { Answer, ShardMachine, ShardQuery } from "../core/shard_api.ts";
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
  readonly machines: readonly ShardMachine[];
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
  readonly #runners: readonly ShardRunner[];
  readonly #byShard: ReadonlyMap<number, ShardRunner>;
  readonly #metrics: HostMetrics;
  readonly #asks = new Map<number, (answer: Answer) => void>();
  #lastQueryId = 0;
  #reportedMs = -Infinity;
  /** How many shards are settled, to report a change of it at once. */
  #reportedSettled = -1;
  #lateReport: ReturnType<typeof setTimeout> | null = null;
  #idleReports: ReturnType<typeof setInterval> | null = null;

  constructor(parts: HostParts) {
    this.#parts = parts;
    const { machines, log, topics = null, store, clock, board, name, tracing } = parts;
    const commits = new CommitGroup(
      store,
      new Trouble({
        clock,
        component: name,
        event: "commit-failed",
        end: `The store takes checkpoints of ${name} again.`,
        report: (notice) => parts.post({ type: "notice", notice }),
      }),
    );
    this.#metrics = new HostMetrics(name, () => this.#runners, parts.counters);
    this.#loop = new HostLoop(clock, commits, board, {
      ran: (durationMs) => this.#metrics.folded(durationMs),
      rested: (nowMs) => this.#rested(nowMs),
    });
    this.#runners = machines.map((machine) =>
      new ShardRunner(machine, {
        log,
        topics,
        store,
        commits,
        clock,
        owner: name,
        observer: this.#observer(),
        tracing,
        wake: (runner) => this.#loop.wake(runner),
        answered: (queryId, answer) => this.#answered(queryId, answer),
        requested: (request) => parts.post({ type: "request", request }),
        published: (published) => parts.post({ type: "published", published }),
      })
    );
    this.#byShard = new Map(this.#runners.map((runner) => [runner.shard, runner]));
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

  /** `deaths`: as in `HostAssignment`. */
  start(deaths?: HostAssignment["deaths"]): void {
    this.#loop.start(this.#runners, deaths);
    this.#idleReports = setInterval(() => void this.#reportAll(), idleReportIntervalMs);
  }

  ask(shard: number, folded: number, request: ShardQuery["request"]): Promise<Answer> {
    const runner = this.#byShard.get(shard);
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
    for (const runner of this.#runners) runner.publishAll();
    return Promise.resolve();
  }

  async stop(): Promise<void> {
    this.#loop.stop();
    if (this.#idleReports !== null) clearInterval(this.#idleReports);
    if (this.#lateReport !== null) clearTimeout(this.#lateReport);
    await this.#reportAll();
  }

  #rested(nowMs: number): void {
    const settled =
      this.#runners.filter(({ refusal, isReplaying }) => refusal !== null || !isReplaying).length;
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
    this.#parts.post({ type: "report", shards: this.#shardReports(), totals: this.#totals() });
  }

  async #reportAll(): Promise<void> {
    this.#report();
    this.#parts.post({ type: "metrics", metrics: await this.metrics() });
  }

  #shardReports(): ShardReport[] {
    return this.#runners.map((runner) => {
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
    for (const { counters } of this.#runners) {
      totals.messages += counters.messages;
      totals.frames += counters.frames;
      totals.deadLetters += counters.deadLetters;
    }
    return totals;
  }
}
