/**
 * The fold of a shard under one epoch: its memory, and the step from one frame to the next.
 *
 * 1. Frames of a topic are folded strictly in order; timers due fire, and requests time out, before the entries of a
 *    frame of the mailbox: `timers.ts`. Records of foreign topics move no clock.
 * 2. Messages to actors of the same shard are folded in the same turn, in the order they were sent.
 * 3. The result depends on the claim and the frames, in the order in which they were folded, alone: not on when loads,
 *    commits or evictions happen. A shard without foreign topics has one order. Of several topics, the order is fixed
 *    by the checkpoint: what was folded after the last one may be folded again in another order, and nobody has seen
 *    what came of it, since effects leave after the commit that contains them.
 * 4. A throw in a turn leaves the memory unusable: the shard drops this object and claims itself again, with the
 *    place among the `skips`.
 * 5. The witness is told of every turn before it begins, and of no turn while none is under way.
 */

import type { Address, Json } from "./actor.ts";
import { type ActorEntry, ActorTable, type Timer } from "./actor_table.ts";
import { ActorTimers } from "./actor_timers.ts";
import {
  type Claim,
  MAILBOX,
  type OpenRequest,
  type Position,
  type Positions,
  type ReplayedLetter,
  type SnapshotBatch,
} from "./checkpoint.ts";
import { controlVersion, deliveryBody } from "./control.ts";
import { FormatError } from "./errors.ts";
import {
  idOf,
  partMarker,
  refusedMarker,
  type Replay,
  replayMarker,
  type Run,
  senderMarker,
} from "./frame.ts";
import { KeyMemory } from "./keys.ts";
import { isRecords } from "./log_frame.ts";
import { Requests, timedOut } from "./requests.ts";
import { partitionName, Sequences } from "./sequence.ts";
import { requestTimerName } from "./timers.ts";
import { type FoldOptions, Turns } from "./turns.ts";
import type { WorkFrame } from "./work.ts";

const start: Position = { offset: -1, index: 0 };

/** The clock is looked at after so many entries of a frame, less one. */
const clockMask = 63;

export type FoldProgress =
  /** The frame is folded. */
  | "folded"
  /** Actors or a page of timers must be loaded first. */
  | "blocked"
  /** The time slice is over. */
  | "sliced"
  /** A message that must not be met again was put among the dead letters: better checkpoint at once. */
  | "skipped";

export class Fold {
  readonly table: ActorTable;
  readonly timers: ActorTimers;
  readonly sequences: Sequences;
  readonly keys: KeyMemory;
  readonly requests: Requests;
  readonly turns: Turns;
  /** By topic, behind the last frame that was folded to its end. */
  readonly #positions: Record<string, Position>;
  replayed: ReplayedLetter[] = [];

  readonly #options: FoldOptions;
  readonly #epoch: number;
  #localAt = 0;
  /** Of the frame at hand, as the witness is told. */
  #topicNumber = 0;
  readonly #wanted = new Map<string, Address>();

  constructor(options: FoldOptions, claim: Claim) {
    const { registry, limits } = options;
    this.#options = options;
    this.table = new ActorTable(registry, options.damaged, options.traces);
    // Those of a kind that this program does not know stay in the store as they are.
    const requests = claim.requests.filter(({ kind }) => registry.indexOf(kind) >= 0);
    this.requests = new Requests(limits, claim.memory.requests, requests);
    this.timers = new ActorTimers(this.table, this.requests);
    for (const request of requests) this.timers.insertRequest(request);
    this.sequences = new Sequences(claim.memory, limits.gatewayRetentionMs);
    this.keys = new KeyMemory(limits.keyRetentionMs);
    this.keys.restore(claim.keys);
    this.#positions = { ...claim.positions, [MAILBOX]: claim.positions[MAILBOX] ?? start };
    for (const topic of options.topics) this.#beginTopic(topic);
    this.#epoch = claim.epoch;
    this.turns = new Turns(options, claim, this.timers, this.requests);
  }

  /**
   * What came of a topic through the mailbox is folded, and what is still to come so is a repeat once it is folded
   * directly: so a topic can be declared as keyed by id while it is in use.
   */
  #beginTopic(topic: string): void {
    const name = partitionName(topic, this.#options.shard);
    const { offset } = this.#positions[topic] ?? start;
    const last = this.sequences.lastRecord(name);
    if (last > offset) this.#positions[topic] = { offset: last, index: 0 };
    else this.sequences.foldedRecords(name, offset);
  }

  /** Of the mailbox. */
  get position(): Position {
    return this.#positions[MAILBOX] ?? start;
  }

  get positions(): Positions {
    return this.#positions;
  }

