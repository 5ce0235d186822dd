/**
 * A shard: the state machine between its log and its store. See `shard_api.ts` for its face.
 *
 * 1. One claim, one load, one page of timers and one commit are under way at most.
 * 2. Whatever leaves the shard (outbox frames, trims, barrier answers) leaves after the commit that contains it.
 * 3. After a fenced or failed commit, a throw, or a death, the shard claims itself again and goes on from the last
 *    confirmed checkpoint: taking over and starting again are the same code.
 * 4. Answers of an earlier epoch change nothing.
 */

import type { Address } from "./actor.ts";
import { capture, withMailbox } from "./capture.ts";
import {
  type Checkpoint,
  type Claim,
  type CommitResult,
  type DueActor,
  freeCheckpoint,
  type Loaded,
  MAILBOX,
} from "./checkpoint.ts";
import { errorMessage, FormatError, InvariantError } from "./errors.ts";
import { Fold, type FoldProgress, type Skip, TurnFailure } from "./fold.ts";
import { joinFrame } from "./frame.ts";
import type { ShardLimits } from "./limits.ts";
import { LogClock } from "./log_clock.ts";
import type { LogFrame } from "./log_frame.ts";
import { placeKey } from "./place.ts";
import { answerAsk, type Ask, Queries, type Standing } from "./queries.ts";
import type { Registry } from "./registry.ts";
import type { Action, Answer, ShardCounters, ShardGauges, ShardMachine, ShardQuery } from "./shard_api.ts";
import { FrameQueue } from "./work.ts";

export interface ShardOptions {
  readonly shard: number;
  readonly shardCount: number;
  readonly registry: Registry;
  readonly limits: ShardLimits;
}

/** Frames prepared ahead of the one being folded, so that loads overlap with folding. */
const preparedAhead = 3;

interface InFlight {
  readonly checkpoint: Checkpoint;
  /** Of frame text that this checkpoint makes certain. */
  readonly bytes: number;
}

/** What lives and dies with one claim. */
interface Tenure {
  readonly epoch: number;
  readonly claim: Claim;
  readonly fold: Fold;
  queue: FrameQueue;
  confirmedCommit: number;
  inFlight: InFlight | null;
  /** Asked of the store; `created` become new actors when they are not found. */
  loading: readonly Address[] | null;
  dueLimit: number | null;
  /** Mailbox frames folded since the last capture. */
  foldedBytes: number;
  unconfirmedBytes: number;
  foldedMs: number;
  lastCaptureMs: number;
  effectsSinceMs: number | null;
  /** Units of text folded but not granted anew. */
  ungranted: number;
  hasMoved: boolean;
  /** A commit or a load came since the last eviction: trying again may free something. */
  mayEvict: boolean;
  /** The next checkpoint is wanted at once. */
  isHurried: boolean;
  /** A skipped message was dead-lettered: the next throw must not undo that. */
  mustCommit: boolean;
  asksForGap: number;
  readonly clock: LogClock;
}

export class Shard implements ShardMachine {
  readonly shard: number;
  readonly counters: ShardCounters = {
    messages: 0,
    frames: 0,
    localTurns: 0,
    timersFired: 0,
    deadLetters: 0,
    deadLettersByReason: {},
    repeatedFrames: 0,
    repeatedParts: 0,
    checkpoints: 0,
    snapshotBytes: 0,
    snapshots: 0,
    claims: 0,
    loads: 0,
    evictions: 0,
  };
  readonly #options: ShardOptions;
  #state: "idle" | "claiming" | "running" | "refused" | "stopped" = "idle";
  #tenure: Tenure | null = null;
  #actions: Action[] = [];
  readonly #skips = new Map<string, Skip>();
  readonly #queries = new Queries();
  #frameNumber = 1;

  constructor(options: ShardOptions) {
    this.#options = options;
    this.shard = options.shard;
  }

  takeActions(): Action[] {
    const actions = this.#actions;
    this.#actions = [];
    return actions;
  }

