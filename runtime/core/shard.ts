/**
 * A shard: the state machine between its log and its store. See `shard_api.ts` for its face.
 *
 * 1. One claim, one load, one page of timers and one commit are under way at most.
 * 2. Whatever leaves the shard (outbox frames, requests, trims, barrier answers) leaves after the commit that contains it.
 * 3. After a fenced or failed commit, a load or a page of timers that tells of another owner, a throw, or a death, the shard claims itself
 *    again and goes on from the last confirmed checkpoint: taking over and starting again are the same code.
 * 4. Answers of an earlier epoch change nothing.
 * 5. An actor whose state cannot be saved is set aside: the shard goes back to the last confirmed checkpoint and
 *    dead-letters the actor's messages up to where it was. Then the actor goes on from what is stored of it.
 * 6. Records of foreign topics are folded only while the shard's clock tells what time it is: first when the tick of its
 *    claim has come, then as long as a stamp of the mailbox is not older than `maxClockAgeMs`.
 */

import { type HostDeath, isPast, type TurnWitness } from "./attempts.ts";
import { actorKey, type ActorTable, type Damage } from "./actor_table.ts";
import { capture, StateError } from "./capture.ts";
import {
  type Checkpoint,
  type Claim,
  type CommitResult,
  type DuePage,
  freeCheckpoint,
  type Loaded,
  MAILBOX,
  type Positions,
} from "./checkpoint.ts";
import { CheckpointPace } from "./checkpoint_pace.ts";
import { type Skip, TurnFailure } from "./dead_letter.ts";
import { errorMessage, FormatError, InvariantError } from "./errors.ts";
import { Fold, type FoldProgress } from "./fold.ts";
import { joinFrame, parseFrame } from "./frame.ts";
import { Inbox } from "./inbox.ts";
import { Isolation } from "./isolation.ts";
import type { ShardLimits } from "./limits.ts";
import { Loads } from "./loads.ts";
import { LogClock } from "./log_clock.ts";
import { type Delivery, isRecords } from "./log_frame.ts";
import { parseRecords } from "./records.ts";
import { placeKey } from "./place.ts";
import { Publishing, type PublishingOptions } from "./publishing.ts";
import { Queries } from "./queries.ts";
import type { Registry } from "./registry.ts";
import {
  type Action,
  type Answer,
  noCounters,
  type ShardCounters,
  type ShardGauges,
  type ShardMachine,
  type ShardQuery,
} from "./shard_api.ts";
import { Traces } from "./trace.ts";
import type { FrameQueue, WorkFrame } from "./work.ts";

interface ShardOptions {
  readonly shard: number;
  readonly shardCount: number;
  readonly registry: Registry;
  readonly limits: ShardLimits;
  /** Foreign topics, keyed by id, of which the partition of the shard's number is folded directly. */
  readonly topics?: readonly string[];
  /** Whoever must know in which turn a host died or hangs; without one nobody does. */
  readonly witness?: TurnWitness;
  /** Null or left out: it publishes nothing. */
  readonly publishing?: PublishingOptions | null;
  /** Clears the actors of a claim that has ended, whenever it likes; left out: they are cleared at once. */
  readonly discard?: (actors: ActorTable) => void;
  /** Counts go on from here when the shard had a machine before; from 0 when it is left out. */
  readonly counters?: ShardCounters;
}

const nobody: TurnWitness = { enterFrame() {}, enterTurn() {}, leave() {} };

/** While records come, a tick is due when the newest stamp is so old. */
const recordTickMs = 1000;
/** Age of the newest stamp from which on records wait for the tick: time enough for it to come while they are folded. */
const maxClockAgeMs = 2 * recordTickMs;

interface Unsaved extends Damage {
  /** It ends when all frames of each topic below this offset are in a confirmed checkpoint. */
  readonly below: Readonly<Record<string, number>>;
}

