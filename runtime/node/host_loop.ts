/**
 * Shares a thread among its shards.
 *
 * 1. Shards with work run in turn, each for about `sliceMs`; none is passed over twice before another runs.
 * 2. Between rounds of about `roundMs` messages of other threads are received.
 * 3. A shard runs no later than its `wakeAtMs`, a round and the timer's grain apart.
 * 4. Commits of the shards that ran are handed to the store together, at most `commitGatherMs` late.
 * 5. Before a shard runs, the turn board names it.
 * 6. Shards come and go between rounds; of one that went nothing runs, and no commit is sent.
 *
 * Yielding by `setImmediate` costs 3 µs and lets every waiting message in; a `MessageChannel` to oneself costs 5 to
 * 7 µs, `setTimeout(0)` 2 ms (Deno 2.9, 2 cores).
 */

import type { HostDeath } from "../core/attempts.ts";
import type { Clock } from "./clock.ts";
import type { CommitGroup } from "./commit_group.ts";
import { commitGatherMs, longestTimerMs, roundMs, sliceMs } from "./limits.ts";
import type { TurnBoard } from "./turn_board.ts";

/** What is run: a `ShardRunner`. */
export interface Runnable {
  readonly shard: number;
  /** `death`: its last host died in this turn of it; null when it did not. */
  begin(death: HostDeath | null): void;
  /** True: there is more to do now. */
  run(sliceMs: number): boolean;
  wakeAtMs(nowMs: number): number | null;
  stop(): void;
}

export interface LoopObserver {
  /** A slice took so long. */
  ran(durationMs: number): void;
  /** A round ended; called between rounds only. */
  rested(nowMs: number): void;
}

export class HostLoop {
  readonly #clock: Clock;
  readonly #commits: CommitGroup;
  readonly #board: TurnBoard;
  readonly #observer: LoopObserver;
  readonly #runners = new Set<Runnable>();
  /** Waiting for their slice, in turn. */
  #waiting: Runnable[] = [];
  readonly #isWaiting = new Set<Runnable>();
  #immediate: NodeJS.Immediate | null = null;
  #timer: { readonly handle: ReturnType<typeof setTimeout>; readonly atMs: number } | null = null;
  #flushedMs = 0;
  #isStopped = false;

  constructor(clock: Clock, commits: CommitGroup, board: TurnBoard, observer: LoopObserver) {
    this.#clock = clock;
    this.#commits = commits;
    this.#board = board;
    this.#observer = observer;
  }

  /** `death`: in which turn of the shard its last host died. */
  add(runner: Runnable, death: HostDeath | null = null): void {
    this.#runners.add(runner);
    runner.begin(death);
  }

  remove(runner: Runnable): void {
    this.#runners.delete(runner);
    if (this.#isWaiting.delete(runner)) this.#waiting = this.#waiting.filter((other) => other !== runner);
    runner.stop();
    this.#commits.withdraw(runner.shard);
  }

  wake(runner: Runnable): void {
    if (this.#isStopped || !this.#runners.has(runner)) return;
    this.#enqueue(runner);
    this.#immediate ??= setImmediate(() => this.#round());
  }

  stop(): void {
    this.#isStopped = true;
    for (const runner of this.#runners) runner.stop();
    this.#commits.flush();
    if (this.#immediate !== null) clearImmediate(this.#immediate);
    if (this.#timer !== null) clearTimeout(this.#timer.handle);
  }

  #enqueue(runner: Runnable): void {
    if (this.#isWaiting.has(runner)) return;
    this.#isWaiting.add(runner);
    this.#waiting.push(runner);
  }

  #round(): void {
    this.#immediate = null;
    const endMs = this.#clock.nowMs() + roundMs;
    // One pass over those waiting now: a shard with more to do comes again after all others.
    const pass = this.#waiting;
    this.#waiting = [];
    let done = 0;
    for (let nowMs = 0; done < pass.length && nowMs < endMs; done++) nowMs = this.#slice(pass[done]!);
    if (done < pass.length) this.#waiting = [...pass.slice(done), ...this.#waiting];
    const nowMs = this.#clock.nowMs();
    if (done === pass.length || nowMs - this.#flushedMs >= commitGatherMs) {
      this.#commits.flush();
      this.#flushedMs = nowMs;
    }
    this.#rest(nowMs);
  }

  #slice(runner: Runnable): number {
    this.#isWaiting.delete(runner);
    this.#board.enterSlice(runner.shard);
    const startMs = this.#clock.nowMs();
    const isMore = runner.run(sliceMs);
    const endMs = this.#clock.nowMs();
    this.#board.leaveSlice();
    this.#observer.ran(endMs - startMs);
    if (isMore) this.#enqueue(runner);
    return endMs;
  }

  #rest(nowMs: number): void {
    this.#observer.rested(nowMs);
    if (this.#waiting.length > 0) this.#immediate ??= setImmediate(() => this.#round());
    let wakeMs = Infinity;
    for (const runner of this.#runners) {
      if (this.#isWaiting.has(runner)) continue;
      wakeMs = Math.min(wakeMs, runner.wakeAtMs(nowMs) ?? Infinity);
    }
    // A shard that has just run and is due still waits for something: it is asked again a moment later.
    if (wakeMs !== Infinity) this.#arm(Math.max(wakeMs, nowMs + 1), nowMs);
  }

  /** An armed timer that is early enough stays: it finds nothing due, and the round after it arms the next. */
  #arm(wakeMs: number, nowMs: number): void {
    if (this.#timer !== null && this.#timer.atMs <= wakeMs) return;
    if (this.#timer !== null) clearTimeout(this.#timer.handle);
    const delayMs = Math.min(longestTimerMs, Math.ceil(wakeMs - nowMs));
    this.#timer = { handle: setTimeout(() => this.#wakeDue(), delayMs), atMs: wakeMs };
  }

  #wakeDue(): void {
    this.#timer = null;
    const nowMs = this.#clock.nowMs();
    for (const runner of this.#runners) {
      if ((runner.wakeAtMs(nowMs) ?? Infinity) <= nowMs) this.#enqueue(runner);
    }
    this.#immediate ??= setImmediate(() => this.#round());
  }
}