  begin(): void {
    if (this.#state === "stopped" || this.#state === "claiming") return;
    this.#dropTenure();
    this.#state = "claiming";
    this.#actions.push({ type: "claim" });
  }

  /** Forgets all that lives with the claim; barriers wait anew. */
  #dropTenure(): void {
    const tenure = this.#tenure;
    if (tenure === null) return;
    tenure.fold.table.clear();
    this.#frameNumber = tenure.queue.nextNumber;
    this.#tenure = null;
    this.#queries.renewBarriers();
  }

  started(claim: Claim, nowMs: number): void {
    if (this.#state !== "claiming") return;
    this.counters.claims++;
    const { limits } = this.#options;
    const fold = new Fold({ ...this.#options, counters: this.counters, skips: this.#skips }, claim);
    const { offset, index } = fold.position;
    const tenure: Tenure = {
      epoch: claim.epoch,
      claim,
      fold,
      queue: new FrameQueue(offset + 1, index, this.#frameNumber),
      confirmedCommit: claim.commit,
      inFlight: null,
      loading: null,
      dueLimit: limits.duePage,
      foldedBytes: 0,
      unconfirmedBytes: 0,
      foldedMs: 0,
      lastCaptureMs: nowMs,
      effectsSinceMs: null,
      ungranted: 0,
      hasMoved: false,
      mayEvict: false,
      isHurried: false,
      mustCommit: false,
      asksForGap: 0,
      clock: new LogClock(fold.clockMs, nowMs),
    };
    this.#tenure = tenure;
    this.#state = "running";
    this.#subscribe(tenure);
    // Log time went on while nobody folded: the tick tells what time it is, for timers and for windows.
    this.#sendTick(tenure, nowMs);
    this.#actions.push({ type: "due", epoch: claim.epoch, afterMs: -1, limit: limits.duePage });
    this.#sendOutbox(tenure);
  }

  #subscribe(tenure: Tenure): void {
    this.#actions.push({ type: "subscribe", epoch: tenure.epoch, from: tenure.queue.expected });
    this.#actions.push({ type: "grant", bytes: this.#options.limits.deliveryWindowBytes });
  }

  #tenureOf(epoch: number): Tenure | null {
    return this.#state === "running" && this.#tenure?.epoch === epoch ? this.#tenure : null;
  }

  deliver(epoch: number, frames: readonly LogFrame[], nowMs: number): void {
    const tenure = this.#tenureOf(epoch);
    if (tenure === null) return;
    for (const frame of frames) {
      const arrival = tenure.queue.deliver(frame);
      if (arrival.type === "gap") {
        this.#meetGap(tenure, frame, arrival.expected);
        return;
      }
      if (arrival.type === "repeated") continue;
      tenure.asksForGap = 0;
      tenure.clock.see(frame.stampMs, nowMs);
    }
  }

  /** Asks for the missing frames once; then they are missing for good. */
  #meetGap(tenure: Tenure, frame: LogFrame, expected: number): void {
    if (tenure.asksForGap++ === 0) {
      this.#subscribe(tenure);
      return;
    }
    this.#refuse(
      `Shard ${this.shard} cannot go on: records ${expected}..${
        frame.offset - 1
      } of its mailbox are missing. ` +
        `They were not folded; restore the log, or the store and the log of the same backup`,
    );
  }