/** What lives and dies with one claim. */
interface Tenure {
  readonly epoch: number;
  readonly claim: Claim;
  readonly fold: Fold;
  readonly inbox: Inbox;
  readonly pace: CheckpointPace;
  readonly isolation: Isolation;
  confirmedCommit: number;
  inFlight: Checkpoint | null;
  readonly loads: Loads;
  dueLimit: number | null;
  /** A commit or a load came since the last eviction: trying again may free something. */
  mayEvict: boolean;
  asksForGap: number;
  readonly clock: LogClock;
  /** The text of its ticks, which no other owner's have. */
  readonly tick: string;
  /** One of its ticks was delivered: since then the clock tells what time it is. */
  hasTicked: boolean;
  readonly publishing: Publishing | null;
}

export class Shard implements ShardMachine {
  readonly shard: number;
  readonly counters: ShardCounters;
  readonly #options: ShardOptions;
  #state: "idle" | "claiming" | "running" | "refused" | "stopped" = "idle";
  #tenure: Tenure | null = null;
  #actions: Action[] = [];
  readonly #skips = new Map<string, Skip>();
  /** By `actorKey`. */
  readonly #unsaved = new Map<string, Unsaved>();
  readonly #traces = new Traces();
  readonly #queries: Queries;
  #frameNumber = 1;
  /** Its commit was under way when its claim ended: the next claim tells whether it was made. */
  #unanswered: Checkpoint | null = null;

