/**
 * The fold of a shard under one epoch: its memory, and the step from one frame to the next.
 *
 * 1. Frames are folded strictly in order; timers due fire, and requests time out, before a frame's entries: `timers.ts`.
 * 2. Messages to actors of the same shard are folded in the same turn, in the order they were sent.
 * 3. The result depends on the claim and the frames alone, not on when loads, commits or evictions happen.
 * 4. A throw in a turn leaves the memory unusable: the shard drops this object and claims itself again, with the
 *    place among the `skips`.
 * 5. The witness is told of every turn before it begins, and of no turn while none is under way.
 */

import type { Address, Json, ServiceAnswer } from "./actor.ts";
import { type Deaths, deathsOf, isBuried, isSamePlace, type TurnWitness } from "./attempts.ts";
import type { ActorEntry } from "./actor_table.ts";
import { actorKey, ActorTable, copyMessage, type Damage, type Timer } from "./actor_table.ts";
import { ActorTimers } from "./actor_timers.ts";
import {
  type Claim,
  type DeadLetter,
  MAILBOX,
  type OpenRequest,
  type Position,
  type ReplayedLetter,
  type SnapshotBatch,
  type SuspendedActor,
} from "./checkpoint.ts";
import { type Control, controlVersion, deliveryBody, parseControl } from "./control.ts";
import { deadLetter, type Death, type Skip, TurnFailure } from "./dead_letter.ts";
import { errorMessage, FormatError } from "./errors.ts";
import { idOf, partMarker, type Replay, replayMarker, type Run, senderMarker } from "./frame.ts";
import { KeyMemory } from "./keys.ts";
import { maxListedSuspensions, type ShardLimits } from "./limits.ts";
import { shardOf } from "./murmur2.ts";
import { Outbox } from "./outbox.ts";
import { placeKey } from "./place.ts";
import { idProblem, type Registry } from "./registry.ts";
import { refused, Requests, requestText, timedOut } from "./requests.ts";
import { Sequences } from "./sequence.ts";
import type { ShardCounters } from "./shard_api.ts";
import { requestTimerName } from "./timers.ts";
import { fail, noFailures, park, type Suspension } from "./suspension.ts";
import { deathOf, type Trace, type Traces } from "./trace.ts";
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
  readonly damaged: ReadonlyMap<string, Damage>;
  readonly witness: TurnWitness;
  readonly traces: Traces;
}

/** The clock is looked at after so many entries of a frame, less one. */
const clockMask = 63;

interface LocalMessage {
  readonly kindIndex: number;
  readonly to: Address;
  readonly from: Address | null;
  readonly version: number;
  readonly message: Json;
  /** Why it is not folded; null when it is. */
  readonly death: Death | null;
}

export type FoldProgress =
  /** The frame is folded. */
  | "folded"
  /** Actors or a page of timers must be loaded first. */
  | "blocked"
  /** The time slice is over. */
  | "sliced"
  /** A message that must not be met again was put among the dead letters: better checkpoint at once. */
  | "skipped";

export class Fold implements TurnEffects {
  readonly table: ActorTable;
  readonly timers: ActorTimers;
  readonly sequences: Sequences;
  readonly keys: KeyMemory;
  readonly outbox: Outbox;
  readonly requests: Requests;
  /** The shard's clock, log time. */
  clockMs: number;
  position: Position;
  /** Changed since the last checkpoint. */
  changed: ActorEntry[] = [];
  deadLetters: DeadLetter[] = [];
  replayed: ReplayedLetter[] = [];
  /** By `actorKey`. */
  readonly suspended: Map<string, SuspendedActor>;
  /** Number of the commit that will contain what changes now. */
  nextCommit: number;

  readonly #options: FoldOptions;
  readonly #epoch: number;
  /** Of the turns that are not begun, because too many hosts died in them. */
  readonly #killers: readonly Deaths[];
  readonly #turn: Turn;
  readonly #local: LocalMessage[] = [];
  #localAt = 0;
  readonly #wanted = new Map<string, Address>();
  #hasSkipped = false;

  constructor(options: FoldOptions, claim: Claim) {
    const { registry, limits, shard } = options;
    this.#options = options;
    this.table = new ActorTable(registry, options.damaged, options.traces);
    // Those of a kind that this program does not know stay in the store as they are.
    const requests = claim.requests.filter(({ kind }) => registry.indexOf(kind) >= 0);
    this.requests = new Requests(limits, claim.memory.requests, requests);
    this.timers = new ActorTimers(this.table, this.requests);
    for (const request of requests) this.timers.insertRequest(request);
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
    this.#epoch = claim.epoch;
    this.#killers = deathsOf(claim.memory.attempts).filter(isBuried);
    this.suspended = new Map(Object.entries(claim.memory.suspended));
    this.nextCommit = claim.commit + 1;
    this.#turn = new Turn(shard, this);
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
    for (const entry of this.table.insertLoaded(loaded, used)) this.timers.insert(entry);
    for (const { kind, id } of created) {
      const kindIndex = this.#options.registry.indexOf(kind);
      if (this.table.get(kindIndex, id) === undefined) this.table.create(kindIndex, id, used);
    }
  }