  #refuse(sentence: string): void {
    this.#dropTenure();
    this.#state = "refused";
    this.#actions.push({ type: "refuse", sentence });
    this.#giveUpQueries({ type: "failed", sentence });
  }

  #giveUpQueries(answer: Answer): void {
    for (const { queryId } of this.#queries.takeAll()) {
      this.#actions.push({ type: "answer", queryId, answer });
    }
  }

  loaded(epoch: number, loaded: Loaded): void {
    const tenure = this.#tenureOf(epoch);
    if (tenure === null || tenure.loading === null) return;
    const asked = tenure.loading.filter((address) => this.#queries.isAsked(address));
    const created = tenure.loading.filter((address) => !this.#queries.isAsked(address));
    tenure.loading = null;
    // The newest frame's number: kept as long as any frame at hand, evictable when there is none.
    this.#guard(() => tenure.fold.insert(loaded, created, tenure.queue.nextNumber - 1));
    this.#answerAbsent(tenure, asked);
    tenure.mayEvict = true;
  }

  dueLoaded(epoch: number, due: readonly DueActor[]): void {
    const tenure = this.#tenureOf(epoch);
    if (tenure === null || tenure.dueLimit === null) return;
    const { fold, dueLimit } = tenure;
    const before = fold.timers.horizonMs;
    tenure.dueLimit = null;
    fold.insertDue(due, dueLimit);
    // A whole page due at one time does not move the horizon: ask for more at once.
    if (fold.timers.horizonMs <= before) this.#askDue(tenure, dueLimit * 2);
  }

  #askDue(tenure: Tenure, limit: number): void {
    if (tenure.dueLimit !== null) return;
    tenure.dueLimit = limit;
    this.#actions.push({ type: "due", epoch: tenure.epoch, afterMs: tenure.fold.timers.horizonMs, limit });
  }

  committed(epoch: number, commit: number, result: CommitResult | "failed", nowMs: number): void {
    const tenure = this.#tenureOf(epoch);
    if (tenure === null || tenure.inFlight?.checkpoint.commit !== commit) return;
    if (result !== "committed") {
      this.begin();
      return;
    }
    const { checkpoint, bytes } = tenure.inFlight;
    tenure.inFlight = null;
    tenure.confirmedCommit = commit;
    tenure.unconfirmedBytes -= bytes;
    this.#forgetSkips(checkpoint);
    this.#countConfirmed(checkpoint);
    freeCheckpoint(checkpoint);
    tenure.fold.outbox.confirmed(checkpoint.outbox);
    this.#sendOutbox(tenure);
    this.#actions.push({ type: "trim", below: (checkpoint.positions[MAILBOX]?.offset ?? -1) + 1 });
    this.#answerBarriers(tenure);
    tenure.mayEvict = true;
    this.#checkpointIfDue(tenure, nowMs);
  }

  #countConfirmed({ deadLetters, snapshots }: Checkpoint): void {
    const { counters } = this;
    counters.checkpoints++;
    counters.snapshots += snapshots.ids.length;
    counters.snapshotBytes += snapshots.hot.bytes.length + snapshots.cold.bytes.length;
    counters.deadLetters += deadLetters.length;
    for (const { reason } of deadLetters) {
      counters.deadLettersByReason[reason] = (counters.deadLettersByReason[reason] ?? 0) + 1;
    }
  }

  /** Skips before the confirmed position will not be met again. */
  #forgetSkips({ positions }: Checkpoint): void {
    const position = positions[MAILBOX] ?? { offset: -1, index: 0 };
    for (const [key, { place }] of this.#skips) {
      const isFolded = place.offset <= position.offset ||
        (place.offset === position.offset + 1 && place.index < position.index);
      if (isFolded) this.#skips.delete(key);
    }
  }

  #evict(tenure: Tenure): void {
    const { fold, queue, confirmedCommit } = tenure;
    if (!tenure.mayEvict || fold.table.bytes <= this.#options.limits.actorBytes) return;
    tenure.mayEvict = false;
    const inUse = queue.peek()?.number ?? queue.nextNumber;
    this.counters.evictions += fold.table.evict(this.#options.limits.actorBytes, confirmedCommit, inUse);
  }

  appended(epoch: number, target: number, n: number, _nowMs: number): void {
    const tenure = this.#tenureOf(epoch);
    if (tenure === null) return;
    tenure.fold.outbox.acknowledged(target, n);
    this.#sendOutbox(tenure);
  }

  #sendOutbox(tenure: Tenure): void {
    for (const { target, n, text } of tenure.fold.outbox.takeSendable()) {
      this.#actions.push({ type: "append", epoch: tenure.epoch, target, n, text });
    }
  }

  query(query: ShardQuery): void {
    if (this.#state === "refused" || this.#state === "stopped") {
      this.#actions.push({ type: "answer", queryId: query.queryId, answer: { type: "moved" } });
      return;
    }
    this.#queries.add(query);
  }

  hurry(): void {
    if (this.#tenure !== null) this.#tenure.isHurried = true;
  }

  run(clock: () => number, sliceMs: number): boolean {
    const tenure = this.#tenure;
    if (tenure === null || this.#state !== "running") return false;
    const startMs = clock();
    const more = this.#guard(() => this.#foldSlice(tenure, clock, startMs + sliceMs)) ?? false;
    if (this.#tenure !== tenure || this.#state !== "running") return false;
    const nowMs = clock();
    tenure.foldedMs += nowMs - startMs;
    this.#answerQueries(tenure, nowMs);
    this.#evict(tenure);
    this.#requestLoads(tenure);
    this.#checkpointIfDue(tenure, nowMs);
    this.#tickIfDue(tenure, nowMs);
    return more && this.#canFold(tenure);
  }

  /** Runs `work`; a throw of a behaviour starts the shard again, damage stops it. */
  #guard<T>(work: () => T): T | undefined {
    try {
      return work();
    } catch (thrown) {
      if (thrown instanceof TurnFailure) {
        this.#skips.set(placeKey(thrown.skip.place), thrown.skip);
        this.begin();
      } else if (thrown instanceof FormatError || thrown instanceof InvariantError) {
        this.#refuse(`Shard ${this.shard} cannot go on: ${errorMessage(thrown)}`);
      } else {
        throw thrown;
      }
      return undefined;
    }
  }

  #canFold(tenure: Tenure): boolean {
    const { limits } = this.#options;
    if (tenure.unconfirmedBytes >= limits.maxUnconfirmedBytes && tenure.inFlight !== null) return false;
    const isAtBoundary = tenure.fold.isAtBoundary(tenure.queue.peek());
    return !isAtBoundary || (!tenure.fold.outbox.isFull && !tenure.mustCommit);
  }

  /** True when there is more to fold at once. */
  #foldSlice(tenure: Tenure, clock: () => number, endMs: number): boolean {
    const { fold, queue } = tenure;
    const isOver = () => clock() >= endMs;
    for (let work = queue.peek(); work !== undefined && this.#canFold(tenure); work = queue.peek()) {
      for (let ahead = 1; ahead <= preparedAhead; ahead++) {
        const next = queue.peek(ahead);
        if (next !== undefined) fold.prepare(next);
      }
      const progress: FoldProgress = fold.fold(work, isOver);
      if (progress === "blocked") return false;
      tenure.hasMoved = true;
      if (progress === "skipped") tenure.mustCommit = true;
      if (progress !== "folded") return true;
      queue.shift();
      this.#countFolded(tenure, work.source.text.length);
      if (isOver()) return queue.length > 0;
    }
    return false;
  }

  #countFolded(tenure: Tenure, bytes: number): void {
    tenure.foldedBytes += bytes;
    tenure.unconfirmedBytes += bytes;
    tenure.ungranted += bytes;
    if (tenure.ungranted * 4 < this.#options.limits.deliveryWindowBytes) return;
    this.#actions.push({ type: "grant", bytes: tenure.ungranted });
    tenure.ungranted = 0;
  }

  #requestLoads(tenure: Tenure): void {
    if (tenure.fold.needsDuePage) this.#askDue(tenure, this.#options.limits.duePage);
    if (tenure.loading !== null) return;
    const wanted = tenure.fold.takeWanted().filter((address) =>
      tenure.fold.table.find(address) === undefined
    );
    // What the fold needs becomes an actor if it is none yet; what a query alone asks for does not.
    for (const address of wanted) this.#queries.forgetAsked(address);
    const keys = [...wanted, ...this.#queries.askedActors];
    if (keys.length === 0) return;
    tenure.loading = keys;
    this.counters.loads += tenure.loading.length;
    this.#actions.push({ type: "load", epoch: tenure.epoch, keys: tenure.loading });
  }

  #answerQueries(tenure: Tenure, nowMs: number): void {
    // Not in the middle of a frame: the answer's position says exactly what it reflects.
    if (tenure.queue.peek()?.hasBegun) return;
    for (const query of this.#queries.takeReady(tenure.fold.position.offset + 1)) {
      switch (query.request.type) {
        case "barrier":
          this.#meetBarrier(tenure, query);
          break;
        case "ask":
          this.#meetAsk(tenure, query, query.request, nowMs);
      }
    }
  }

  #meetBarrier(tenure: Tenure, query: ShardQuery): void {
    const { fold, inFlight, confirmedCommit } = tenure;
    const unsaved = this.#hasChanges(tenure);
    this.#queries.addBarrier(
      query,
      unsaved ? fold.nextCommit : inFlight?.checkpoint.commit ?? confirmedCommit,
    );
    this.#answerBarriers(tenure);
  }

  #answerBarriers(tenure: Tenure): void {
    for (const { queryId } of this.#queries.takeBarriers(tenure.confirmedCommit)) {
      this.#actions.push({
        type: "answer",
        queryId,
        answer: { type: "answered", json: "null", ...this.#standing(tenure) },
      });
    }
  }

  #standing({ fold, epoch }: Tenure): Standing {
    return { epoch, positions: { [MAILBOX]: fold.position.offset }, nowMs: fold.clockMs };
  }

  #meetAsk(tenure: Tenure, query: ShardQuery, ask: Ask, nowMs: number): void {
    const isKnown = this.#options.registry.find(ask.kind) !== null;
    if (isKnown && tenure.fold.table.find(ask) === undefined) {
      this.#queries.waitForActor(query, ask);
      return;
    }
    this.#actions.push({ type: "answer", queryId: query.queryId, answer: this.#answer(tenure, ask, nowMs) });
  }

  #answer(tenure: Tenure, ask: Ask, nowMs: number): Answer {
    const definition = this.#options.registry.find(ask.kind);
    const entry = tenure.fold.table.find(ask);
    if (definition === null) {
      return { type: "unknown", sentence: `There are no actors of the kind "${ask.kind}"` };
    }
    if (entry === undefined || entry.isNew) return { type: "absent" };
    entry.used = Math.max(entry.used, 1);
    const logNowMs = Math.max(tenure.fold.clockMs, tenure.clock.logNowMs(nowMs));
    return answerAsk(definition, entry, ask, logNowMs, this.#standing(tenure));
  }

  /** Answers the queries whose actor was asked of the store and not found: it does not exist. */
  #answerAbsent(tenure: Tenure, asked: readonly Address[]): void {
    const absent = new Set<string>();
    for (const address of asked) {
      this.#queries.forgetAsked(address);
      if (tenure.fold.table.find(address) === undefined) absent.add(`${address.kind}/${address.id}`);
    }
    if (absent.size === 0) return;
    for (const query of this.#queries.takeReady(tenure.fold.position.offset + 1)) {
      const { request, queryId } = query;
      if (request.type === "ask" && absent.has(`${request.kind}/${request.id}`)) {
        this.#actions.push({ type: "answer", queryId, answer: { type: "absent" } });
      } else this.#queries.add(query);
    }
  }

  #hasChanges({ fold, hasMoved }: Tenure): boolean {
    return hasMoved || fold.changed.length > 0 || fold.outbox.hasDone;
  }

  /** When the next checkpoint is due, monotonic; Infinity when there is nothing to save. */
  #checkpointDueMs(tenure: Tenure, nowMs: number): number {
    const { limits } = this.#options;
    if (!this.#hasChanges(tenure)) return Infinity;
    if (tenure.mustCommit || tenure.isHurried || this.#queries.hasBarriers) return nowMs;
    if (tenure.foldedMs >= limits.foldBudgetMs || tenure.unconfirmedBytes >= limits.maxUnconfirmedBytes) {
      return nowMs;
    }
    const { outbox, deadLetters, table } = tenure.fold;
    if (outbox.isFull || table.bytes > limits.actorBytes * 2) return nowMs;
    if (outbox.isGathering || deadLetters.length > 0) tenure.effectsSinceMs ??= nowMs;
    const byEffects = tenure.effectsSinceMs === null
      ? Infinity
      : tenure.effectsSinceMs + limits.effectDelayMs;
    return Math.min(byEffects, tenure.lastCaptureMs + limits.checkpointIntervalMs);
  }

  #checkpointIfDue(tenure: Tenure, nowMs: number): void {
    const { fold, queue } = tenure;
    if (tenure.inFlight !== null || this.#checkpointDueMs(tenure, nowMs) > nowMs) return;
    const work = queue.peek();
    if (!fold.isAtBoundary(work)) return;
    const index = work === undefined ? fold.position.index : work.foldedEntries;
    const positions = withMailbox(tenure.claim.positions, fold.position.offset, index);
    const { keyRetentionMs, maxColdBytes } = this.#options.limits;
    const { epoch } = tenure;
    const checkpoint = capture(fold, { shard: this.shard, epoch, positions, keyRetentionMs, maxColdBytes });
    tenure.inFlight = { checkpoint, bytes: tenure.foldedBytes };
    tenure.foldedBytes = 0;
    tenure.foldedMs = 0;
    tenure.lastCaptureMs = nowMs;
    tenure.effectsSinceMs = null;
    tenure.hasMoved = false;
    tenure.isHurried = false;
    tenure.mustCommit = false;
    this.#actions.push({ type: "commit", checkpoint });
  }

  /** When a tick is due: a timer wants the clock to move and no frame has come. */
  #tickDueMs({ queue, clock, fold }: Tenure): number {
    return queue.length > 0 ? Infinity : clock.tickDueMs(fold.nextTimerMs);
  }

  #tickIfDue(tenure: Tenure, nowMs: number): void {
    if (this.#tickDueMs(tenure) <= nowMs) this.#sendTick(tenure, nowMs);
  }

  #sendTick(tenure: Tenure, nowMs: number): void {
    tenure.clock.tickSent(nowMs);
    this.#actions.push({ type: "tick", epoch: tenure.epoch, text: joinFrame({ type: "tick" }, [], []) });
  }

  wakeAtMs(nowMs: number): number | null {
    const tenure = this.#tenure;
    if (tenure === null || this.#state !== "running") return null;
    // Inside a turn a checkpoint waits for what the turn waits for, and that wakes the shard by itself.
    const canCapture = tenure.inFlight === null && tenure.fold.isAtBoundary(tenure.queue.peek());
    const checkpointMs = canCapture ? this.#checkpointDueMs(tenure, nowMs) : Infinity;
    const wakeMs = Math.min(checkpointMs, this.#tickDueMs(tenure));
    return wakeMs === Infinity ? null : wakeMs;
  }

  stop(): void {
    this.#giveUpQueries({ type: "moved" });
    this.#dropTenure();
    this.#state = "stopped";
  }

  gauges(): ShardGauges {
    const tenure = this.#tenure;
    return {
      state: this.#state === "running" || this.#state === "refused" ? this.#state : "claiming",
      epoch: tenure?.epoch ?? 0,
      folded: tenure?.fold.position.offset ?? -1,
      queuedFrames: tenure?.queue.length ?? 0,
      oldestStampMs: tenure?.queue.peek()?.source.stampMs ?? null,
      actors: tenure?.fold.table.count ?? 0,
      actorBytes: tenure?.fold.table.bytes ?? 0,
      keysFull: (tenure?.fold.keys.size ?? 0) >= this.#options.limits.maxKeys,
    };
  }
}