  constructor(options: ShardOptions) {
    this.#options = options;
    this.shard = options.shard;
    this.counters = options.counters ?? noCounters();
    this.#queries = new Queries(
      options.registry,
      this.#traces,
      (queryId, answer) => this.#answer(queryId, answer),
    );
  }

  #answer(queryId: number, answer: Answer): void {
    this.#actions.push({ type: "answer", queryId, answer });
  }

  takeActions(): Action[] {
    const actions = this.#actions;
    this.#actions = [];
    return actions;
  }

  begin(death: HostDeath | null = null): void {
    if (this.#state === "stopped" || this.#state === "claiming") return;
    this.#dropTenure();
    this.#state = "claiming";
    this.#actions.push({ type: "claim", death });
  }

  /** Forgets all that lives with the claim; barriers wait anew. */
  #dropTenure(): void {
    const tenure = this.#tenure;
    if (tenure === null) return;
    const { discard = clearNow } = this.#options;
    discard(tenure.fold.table);
    this.#frameNumber = tenure.inbox.nextNumber;
    this.#unanswered = tenure.inFlight;
    this.#tenure = null;
    this.#queries.renew();
  }

  started(claim: Claim, nowMs: number): void {
    if (this.#state !== "claiming") return;
    this.counters.claims++;
    const { limits, shardCount, registry, topics = [], witness = nobody, publishing = null } = this.#options;
    const fold = new Fold(
      {
        ...this.#options,
        topics,
        witness,
        counters: this.counters,
        skips: this.#skips,
        damaged: this.#unsaved,
        traces: this.#traces,
      },
      claim,
    );
    const decode = (source: Delivery, from: number) =>
      isRecords(source) ? parseRecords(source, from, shardCount, registry) : parseFrame(source.text);
    const inbox = new Inbox(topics, fold.positions, this.#frameNumber, decode);
    const tenure: Tenure = {
      epoch: claim.epoch,
      claim,
      fold,
      inbox,
      pace: new CheckpointPace(limits, nowMs),
      isolation: new Isolation(claim.memory.attempts),
      confirmedCommit: claim.commit,
      inFlight: null,
      loads: new Loads({ limits, fold, inbox, queries: this.#queries }),
      dueLimit: limits.duePage,
      mayEvict: false,
      asksForGap: 0,
      clock: new LogClock(fold.turns.clockMs, nowMs),
      tick: joinFrame({ type: "tick", epoch: claim.epoch }, [], []),
      hasTicked: false,
      publishing: publishing === null ? null : new Publishing(publishing),
    };
    this.#tenure = tenure;
    this.#state = "running";
    this.#countUnanswered(claim);
    for (const queue of tenure.inbox.queues) this.#subscribe(tenure, queue);
    // Log time went on while nobody folded: the tick tells what time it is, for timers and for windows.
    this.#sendTick(tenure, nowMs);
    this.#actions.push({ type: "due", epoch: claim.epoch, afterMs: -1, limit: limits.duePage });
    this.#sendOutbox(tenure);
    this.#sendRequests(tenure);
  }

  #subscribe({ epoch }: Tenure, { topic, expected }: FrameQueue): void {
    this.#actions.push({ type: "subscribe", epoch, topic, from: expected });
    this.#actions.push({ type: "grant", topic, bytes: this.#options.limits.deliveryWindowBytes });
  }

  #tenureOf(epoch: number): Tenure | null {
    return this.#state === "running" && this.#tenure?.epoch === epoch ? this.#tenure : null;
  }

  deliver(epoch: number, frames: readonly Delivery[], nowMs: number): void {
    const tenure = this.#tenureOf(epoch);
    if (tenure === null) return;
    for (const frame of frames) {
      const arrival = tenure.inbox.deliver(frame);
      if (isRecords(frame)) continue;
      if (arrival.type === "gap") {
        this.#meetGap(tenure, frame.offset, arrival.expected);
        return;
      }
      if (arrival.type === "repeated") continue;
      tenure.asksForGap = 0;
      tenure.clock.see(frame.stampMs, nowMs);
      tenure.hasTicked ||= frame.text === tenure.tick;
    }
  }

  /** Asks for the missing frames once; then they are missing for good. */
  #meetGap(tenure: Tenure, offset: number, expected: number): void {
    if (tenure.asksForGap++ === 0) {
      this.#subscribe(tenure, tenure.inbox.mailbox);
      return;
    }
    this.#refuse(
      `Shard ${this.shard} cannot go on: records ${expected}..${offset - 1} of its mailbox are missing. ` +
        `They were not folded; restore the log, or the store and the log of the same backup`,
    );
  }

  #refuse(sentence: string): void {
    this.#dropTenure();
    this.#state = "refused";
    this.#actions.push({ type: "refuse", sentence });
    this.#queries.giveUp({ type: "failed", sentence });
  }

  loaded(epoch: number, loaded: Loaded): void {
    const tenure = this.#tenureOf(epoch);
    const loading = tenure?.loads.end() ?? null;
    if (tenure === null || loading === null) return;
    if (loaded.epoch !== epoch) {
      this.begin();
      return;
    }
    // The newest frame's number: kept as long as any frame at hand, evictable when there is none.
    this.#guard(() => tenure.fold.insert(loaded, loading.created, tenure.inbox.nextNumber - 1));
    tenure.publishing?.loaded(tenure.fold.table, [...loading.asked, ...loading.ahead]);
    this.#queries.found(tenure, loading.asked);
    tenure.mayEvict = true;
  }

  dueLoaded(epoch: number, due: DuePage): void {
    const tenure = this.#tenureOf(epoch);
    if (tenure === null || tenure.dueLimit === null) return;
    if (due.epoch !== epoch) {
      this.begin();
      return;
    }
    const { fold, dueLimit } = tenure;
    const before = fold.timers.horizonMs;
    tenure.dueLimit = null;
    fold.timers.insertPage(due.actors, dueLimit);
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
    if (tenure === null || tenure.inFlight?.commit !== commit) return;
    if (result !== "committed") {
      this.begin();
      return;
    }
    const checkpoint = tenure.inFlight;
    tenure.inFlight = null;
    tenure.confirmedCommit = commit;
    tenure.pace.confirmed(nowMs);
    this.#forgetSkips(checkpoint);
    this.#countConfirmed(checkpoint);
    freeCheckpoint(checkpoint);
    tenure.fold.turns.outbox.confirmed(checkpoint.outbox);
    this.#sendOutbox(tenure);
    tenure.fold.requests.confirmed(checkpoint.requests);
    this.#sendRequests(tenure);
    const published = tenure.publishing?.confirmed(commit) ?? null;
    if (published !== null) this.#actions.push({ type: "published", published });
    this.#actions.push({ type: "trim", below: (checkpoint.positions[MAILBOX]?.offset ?? -1) + 1 });
    this.#queries.answerBarriers(tenure);
    tenure.mayEvict = true;
    if (this.#mendUnsaved(checkpoint)) this.begin();
    else this.#checkpointIfDue(tenure, nowMs);
  }

  /** Nobody else had the shard meanwhile if the claim's epoch is the next one. */
  #countUnanswered({ epoch, commit }: Claim): void {
    const checkpoint = this.#unanswered;
    this.#unanswered = null;
    if (checkpoint?.epoch === epoch - 1 && checkpoint.commit === commit) this.#countConfirmed(checkpoint);
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
    for (const [key, { place }] of this.#skips) if (isPast(place, positions)) this.#skips.delete(key);
  }

  /** True when there were any: the shard claims itself again, and so loads the actors and their timers anew. */
  #mendUnsaved({ positions }: Checkpoint): boolean {
    const isFolded = ([topic, below]: [string, number]) => below <= (positions[topic]?.offset ?? -1) + 1;
    const before = this.#unsaved.size;
    for (const [key, { below }] of this.#unsaved) {
      if (Object.entries(below).every(isFolded)) this.#unsaved.delete(key);
    }
    return this.#unsaved.size < before;
  }

  #evict(tenure: Tenure): void {
    const { fold, inbox, confirmedCommit } = tenure;
    if (!tenure.mayEvict || fold.table.bytes <= this.#options.limits.actorBytes) return;
    tenure.mayEvict = false;
    const { actorBytes } = this.#options.limits;
    this.counters.evictions += fold.table.evict(actorBytes, confirmedCommit, inbox.oldestNumber);
  }

  appended(epoch: number, target: number, n: number, _nowMs: number): void {
    const tenure = this.#tenureOf(epoch);
    if (tenure === null) return;
    tenure.fold.turns.outbox.acknowledged(target, n);
    this.#sendOutbox(tenure);
  }

  #sendOutbox(tenure: Tenure): void {
    for (const { target, n, text } of tenure.fold.turns.outbox.takeSendable()) {
      this.#actions.push({ type: "append", epoch: tenure.epoch, target, n, text });
    }
  }

  #sendRequests({ fold, epoch }: Tenure): void {
    for (const { n, kind, id, service, body, dueMs } of fold.requests.takeSendable()) {
      this.#actions.push({ type: "request", epoch, n, from: { kind, id }, service, body, dueMs });
    }
  }

  query(query: ShardQuery): void {
    if (this.#state === "refused" || this.#state === "stopped") {
      this.#answer(query.queryId, { type: "moved" });
    } else this.#queries.add(query);
  }

  publishAll(): void {
    const tenure = this.#tenure;
    if (tenure === null || tenure.publishing === null) return;
    tenure.publishing.addAll(tenure.fold.table);
  }

  hurry(): void {
    this.#tenure?.pace.hurry();
  }

  run(clock: () => number, sliceMs: number): boolean {
    const tenure = this.#tenure;
    if (tenure === null || this.#state !== "running") return false;
    const startMs = clock();
    tenure.inbox.turn(this.#mayFoldRecords(tenure, startMs));
    const more = this.#guard(() => this.#foldSlice(tenure, clock, startMs + sliceMs)) ?? false;
    if (this.#tenure !== tenure || this.#state !== "running") return false;
    const nowMs = clock();
    tenure.pace.spent(nowMs - startMs);
    this.#answerQueries(tenure, nowMs);
    this.#evict(tenure);
    this.#requestLoads(tenure);
    this.#tickIfDue(tenure, nowMs);
    this.#checkpointIfDue(tenure, nowMs);
    return more && this.#tenure === tenure && this.#canFold(tenure);
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
    const { fold, inbox, pace, inFlight } = tenure;
    if (pace.isFull && inFlight !== null) return false;
    return !fold.isAtBoundary(inbox.peek()) || (!fold.turns.outbox.isFull && !pace.mustCommit);
  }

  #mayFoldRecords({ hasTicked, clock, fold }: Tenure, nowMs: number): boolean {
    return hasTicked && clock.logNowMs(nowMs) - fold.turns.clockMs <= maxClockAgeMs;
  }

  /** True when there is more to fold at once. */
  #foldSlice(tenure: Tenure, clock: () => number, endMs: number): boolean {
    const { fold, inbox, loads, pace, isolation, confirmedCommit } = tenure;
    const isOver = () => clock() >= endMs;
    for (let work = inbox.peek(); work !== undefined && this.#canFold(tenure); work = inbox.peek()) {
      loads.look(work);
      if (work.contexts !== null) work.beganMs ??= clock();
      if (!fold.prepare(work)) return false;
      const limit = isolation.limit(work, confirmedCommit);
      if (work.at >= limit && fold.isAtBoundary(work)) {
        if (isolation.wantsCommit(fold.turns.nextCommit, confirmedCommit)) pace.demand();
        return false;
      }
      const progress: FoldProgress = fold.fold(work, limit, isOver);
      if (progress === "blocked") return false;
      pace.moved();
      if (progress === "skipped") pace.demand();
      if (progress !== "folded") return true;
      const queue = inbox.shift();
      const nowMs = clock();
      if (!isRecords(work.source)) this.#traces.folded(work.source);
      if (work.beganMs !== null) this.#tellFolded(work, work.beganMs, nowMs);
      if (isolation.commitsFrames) pace.demand();
      this.#countFolded(tenure, queue, work.size);
      work.release();
      inbox.turn(this.#mayFoldRecords(tenure, nowMs));
      if (nowMs >= endMs) return inbox.peek() !== undefined;
    }
    return false;
  }

  #tellFolded({ last, contexts, messages }: WorkFrame, beganMs: number, endedMs: number): void {
    if (contexts === null) return;
    this.#actions.push({ type: "folded", offset: last, contexts, messages, beganMs, endedMs });
  }

  #countFolded({ pace }: Tenure, queue: FrameQueue, bytes: number): void {
    pace.folded(bytes);
    queue.ungranted += bytes;
    if (queue.ungranted * 4 < this.#options.limits.deliveryWindowBytes) return;
    this.#actions.push({ type: "grant", topic: queue.topic, bytes: queue.ungranted });
    queue.ungranted = 0;
  }

  #requestLoads(tenure: Tenure): void {
    const { fold, loads, epoch } = tenure;
    if (fold.timers.needsPage) this.#askDue(tenure, this.#options.limits.duePage);
    const keys = loads.begin();
    this.counters.loads += keys.length;
    if (keys.length > 0) this.#actions.push({ type: "load", epoch, keys });
  }

  #answerQueries(tenure: Tenure, nowMs: number): void {
    const { fold, inbox, pace, inFlight, confirmedCommit } = tenure;
    // Not in the middle of a frame, be it one that a claim found begun: the answer's position says what it reflects.
    if (inbox.isAmidst) return;
    const saved = inFlight?.commit ?? confirmedCommit;
    this.#queries.answerReady(tenure, pace.hasChanges(fold) ? fold.turns.nextCommit : saved, nowMs);
  }

  /** When the next checkpoint is due, monotonic; Infinity when there is nothing to save, or one is under way. */
  #checkpointDueMs({ fold, inbox, pace, inFlight, publishing }: Tenure, nowMs: number): number {
    // Inside a turn a checkpoint waits for what the turn waits for, and that wakes the shard by itself.
    if (inFlight !== null || !fold.isAtBoundary(inbox.peek())) return Infinity;
    if (this.#queries.hasBarriers) pace.hurry();
    return pace.dueMs(fold, nowMs, publishing?.dueMs);
  }

  #checkpointIfDue(tenure: Tenure, nowMs: number): void {
    if (this.#checkpointDueMs(tenure, nowMs) > nowMs) return;
    const { fold, inbox, epoch, isolation } = tenure;
    const positions = fold.positionsAt(inbox.peek());
    const { keyRetentionMs, maxColdBytes } = this.#options.limits;
    tenure.publishing?.changed(fold.turns.changed);
    let checkpoint: Checkpoint;
    try {
      checkpoint = capture(fold, {
        shard: this.shard,
        epoch,
        positions,
        attempts: isolation.attemptsAt(positions),
        keyRetentionMs,
        maxColdBytes,
      });
    } catch (thrown) {
      if (!(thrown instanceof StateError)) throw thrown;
      this.#unsaved.set(actorKey(thrown.address), {
        reason: "state-not-saved",
        detail: thrown.message,
        below: belowOf(positions),
      });
      this.begin();
      return;
    }
    tenure.inFlight = checkpoint;
    tenure.pace.captured(nowMs);
    this.#capturePublished(tenure, checkpoint, nowMs);
    this.#actions.push({ type: "commit", checkpoint });
  }

  /** In the middle of a frame no position says what an answer reflects. */
  #capturePublished(
    { publishing, fold, clock, epoch }: Tenure,
    checkpoint: Checkpoint,
    nowMs: number,
  ): void {
    if (publishing === null) return;
    const at = Object.entries(checkpoint.positions);
    if (at.every(([, { index }]) => index === 0)) {
      const positions = Object.fromEntries(at.map(([topic, { offset }]) => [topic, offset]));
      const atMs = Math.max(fold.turns.clockMs, clock.logNowMs(nowMs));
      publishing.capture(fold.table, checkpoint.commit, { epoch, positions, atMs });
    }
  }

  /** When a tick is due: a timer, or records that came, want the clock to move and no frame has come. */
  #tickDueMs({ inbox, clock, fold }: Tenure): number {
    if (inbox.mailbox.length > 0) return Infinity;
    const byRecords = inbox.hasRecords ? fold.turns.clockMs + recordTickMs : Infinity;
    return clock.tickDueMs(Math.min(fold.timers.nextMs, byRecords));
  }

  #tickIfDue(tenure: Tenure, nowMs: number): void {
    if (this.#tickDueMs(tenure) <= nowMs) this.#sendTick(tenure, nowMs);
  }

  #sendTick(tenure: Tenure, nowMs: number): void {
    tenure.clock.tickSent(nowMs);
    this.#actions.push({ type: "tick", epoch: tenure.epoch, text: tenure.tick });
  }

  wakeAtMs(nowMs: number): number | null {
    const tenure = this.#tenure;
    if (tenure === null || this.#state !== "running") return null;
    const wakeMs = Math.min(this.#checkpointDueMs(tenure, nowMs), this.#tickDueMs(tenure));
    return wakeMs === Infinity ? null : wakeMs;
  }

  stop(): void {
    this.#queries.giveUp({ type: "moved" });
    this.#dropTenure();
    this.#state = "stopped";
  }

  gauges(): ShardGauges {
    const tenure = this.#tenure;
    return {
      state: this.#state === "running" || this.#state === "refused" ? this.#state : "claiming",
      epoch: tenure?.epoch ?? 0,
      folded: tenure?.fold.position.offset ?? -1,
      queuedFrames: tenure?.inbox.length ?? 0,
      oldestStampMs: oldestStampMs(tenure?.inbox.mailbox.peek()),
      actors: tenure?.fold.table.count ?? 0,
      actorBytes: tenure?.fold.table.bytes ?? 0,
      openRequests: tenure?.fold.requests.size ?? 0,
      suspended: tenure?.fold.turns.suspended ?? new Map(),
      keysFull: (tenure?.fold.keys.size ?? 0) >= this.#options.limits.maxKeys,
    };
  }
}

function clearNow(actors: ActorTable): void {
  actors.clear();
}

function oldestStampMs(work: WorkFrame | undefined): number | null {
  return work === undefined || isRecords(work.source) ? null : work.source.stampMs;
}

/** By topic, the offset below which everything has been folded at least in part. */
function belowOf(positions: Positions): Record<string, number> {
  const entries = Object.entries(positions);
  return Object.fromEntries(
    entries.map(([topic, { offset, index }]) => [topic, offset + (index > 0 ? 2 : 1)]),
  );
}