  /** Folds what is left of the first `limit` entries of `work`; `isOver` says that the time slice has ended. */
  fold(work: WorkFrame, limit: number, isOver: () => boolean): FoldProgress {
    this.#hasSkipped = false;
    if (!this.prepare(work)) return "blocked";
    if (!work.hasBegun) this.#begin(work);
    const { topic, offset } = work.source;
    this.#turn.topic = topic;
    this.#turn.offset = offset;
    this.#options.witness.enterFrame(this.#epoch, offset);
    try {
      return this.#foldTurns(work, limit, isOver);
    } finally {
      this.#options.witness.leave();
    }
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
    this.clockMs = Math.max(this.clockMs, source.stampMs);
    work.hasBegun = true;
    if (!this.sequences.accept(frame.origin, this.clockMs)) {
      this.#options.counters.repeatedFrames++;
      work.skipAll();
    }
  }

  #foldEntries(work: WorkFrame, limit: number, isOver: () => boolean): FoldProgress {
    this.#turn.timer = "";
    this.#turn.timerNumber = 0;
    for (let run = work.run; run !== null; run = work.run) {
      if (work.at >= limit) return "sliced";
      if (run.type < 0) {
        this.#foldMarker(work, run);
        continue;
      }
      const progress = this.#foldRun(work, run, Math.min(run.end, limit), isOver);
      if (progress !== "folded") return progress;
    }
    this.position = { offset: work.source.offset, index: 0 };
    this.#options.counters.frames++;
    return "folded";
  }

  #foldRun(work: WorkFrame, run: Run, end: number, isOver: () => boolean): FoldProgress {
    const turn = this.#turn;
    const { targets } = work;
    const { bodies, first } = run;
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
      // As in `#takeAny`.
      else if (target.trace === null) this.#take(target, version, body, work.sender);
      else this.#takeTraced(target, target.trace, version, body, work.sender);
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

  /** Takes a message of any version at the place that was set before, and notes it in no trace. */
  #take(target: ActorEntry, version: number, body: Json, sender: Address | null): void {
    const { index, timerNumber, step } = this.#turn;
    this.#options.witness.enterTurn(index, timerNumber, step);
    const killer = this.#killers.length === 0 ? undefined : this.#findKiller();
    if (killer !== undefined) {
      const told = version === controlVersion ? this.#closed(target, body) : body;
      this.#buryKiller(killer, target, version, told, sender);
      return;
    }
    if (version === target.definition.message.version) {
      this.#receive(target, body, sender);
      return;
    }
    if (version === controlVersion) {
      this.#control(target, body, sender);
      return;
    }
    const current = this.#migrateMessage(target, version, body, sender);
    if (current !== undefined) this.#receive(target, current, sender);
  }

  /** The same of any actor. `#foldRun` has it written out: there nothing but a comparison is added to a turn. */
  #takeAny(entry: ActorEntry, version: number, body: Json, sender: Address | null): void {
    if (entry.trace === null) this.#take(entry, version, body, sender);
    else this.#takeTraced(entry, entry.trace, version, body, sender);
  }

  #takeTraced(
    target: ActorEntry,
    trace: Trace,
    version: number,
    body: Json,
    sender: Address | null,
  ): void {
    if (this.#options.traces.hasExpired(target, trace, this.clockMs)) {
      this.#take(target, version, body, sender);
      return;
    }
    // Before the turn, which may change it.
    const message = JSON.stringify(body);
    const letters = this.deadLetters.length;
    const parked = target.suspension?.parked.length ?? 0;
    try {
      this.#take(target, version, body, sender);
    } catch (thrown) {
      trace.note(this.#turn, message, sender, `threw: ${errorMessage(thrown)}`);
      throw thrown;
    }
    const letter = this.deadLetters[letters];
    const isParked = (target.suspension?.parked.length ?? 0) > parked;
    trace.note(this.#turn, message, sender, letter ? deathOf(letter) : isParked ? "parked" : "folded");
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
    if (entry.suspension !== null) {
      this.#park(entry, entry.suspension);
      return;
    }
    if (entry.changedIn !== this.nextCommit) this.#markChanged(entry);
    if (this.#options.skips.size > 0 && this.#isSkipped(entry)) return;
    try {
      entry.definition.receive(entry.state, message, turn);
    } catch (thrown) {
      throw this.#failure(thrown);
    }
  }

  #failure(thrown: unknown): TurnFailure {
    const stack = thrown instanceof Error ? thrown.stack ?? null : null;
    const { place } = this.#turn;
    return new TurnFailure({ place, reason: "threw", detail: errorMessage(thrown), stack });
  }

  #markChanged(entry: ActorEntry): void {
    entry.changedIn = this.nextCommit;
    entry.isNew = false;
    this.changed.push(entry);
  }

  #isSkipped(entry: ActorEntry, version = entry.definition.message.version): boolean {
    const found = this.#options.skips.get(placeKey(this.#turn.place));
    if (found === undefined) return false;
    const skip = { ...found, version };
    this.#hasSkipped = true;
    const { failureIntensity } = this.#options.limits;
    if (fail(entry, this.clockMs, skip.detail, failureIntensity)) {
      this.#bury(this.#turn, this.#suspend(entry, skip));
    } else this.#bury(this.#turn, skip);
    return true;
  }

  /** Notes that the actor is suspended; answers how the death that was one too many is told. */
  #suspend({ address }: ActorEntry, death: Death): Death {
    const name = actorKey(address);
    this.#options.counters.suspensions++;
    if (this.suspended.size < maxListedSuspensions) this.suspended.set(name, { sinceMs: this.clockMs });
    const note = `${name} is suspended from here on: its messages wait until it is resumed`;
    return { ...death, detail: `${death.detail}. ${note}` };
  }

  #park(entry: ActorEntry, suspension: Suspension, version = entry.definition.message.version): void {
    const turn = this.#turn;
    const { message, sender, replay } = turn;
    const parked = { version, message: JSON.stringify(message), sender };
    // A dead letter's message stays one: parked, it would count as folded.
    if (replay === null && park(suspension, parked, this.#options.limits)) {
      if (entry.changedIn !== this.nextCommit) this.#markChanged(entry);
      return;
    }
    const name = actorKey(entry.address);
    const detail =
      `${name} is suspended and takes no more messages until it is resumed. ${suspension.detail}`;
    this.#bury(turn, { reason: "suspended", detail, version });
  }

  /** Takes what the runtime itself tells the actor. */
  #control(entry: ActorEntry, body: Json, sender: Address | null): void {
    const turn = this.#turn;
    turn.begin(entry, body, sender);
    const told = parseControl(body);
    if (told?.type === "answer") {
      const answer = this.requests.settle(entry.address, told.reply);
      if (answer === null) this.#options.counters.repeatedAnswers++;
      else this.#answer(entry, answer);
    } else if (told?.type === "delivery") this.#answer(entry, told.answer);
    else if (entry.damage === null && told !== null) this.#endSuspension(entry, told.control);
    else {
      const detail = `An actor is told "resume" or "discard", or an answer, not ${JSON.stringify(body)}`;
      this.#bury(turn, { ...entry.damage ?? { reason: "invalid", detail }, version: controlVersion });
    }
  }

  /** An answer that cannot be folded closes its request all the same; the body that tells of it then. */
  #closed({ address }: ActorEntry, body: Json): Json {
    const told = parseControl(body);
    const answer = told?.type === "answer" ? this.requests.settle(address, told.reply) : null;
    return answer === null ? body : deliveryBody(answer);
  }

  /** A turn with the outcome of a request, which is closed. */
  #answer(entry: ActorEntry, answer: ServiceAnswer): void {
    const turn = this.#turn;
    turn.begin(entry, deliveryBody(answer), null);
    if (entry.damage !== null) {
      this.#bury(turn, { ...entry.damage, version: controlVersion });
      return;
    }
    if (entry.suspension !== null) {
      this.#park(entry, entry.suspension, controlVersion);
      return;
    }
    if (entry.changedIn !== this.nextCommit) this.#markChanged(entry);
    if (this.#options.skips.size > 0 && this.#isSkipped(entry, controlVersion)) return;
    const { definition } = entry;
    if (definition.answered === undefined) {
      const detail = `A ${definition.kind} takes no answers in this program: it has no \`answered\``;
      this.#bury(turn, { reason: "invalid", detail, version: controlVersion });
      return;
    }
    try {
      definition.answered(entry.state, answer, turn);
    } catch (thrown) {
      throw this.#failure(thrown);
    }
  }

  /** What is parked comes back as local turns. */
  #endSuspension(entry: ActorEntry, control: Control): void {
    const { suspension, address: to } = entry;
    if (suspension === null) return;
    if (entry.changedIn !== this.nextCommit) this.#markChanged(entry);
    entry.suspension = null;
    entry.failedAtMs = noFailures;
    this.suspended.delete(actorKey(to));
    const detail = `It waited while ${actorKey(to)} was suspended, and was discarded`;
    const death = control === "discard" ? { reason: "discarded", detail } : null;
    const kindIndex = this.#options.registry.indexOf(to.kind);
    for (const { version, message, sender } of suspension.parked) {
      this.#local.push({ kindIndex, to, from: sender, version, message: JSON.parse(message), death });
    }
  }

  #findKiller(): Deaths | undefined {
    const { offset, index, timerNumber, step } = this.#turn;
    const here = { offset, index, timer: timerNumber, step };
    return this.#killers.find(({ place }) => isSamePlace(place, here));
  }

  #buryKiller(
    { attempts, epoch }: Deaths,
    entry: ActorEntry,
    version: number,
    body: Json,
    sender: Address | null,
  ): void {
    this.#turn.begin(entry, body, sender);
    if (entry.damage === null && entry.changedIn !== this.nextCommit) this.#markChanged(entry);
    const detail =
      `What folded it hung or died in its turn, ${attempts} times, the last time in epoch ${epoch}`;
    this.#bury(this.#turn, { reason: "killed-host", detail, version });
    this.#hasSkipped = true;
  }

  /** Folds the messages that the turn sent within the shard. False when an actor must be loaded first. */
  #foldLocal(): boolean {
    while (this.#localAt < this.#local.length) {
      const { kindIndex, to, from, version, message, death } = this.#local[this.#localAt]!;
      const entry = this.table.get(kindIndex, to.id);
      if (entry === undefined) {
        this.#want(kindIndex, to.id);
        return false;
      }
      this.#localAt++;
      this.#turn.step++;
      this.#turn.replay = null;
      this.#options.counters.localTurns++;
      if (death !== null) this.#buryLocal(entry, message, from, { ...death, version });
      else if (this.#turn.step <= this.#options.limits.maxLocalTurns) {
        this.#takeAny(entry, version, message, from);
      } else {
        const detail = `One message caused over ${this.#options.limits.maxLocalTurns} turns in its shard`;
        this.#buryLocal(entry, message, from, { reason: "too-many-local-turns", detail, version });
      }
    }
    this.#local.length = 0;
    this.#localAt = 0;
    return true;
  }

  #buryLocal(entry: ActorEntry, message: Json, from: Address | null, death: Death): void {
    this.#turn.begin(entry, message, from);
    this.#bury(this.#turn, death);
    entry.trace?.note(this.#turn, JSON.stringify(message), from, deathOf(death));
  }

  /** Fires the timers due by now. False when actors or a page of timers must be loaded first. */
  #fireTimers(work: WorkFrame): boolean {
    for (;;) {
      const due = this.timers.takeDue(this.clockMs, work.number);
      if (due === null) return true;
      if (due === "missing") {
        const { registry, limits } = this.#options;
        // Its own bound: what is wanted already may have come in the meantime and then is not asked for again.
        const missing = this.timers.missing(this.clockMs, limits.duePage);
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
    const turn = this.#turn;
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
    if (entry.changedIn !== this.nextCommit) this.#markChanged(entry);
    this.#takeAny(entry, version, JSON.parse(message), null);
  }

  /** The request is closed already. */
  #timeOut(entry: ActorEntry, request: OpenRequest): void {
    this.#enterTimer(entry.address, requestTimerName(request.n), request.dueMs);
    this.#options.counters.lateRequests++;
    this.#take(entry, controlVersion, deliveryBody(timedOut(request)), null);
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
    const { version } = definition.message;
    if (target === shard) this.#local.push({ kindIndex, to, from, version, message: copy, death: null });
    else this.outbox.send(target, kindIndex, from, to.id, copy);
  }

  setTimer(entry: ActorEntry, name: string, dueMs: number, message: Json): void {
    if (!Number.isFinite(dueMs)) throw new Error(`A timer is due at a finite time, not ${dueMs}`);
    // Strictly later than now, so that one pass over the due timers ends.
    this.timers.set(entry, name, Math.max(Math.ceil(dueMs), this.clockMs + 1), message);
  }

  cancelTimer(entry: ActorEntry, name: string): void {
    this.timers.cancel(entry, name);
  }

  request({ definition, address }: ActorEntry, service: string, body: Json, deadlineMs: number): number {
    const { kind, id } = address;
    if (definition.answered === undefined) {
      throw new Error(`A ${kind} cannot ask ${service}: it has no \`answered\` that takes the answer`);
    }
    const { counters, limits, registry } = this.#options;
    const text = requestText(service, body, deadlineMs);
    const dueMs = Math.ceil(this.clockMs + deadlineMs);
    const { request, isOpen } = this.requests.open({ kind, id, service, body: text, dueMs });
    counters.requests++;
    if (isOpen) {
      this.timers.insertRequest(request);
      return request.n;
    }
    counters.refusedRequests++;
    this.#local.push({
      kindIndex: registry.indexOf(kind),
      to: address,
      from: null,
      version: controlVersion,
      message: deliveryBody(refused(request, limits)),
      death: null,
    });
    return request.n;
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
