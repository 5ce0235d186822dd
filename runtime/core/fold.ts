/**
 * The fold of a shard under one epoch: its memory, and the step from one frame to the next.
 *
 * 1. Frames are folded strictly in order; timers due fire before a frame's entries, by (due, kind, id, name).
 * 2. Messages to actors of the same shard are folded in the same turn, in the order they were sent.
 * 3. The result depends on the claim and the frames alone, not on when loads, commits or evictions happen.
 * 4. A throw in a turn leaves the memory unusable: the shard drops this object and claims itself again, with the
 *    place among the `skips`.
 */

import type { Address, Json } from "./actor.ts";
import type { Attempts } from "./attempts.ts";
import type { ActorEntry } from "./actor_table.ts";
import { actorKey, ActorTable, copyMessage, type Damage, type Timer } from "./actor_table.ts";
import {
  type Claim,
  type DeadLetter,
  type DueActor,
  MAILBOX,
  type Position,
  type ReplayedLetter,
  type SnapshotBatch,
} from "./checkpoint.ts";
import { deadLetter, type Death, type Skip, TurnFailure } from "./dead_letter.ts";
import { errorMessage, FormatError } from "./errors.ts";
import { idOf, partMarker, type Replay, replayMarker, type Run, senderMarker } from "./frame.ts";
import { KeyMemory } from "./keys.ts";
import { maxTimers, type ShardLimits } from "./limits.ts";
import { shardOf } from "./murmur2.ts";
import { Outbox } from "./outbox.ts";
import { placeKey } from "./place.ts";
import { idProblem, type Registry } from "./registry.ts";
import { Sequences } from "./sequence.ts";
import type { ShardCounters } from "./shard_api.ts";
import { TimerQueue } from "./timers.ts";
import { Turn, type TurnEffects } from "./turn.ts";
import type { WorkFrame } from "./work.ts";

interface FoldOptions {
  readonly shard: number;
  readonly shardCount: number;
  readonly registry: Registry;
  readonly limits: ShardLimits;
  readonly counters: ShardCounters;
  readonly skips: ReadonlyMap<string, Skip>;
  /** Actors that take no messages, by `actorKey`. */
  readonly suspended: ReadonlyMap<string, Damage>;
}

/** The clock is looked at after so many entries of a frame, less one. */
const clockMask = 63;

interface LocalMessage {
  readonly kindIndex: number;
  readonly to: Address;
  readonly from: Address;
  readonly message: Json;
}

export type FoldProgress =
  /** The frame is folded. */
  | "folded"
  /** Actors or a page of timers must be loaded first. */
  | "blocked"
  /** The time slice is over. */
  | "sliced"
  /** A skipped message was put among the dead letters: better checkpoint before the next one throws. */
  | "skipped";

export class Fold implements TurnEffects {
  readonly table: ActorTable;
  readonly timers = new TimerQueue();
  readonly sequences: Sequences;
  readonly keys: KeyMemory;
  readonly outbox: Outbox;
  /** The shard's clock, log time. */
  clockMs: number;
  position: Position;
  /** Changed since the last checkpoint. */
  changed: ActorEntry[] = [];
  deadLetters: DeadLetter[] = [];
  replayed: ReplayedLetter[] = [];
  /** The turn in which hosts died, until it is past. */
  attempts: Attempts | null;
  /** Number of the commit that will contain what changes now. */
  nextCommit: number;
  /** A page of timers is needed before the clock's timers can fire. */
  needsDuePage = true;

  readonly #options: FoldOptions;
  readonly #turn: Turn;
  readonly #local: LocalMessage[] = [];
  #localAt = 0;
  readonly #wanted = new Map<string, Address>();
  /** Actors with timers, all of which are in the queue by name. */
  readonly #queued = new Set<string>();
  #compactAt = 1024;
  #hasSkipped = false;

  constructor(options: FoldOptions, claim: Claim) {
    const { registry, limits, shard } = options;
    this.#options = options;
    this.table = new ActorTable(registry, options.suspended);
    this.sequences = new Sequences(claim.memory, limits.gatewayRetentionMs);
    this.keys = new KeyMemory(limits.keyRetentionMs);
    for (const increment of claim.keys) this.keys.restore(increment);
    this.outbox = new Outbox(
      {
        source: shard,
        types: registry.wireTypes,
        maxUnackedFrames: limits.maxUnackedFrames,
        maxFrameMessages: limits.maxFrameMessages,
      },
      claim.memory.outbox,
      claim.outbox,
    );
    this.clockMs = claim.memory.clockMs;
    this.position = claim.positions[MAILBOX] ?? { offset: -1, index: 0 };
    this.attempts = claim.memory.attempts;
    this.nextCommit = claim.commit + 1;
    this.#turn = new Turn(shard, this);
  }