  /** Where the shard stands: `work` is the frame at hand. Only at a boundary. */
  positionsAt(work: WorkFrame | undefined): Positions {
    const positions = { ...this.#positions };
    if (work?.hasBegun) positions[work.topic] = work.position;
    return positions;
  }

  /** Actors that must be loaded, without those already on their way. */
  takeWanted(): Address[] {
    const wanted = [...this.#wanted.values()];
    this.#wanted.clear();
    return wanted;
  }

  get wantedCount(): number {
    return this.#wanted.size;
  }

  /** No turn is half done, so a checkpoint may be taken. `work` is the frame at hand. */
  isAtBoundary(work: WorkFrame | undefined): boolean {
    if (this.turns.local.length > 0) return false;
    return work === undefined || !work.hasBegun || (work.haveTimersFired && work.at > 0);
  }

  /** Finds the actors of a frame ahead of its turn. */
  prepare(work: WorkFrame): boolean {
    return work.prepare(this.#options.registry, this.table, (kindIndex, id) => this.#want(kindIndex, id));
  }

  #want(kindIndex: number, id: string): void {
    const kind = this.#options.registry.definitions[kindIndex]?.kind ?? "";
    this.#wanted.set(`${kind}/${id}`, { kind, id });
  }

  /** Takes in what a load found. `created`: those asked for that become new actors if they were not found. */
  insert(loaded: SnapshotBatch, created: readonly Address[], used: number): void {
    for (const entry of this.table.insertLoaded(loaded, used)) this.timers.insert(entry);
    for (const { kind, id } of created) {
      const kindIndex = this.#options.registry.indexOf(kind);
      if (this.table.get(kindIndex, id) === undefined) this.table.create(kindIndex, id, used);
    }
  }

  /** Folds what is left of the first `limit` entries of `work`; `isOver` says that the time slice has ended. */
  fold(work: WorkFrame, limit: number, isOver: () => boolean): FoldProgress {
    this.turns.hasSkipped = false;
    if (!this.prepare(work)) return "blocked";
    if (!work.hasBegun) this.#begin(work);
    const { origin } = work.frame;
    const { turn } = this.turns;
    turn.topic = work.topic;
    turn.source = origin.type === "source" && work.isOfMailbox ? origin : null;
    this.#topicNumber = this.#options.topics.indexOf(work.topic) + 1;
    // A frame that goes on in the middle of a turn is still in that turn's record.
    this.#enter(work.offsetOf(Math.max(0, work.at - 1)));
    try {
      return this.#foldTurns(work, limit, isOver);
    } finally {
      this.#options.witness.leave();
    }
  }

  #enter(offset: number): void {
    this.turns.turn.offset = offset;
    this.#options.witness.enterFrame(this.#epoch, offset, this.#topicNumber);
  }

  #foldTurns(work: WorkFrame, limit: number, isOver: () => boolean): FoldProgress {
    if (!this.#foldLocal()) return "blocked";
    if (!work.haveTimersFired) {
      if (!this.#fireTimers(work)) return "blocked";
      work.haveTimersFired = true;
    }
    return this.#foldEntries(work, limit, isOver);
  }

  #begin(work: WorkFrame): void {
    const { source, frame } = work;
    work.hasBegun = true;
    if (isRecords(source)) {
      work.skip(this.#foldedRecords(work));
      return;
    }
    this.turns.clockMs = Math.max(this.turns.clockMs, source.stampMs);
    const repeated = this.sequences.repeated(frame.origin, this.turns.clockMs);
    if (repeated === 0) return;
    this.#options.counters.repeatedFrames++;
    if (repeated === Infinity) work.dropRepeated();
    else work.skip(repeated);
  }

  /** How many of a frame's first entries came through the mailbox meanwhile. */
  #foldedRecords({ topic, frame: { origin, count } }: WorkFrame): number {
    if (origin.type !== "source") return 0;
    const last = this.sequences.lastRecord(partitionName(topic, this.#options.shard));
    const first = origin.offsets.findIndex((offset) => offset > last);
    return first < 0 ? count : first;
  }

  #foldEntries(work: WorkFrame, limit: number, isOver: () => boolean): FoldProgress {
    this.turns.turn.timer = "";
    this.turns.turn.timerNumber = 0;
    for (let run = work.run; run !== null; run = work.run) {
      if (work.at >= limit) return "sliced";
      if (run.type < 0) {
        this.#foldMarker(work, run);
        continue;
      }
      const progress = this.#foldRun(work, run, Math.min(run.end, limit), isOver);
      if (progress !== "folded") return progress;
    }
    this.#positions[work.topic] = { offset: work.last, index: 0 };
    if (!work.isOfMailbox) {
      this.sequences.foldedRecords(partitionName(work.topic, this.#options.shard), work.last);
    }
    this.#options.counters.frames++;
    return "folded";
  }

  #foldRun(work: WorkFrame, run: Run, end: number, isOver: () => boolean): FoldProgress {
    const turn = this.turns.turn;
    const { targets, isOfMailbox } = work;
    const { bodies, first } = run;
    const [kind, version] = work.frame.types[run.type]!;
    while (work.at < end) {
      const at = work.at;
      if (isOfMailbox) turn.index = at;
      else this.#enterRecord(work, at);
      turn.step = 0;
      turn.replay = work.replay;
      work.at = at + 1;
      this.#options.counters.messages++;
      const target = targets[at]!;
      const body = bodies[at - first] as Json;
      if (target === null) this.turns.buryUnknown({ kind, id: idOf(work.frame, run, at) }, version, body);
      // As in `takeAny`.
      else if (target.trace === null) this.turns.take(target, version, body, work.sender);
      else this.turns.takeTraced(target, target.trace, version, body, work.sender);
      if (work.replay !== null) this.#endReplay(work, work.replay);
      if (this.turns.local.length > 0 && !this.#foldLocal()) return "blocked";
      if (this.turns.hasSkipped) return "skipped";
      if ((at & clockMask) === clockMask && isOver() && work.run !== null) return "sliced";
    }
    return "folded";
  }

  /** Sets the place of entry `at`. */
  #enterRecord(work: WorkFrame, at: number): void {
    this.turns.turn.index = work.indexOf(at);
    this.#enter(work.offsetOf(at));
  }

  #foldMarker(work: WorkFrame, { type, text, bodies: [value] }: Run): void {
    work.at++;
    switch (type) {
      case senderMarker:
        work.sender = { id: text, kind: value as string };
        return;
      case replayMarker:
        work.replay = { letter: text, replays: value as number };
        return;
      case refusedMarker: {
        const [detail, beginning] = value as readonly [string, string];
        if (work.isOfMailbox) this.turns.turn.index = work.at - 1;
        else this.#enterRecord(work, work.at - 1);
        this.turns.buryRecord({ reason: text, detail }, beginning);
        return;
      }
      case partMarker:
        if (this.keys.has(text, this.turns.clockMs)) {
          this.#options.counters.repeatedParts++;
          work.skip(value as number);
        } else {
          this.keys.add(text, this.turns.clockMs);
        }
        return;
      default:
        throw new FormatError(`A frame has the unknown marker ${type}`);
    }
  }

  /** The replayed message was folded, and has died again or not. */
  #endReplay(work: WorkFrame, { letter, replays }: Replay): void {
    if (this.turns.turn.letters === 0) this.replayed.push({ id: letter, replays, atMs: this.turns.clockMs });
    work.replay = null;
  }

  /** Folds the messages that the turn sent within the shard. False when an actor must be loaded first. */
  #foldLocal(): boolean {
    while (this.#localAt < this.turns.local.length) {
      const { kindIndex, to, from, version, message, death } = this.turns.local[this.#localAt]!;
      const entry = this.table.get(kindIndex, to.id);
      if (entry === undefined) {
        this.#want(kindIndex, to.id);
        return false;
      }
      this.#localAt++;
      this.turns.turn.step++;
      this.turns.turn.replay = null;
      this.#options.counters.localTurns++;
      if (death !== null) this.turns.buryLocal(entry, message, from, { ...death, version });
      else if (this.turns.turn.step <= this.#options.limits.maxLocalTurns) {
        this.turns.takeAny(entry, version, message, from);
      } else {
        const detail = `One message caused over ${this.#options.limits.maxLocalTurns} turns in its shard`;
        this.turns.buryLocal(entry, message, from, { reason: "too-many-local-turns", detail, version });
      }
    }
    this.turns.local.length = 0;
    this.#localAt = 0;
    return true;
  }

  /** Fires the timers due by now. False when actors or a page of timers must be loaded first. */
  #fireTimers(work: WorkFrame): boolean {
    for (;;) {
      const due = this.timers.takeDue(this.turns.clockMs, work.number);
      if (due === null) return true;
      if (due === "missing") {
        const { registry, limits } = this.#options;
        // Its own bound: what is wanted already may have come in the meantime and then is not asked for again.
        const missing = this.timers.missing(this.turns.clockMs, limits.duePage);
        for (const { kind, id } of missing) this.#want(registry.indexOf(kind), id);
        return false;
      }
      if (due.type === "timer") this.#fire(due.entry, due.name, due.timer);
      else this.#timeOut(due.entry, due.request);
      if (!this.#foldLocal()) return false;
    }
  }

  /** Sets the turn's place. */
  #enterTimer({ kind, id }: Address, name: string, dueMs: number): void {
    const turn = this.turns.turn;
    turn.index = -1;
    turn.timerNumber++;
    turn.timer = `${dueMs}/${kind}/${id}/${name}`;
    turn.step = 0;
    turn.replay = null;
  }

  #fire(entry: ActorEntry, name: string, { dueMs, version, message }: Timer): void {
    this.#enterTimer(entry.address, name, dueMs);
    this.#options.counters.timersFired++;
    // It has one timer less, whatever becomes of the message.
    if (entry.changedIn !== this.turns.nextCommit) this.turns.markChanged(entry);
    this.turns.takeAny(entry, version, JSON.parse(message), null);
  }

  /** The request is closed already. */
  #timeOut(entry: ActorEntry, request: OpenRequest): void {
    this.#enterTimer(entry.address, requestTimerName(request.n), request.dueMs);
    this.#options.counters.lateRequests++;
    this.turns.takeAny(entry, controlVersion, deliveryBody(timedOut(request)), null);
  }
}