  /** Actors that must be loaded, without those already on their way. */
  takeWanted(): Address[] {
    const wanted = [...this.#wanted.values()];
    this.#wanted.clear();
    return wanted;
  }

  get hasWanted(): boolean {
    return this.#wanted.size > 0;
  }

  /** No turn is half done, so a checkpoint may be taken. `work` is the frame at hand. */
  isAtBoundary(work: WorkFrame | undefined): boolean {
    if (this.#local.length > 0) return false;
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
    for (const entry of this.table.insertLoaded(loaded, used)) this.#queueTimers(entry);
    for (const { kind, id } of created) {
      const kindIndex = this.#options.registry.indexOf(kind);
      if (this.table.get(kindIndex, id) === undefined) this.table.create(kindIndex, id, used);
    }
  }

  #queueTimers(entry: ActorEntry): void {
    if (entry.timers === null) return;
    const key = actorKey(entry.address);
    if (this.#queued.has(key)) return;
    this.#queued.add(key);
    const { kind, id } = entry.address;
    for (const [name, { dueMs }] of entry.timers) this.timers.push({ dueMs, kind, id, name });
  }

  /** Takes in a page of actors with timers due after `timers.horizonMs`, `limit` having been asked for. */
  insertDue(due: readonly DueActor[], limit: number): void {
    const last = due.at(-1);
    const isLastPage = due.length < limit || last === undefined;
    // Others may be due at the same time as the page's last: the horizon stays below it.
    this.timers.horizonMs = isLastPage ? Infinity : last.dueMs - 1;
    for (const actor of due) {
      if (actor.dueMs <= this.timers.horizonMs && !this.#queued.has(actorKey(actor))) {
        this.timers.push({ ...actor, name: null });
      }
    }
    this.needsDuePage = false;
  }

  /** When the next timer is due, log time; Infinity when there is none. */
  get nextTimerMs(): number {
    return Math.min(this.timers.peek()?.dueMs ?? Infinity, this.timers.horizonMs + 1);
  }

  /** Folds what is left of `work`; `isOver` says that the time slice has ended. */
  fold(work: WorkFrame, isOver: () => boolean): FoldProgress {
    this.#hasSkipped = false;
    if (!this.prepare(work)) return "blocked";
    if (!work.hasBegun) this.#begin(work);
    this.#turn.topic = work.source.topic;
    this.#turn.offset = work.source.offset;
    if (!this.#foldLocal()) return "blocked";
    if (!work.haveTimersFired) {
      if (!this.#fireTimers(work)) return "blocked";
      work.haveTimersFired = true;
    }
    return this.#foldEntries(work, isOver);
  }

  #begin(work: WorkFrame): void {
    const { source, frame } = work;
    this.clockMs = Math.max(this.clockMs, source.stampMs);
    work.hasBegun = true;
    this.#turn.timerNumber = 0;
    if (!this.sequences.accept(frame.origin, this.clockMs)) {
      this.#options.counters.repeatedFrames++;
      work.skipAll();
    }
  }

  #foldEntries(work: WorkFrame, isOver: () => boolean): FoldProgress {
    this.#turn.timer = "";
    for (let run = work.run; run !== null; run = work.run) {
      if (run.type < 0) {
        this.#foldMarker(work, run);
        continue;
      }
      const progress = this.#foldRun(work, run, isOver);
      if (progress !== "folded") return progress;
    }
    this.position = { offset: work.source.offset, index: 0 };
    this.#options.counters.frames++;
    return "folded";
  }

  #foldRun(work: WorkFrame, run: Run, isOver: () => boolean): FoldProgress {
    const turn = this.#turn;
    const { targets } = work;
    const { bodies, first, end } = run;
    const [kind, version] = work.frame.types[run.type]!;
    while (work.at < end) {
      const at = work.at;
      turn.index = at;
      turn.step = 0;
      turn.replay = work.replay;
      work.at = at + 1;
      this.#options.counters.messages++;
      const target = targets[at]!;
      const body = bodies[at - first] as Json;
      if (target === null) this.#buryUnknown({ kind, id: idOf(work.frame, run, at) }, version, body);
      else this.#take(target, version, body, work.sender);
      if (work.replay !== null) this.#endReplay(work, work.replay);
      if (this.#local.length > 0 && !this.#foldLocal()) return "blocked";
      if (this.#hasSkipped) return "skipped";
      if ((at & clockMask) === clockMask && isOver() && work.run !== null) return "sliced";
    }
    return "folded";
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
      case partMarker:
        if (this.keys.has(text, this.clockMs)) {
          this.#options.counters.repeatedParts++;
          work.skip(value as number);
        } else {
          this.keys.add(text, this.clockMs);
        }
        return;
      default:
        throw new FormatError(`A frame has the unknown marker ${type}`);
    }
  }

  /** The replayed message was folded, and has died again or not. */
  #endReplay(work: WorkFrame, { letter, replays }: Replay): void {
    if (this.#turn.letters === 0) this.replayed.push({ id: letter, replays, atMs: this.clockMs });
    work.replay = null;
  }

  #buryUnknown(self: Address, version: number, body: Json): void {
    this.#turn.self = self;
    this.#turn.message = body;
    this.#turn.letters = 0;
    const detail = `This program has no actors of the kind "${self.kind}"`;
    this.#bury(this.#turn, { reason: "unknown-kind", detail, version });
  }

  /** Takes a message of any version. */
  #take(target: ActorEntry, version: number, body: Json, sender: Address | null): void {
    if (version === target.definition.message.version) {
      this.#receive(target, body, sender);
      return;
    }
    const current = this.#migrateMessage(target, version, body, sender);
    if (current !== undefined) this.#receive(target, current, sender);
  }

  /** The message in its present form; undefined when there is none and it was dead-lettered. */
  #migrateMessage(entry: ActorEntry, version: number, body: Json, sender: Address | null): Json | undefined {
    const { message, kind } = entry.definition;
    let reason: string;
    try {
      const migrated = version < message.version ? message.migrate?.(version, body) ?? body : body;
      const parsed = message.schema.safeParse(migrated);
      if (parsed.success) return parsed.data as Json;
      reason = parsed.error.message;
    } catch (thrown) {
      reason = errorMessage(thrown);
    }
    this.#turn.begin(entry, body, sender);
    const detail =
      `A message of version ${version} for ${kind} does not become one of version ${message.version}`;
    this.#bury(this.#turn, { reason: "invalid", detail: `${detail}: ${reason}`, version });
    return undefined;
  }

  #receive(entry: ActorEntry, message: Json, sender: Address | null): void {
    const turn = this.#turn;
    turn.begin(entry, message, sender);
    if (entry.damage !== null) {
      this.#bury(turn, entry.damage);
      return;
    }
    if (entry.changedIn !== this.nextCommit) this.#markChanged(entry);
    if (this.#options.skips.size > 0 && this.#isSkipped(turn)) return;
    try {
      entry.definition.receive(entry.state, message, turn);
    } catch (thrown) {
      const stack = thrown instanceof Error ? thrown.stack ?? null : null;
      throw new TurnFailure({ place: turn.place, reason: "threw", detail: errorMessage(thrown), stack });
    }
  }

  #markChanged(entry: ActorEntry): void {
    entry.changedIn = this.nextCommit;
    entry.isNew = false;
    this.changed.push(entry);
  }

  #isSkipped(turn: Turn): boolean {
    const skip = this.#options.skips.get(placeKey(turn.place));
    if (skip === undefined) return false;
    this.#bury(turn, skip);
    this.#hasSkipped = true;
    return true;
  }

  /** Folds the messages that the turn sent within the shard. False when an actor must be loaded first. */
  #foldLocal(): boolean {
    while (this.#localAt < this.#local.length) {
      const { kindIndex, to, from, message } = this.#local[this.#localAt]!;
      const entry = this.table.get(kindIndex, to.id);
      if (entry === undefined) {
        this.#want(kindIndex, to.id);
        return false;
      }
      this.#localAt++;
      this.#turn.step++;
      this.#turn.replay = null;
      this.#options.counters.localTurns++;
      if (this.#turn.step > this.#options.limits.maxLocalTurns) {
        this.#turn.begin(entry, message, from);
        const detail = `One message caused over ${this.#options.limits.maxLocalTurns} turns in its shard`;
        this.#bury(this.#turn, { reason: "too-many-local-turns", detail });
        continue;
      }
      this.#receive(entry, message, from);
    }
    this.#local.length = 0;
    this.#localAt = 0;
    return true;
  }

  /** Fires the timers due by now. False when actors or a page of timers must be loaded first. */
  #fireTimers(work: WorkFrame): boolean {
    for (;;) {
      if (this.clockMs > this.timers.horizonMs) {
        this.needsDuePage = true;
        return false;
      }
      const top = this.timers.peek();
      if (top === null || top.dueMs > this.clockMs) return true;
      const entry = this.table.find(top);
      if (entry === undefined) {
        this.#wantDueActors();
        return false;
      }
      this.timers.pop();
      // Keeps the actor in memory until the frame is folded.
      entry.used = Math.max(entry.used, work.number);
      const timer = top.name === null ? undefined : entry.timers?.get(top.name);
      if (top.name === null || timer?.dueMs !== top.dueMs) continue;
      this.cancelTimer(entry, top.name);
      this.#fire(entry, top.name, timer);
      if (!this.#foldLocal()) return false;
    }
  }

  #fire(entry: ActorEntry, name: string, { dueMs, version, message }: Timer): void {
    const turn = this.#turn;
    turn.index = -1;
    turn.timerNumber++;
    turn.timer = `${dueMs}/${entry.address.kind}/${entry.address.id}/${name}`;
    turn.step = 0;
    turn.replay = null;
    this.#options.counters.timersFired++;
    // It has one timer less, whatever becomes of the message.
    if (entry.changedIn !== this.nextCommit) this.#markChanged(entry);
    this.#take(entry, version, JSON.parse(message), null);
  }

  #wantDueActors(): void {
    const { registry, limits } = this.#options;
    // Its own bound: what is wanted already may have come in the meantime and then is not asked for again.
    let room = limits.duePage;
    for (const { kind, id } of this.timers.due(this.clockMs)) {
      const kindIndex = registry.indexOf(kind);
      if (this.table.get(kindIndex, id) !== undefined) continue;
      this.#want(kindIndex, id);
      if (--room === 0) return;
    }
  }

  send(from: Address, to: Address, message: Json): void {
    const { registry, shard, shardCount } = this.#options;
    const kindIndex = registry.indexOf(to.kind);
    const definition = registry.definitions[kindIndex];
    if (definition === undefined) {
      throw new Error(`Cannot send to ${to.kind}/${to.id}: there is no such kind`);
    }
    const problem = idProblem(to.id);
    if (problem !== null) throw new Error(`Cannot send to a ${to.kind}: ${problem}`);
    const copy = copyMessage(message);
    if (!definition.message.accepts(copy)) {
      throw new Error(`Cannot send to ${to.kind}/${to.id}: it does not accept ${JSON.stringify(message)}`);
    }
    const target = shardOf(to.id, shardCount);
    if (target === shard) this.#local.push({ kindIndex, to, from, message: copy });
    else this.outbox.send(target, kindIndex, from, to.id, copy);
  }

  setTimer(entry: ActorEntry, name: string, dueMs: number, message: Json): void {
    if (!Number.isFinite(dueMs)) throw new Error(`A timer is due at a finite time, not ${dueMs}`);
    const type = entry.definition.message;
    const text = JSON.stringify(message);
    if (!type.accepts(JSON.parse(text))) {
      throw new Error(`The timer ${name} has a message that is refused: ${text}`);
    }
    const timers = entry.timers ??= new Map();
    if (timers.size >= maxTimers && !timers.has(name)) {
      throw new Error(`An actor has at most ${maxTimers} timers`);
    }
    // Strictly later than now, so that one pass over the due timers ends.
    const due = Math.max(Math.ceil(dueMs), this.clockMs + 1);
    timers.set(name, { dueMs: due, version: type.version, message: text });
    this.#queued.add(actorKey(entry.address));
    this.timers.push({ ...entry.address, dueMs: due, name });
    if (this.timers.size > this.#compactAt) this.#compactTimers();
  }

  #compactTimers(): void {
    this.timers.compact((timer) => {
      const entry = this.table.find(timer);
      return entry === undefined ||
        (timer.name !== null && entry.timers?.get(timer.name)?.dueMs === timer.dueMs);
    });
    this.#compactAt = Math.max(1024, this.timers.size * 2);
  }

  cancelTimer(entry: ActorEntry, name: string): void {
    entry.timers?.delete(name);
    if (entry.timers?.size !== 0) return;
    entry.timers = null;
    this.#queued.delete(actorKey(entry.address));
  }

  deadLetter(turn: Turn, reason: string, detail: string): void {
    this.#bury(turn, { reason, detail });
  }

  #bury(turn: Turn, death: Death): void {
    const { shard, registry } = this.#options;
    const version = registry.find(turn.self.kind)?.message.version ?? 0;
    this.deadLetters.push(deadLetter(shard, turn, version, death));
  }
}
