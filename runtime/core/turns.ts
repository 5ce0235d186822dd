/**
 * What becomes of a message: a turn of its actor, a place among those that wait, or a dead letter; and what a turn asks
 * for.
 *
 * 1. Messages of an earlier version are migrated, those that no version takes are dead letters.
 * 2. A throw leaves the memory unusable; see `Fold`. Nothing else that a message does stops the fold.
 * 3. The witness is told of every turn before it begins.
 */

import type { Address, Json, ServiceAnswer } from "./actor.ts";
import type { ActorEntry } from "./actor_table.ts";
import { actorKey, copyMessage, type Damage } from "./actor_table.ts";
import type { ActorTimers } from "./actor_timers.ts";
import { type Deaths, deathsOf, isBuried, isSamePlace, type TurnWitness } from "./attempts.ts";
import { type Claim, type DeadLetter, MAILBOX, type SuspendedActor } from "./checkpoint.ts";
import { type Control, controlVersion, deliveryBody, parseControl } from "./control.ts";
import { deadLetter, type Death, refusedRecord, type Skip, TurnFailure } from "./dead_letter.ts";
import { errorMessage } from "./errors.ts";
import { maxListedSuspensions, type ShardLimits } from "./limits.ts";
import { shardOf } from "./murmur2.ts";
import { Outbox } from "./outbox.ts";
import { placeKey } from "./place.ts";
import { idProblem, type Registry } from "./registry.ts";
import { refused, type Requests, requestText } from "./requests.ts";
import type { ShardCounters } from "./shard_api.ts";
import { fail, noFailures, park, type Suspension } from "./suspension.ts";
import { deathOf, type Trace, type Traces } from "./trace.ts";
import { Turn, type TurnEffects } from "./turn.ts";

export interface FoldOptions {
  readonly shard: number;
  readonly shardCount: number;
  /** Foreign topics that are folded directly. */
  readonly topics: readonly string[];
  readonly registry: Registry;
  readonly limits: ShardLimits;
  readonly counters: ShardCounters;
  readonly skips: ReadonlyMap<string, Skip>;
  /** Actors that take no messages, by `actorKey`. */
  readonly damaged: ReadonlyMap<string, Damage>;
  readonly witness: TurnWitness;
  readonly traces: Traces;
}

export interface LocalMessage {
  readonly kindIndex: number;
  readonly to: Address;
  readonly from: Address | null;
  readonly version: number;
  readonly message: Json;
  /** Why it is not folded; null when it is. */
  readonly death: Death | null;
}

export class Turns implements TurnEffects {
  /** Of the message at hand; whoever gives it sets the place. */
  readonly turn: Turn;
  /** Messages to actors of the shard, whose turns follow the one at hand. */
  readonly local: LocalMessage[] = [];
  readonly outbox: Outbox;
  /** The shard's clock, log time. */
  clockMs: number;
  /** Changed since the last checkpoint. */
  changed: ActorEntry[] = [];
  deadLetters: DeadLetter[] = [];
  /** By `actorKey`. */
  readonly suspended: Map<string, SuspendedActor>;
  /** Number of the commit that will contain what changes now. */
  nextCommit: number;
  /** A message that must not be met again was put among the dead letters. */
  hasSkipped = false;

  readonly #options: FoldOptions;
  readonly #timers: ActorTimers;
  readonly #requests: Requests;
  /** Of the turns that are not begun, because too many hosts died in them. */
  readonly #killers: readonly Deaths[];

  constructor(options: FoldOptions, claim: Claim, timers: ActorTimers, requests: Requests) {
    const { registry, limits, shard } = options;
    const { commit, memory, outbox } = claim;
    const { maxUnackedFrames, maxFrameMessages } = limits;
    this.#options = options;
    this.#timers = timers;
    this.#requests = requests;
    this.outbox = new Outbox(
      { source: shard, types: registry.wireTypes, maxUnackedFrames, maxFrameMessages },
      memory.outbox,
      outbox,
    );
    this.clockMs = memory.clockMs;
    this.#killers = deathsOf(memory.attempts).filter(isBuried);
    this.suspended = new Map(Object.entries(memory.suspended));
    this.nextCommit = commit + 1;
    this.turn = new Turn(shard, this);
  }

  buryUnknown(self: Address, version: number, body: Json): void {
    this.turn.self = self;
    this.turn.message = body;
    this.turn.letters = 0;
    const detail = `This program has no actors of the kind "${self.kind}"`;
    this.#bury(this.turn, { reason: "unknown-kind", detail, version });
  }

  /** The record at the place that was set before is no message. `beginning`: of its payload. */
  buryRecord(death: Death, beginning: string): void {
    this.deadLetters.push(refusedRecord(this.#options.shard, this.turn, death, beginning));
  }

  /** Takes a message of any version at the place that was set before, and notes it in no trace. */
  take(target: ActorEntry, version: number, body: Json, sender: Address | null): void {
    const { index, timerNumber, step } = this.turn;
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

  /** The same of any actor. A fold of many has it written out: there nothing but a comparison is added to a turn. */
  takeAny(entry: ActorEntry, version: number, body: Json, sender: Address | null): void {
    if (entry.trace === null) this.take(entry, version, body, sender);
    else this.takeTraced(entry, entry.trace, version, body, sender);
  }

  takeTraced(
    target: ActorEntry,
    trace: Trace,
    version: number,
    body: Json,
    sender: Address | null,
  ): void {
    if (this.#options.traces.hasExpired(target, trace, this.clockMs)) {
      this.take(target, version, body, sender);
      return;
    }
    // Before the turn, which may change it.
    const message = JSON.stringify(body);
    const letters = this.deadLetters.length;
    const parked = target.suspension?.parked.length ?? 0;
    try {
      this.take(target, version, body, sender);
    } catch (thrown) {
      trace.note(this.turn, message, sender, `threw: ${errorMessage(thrown)}`);
      throw thrown;
    }
    const letter = this.deadLetters[letters];
    const isParked = (target.suspension?.parked.length ?? 0) > parked;
    trace.note(this.turn, message, sender, letter ? deathOf(letter) : isParked ? "parked" : "folded");
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
    this.turn.begin(entry, body, sender);
    const detail =
      `A message of version ${version} for ${kind} does not become one of version ${message.version}`;
    this.#bury(this.turn, { reason: "invalid", detail: `${detail}: ${reason}`, version });
    return undefined;
  }

  #receive(entry: ActorEntry, message: Json, sender: Address | null): void {
    const { turn } = this;
    turn.begin(entry, message, sender);
    if (!this.#mayTurn(entry, entry.definition.message.version)) return;
    try {
      entry.definition.receive(entry.state, message, turn);
    } catch (thrown) {
      throw this.#failure(thrown);
    }
  }

  /** Whether the turn that was begun is to be carried out; false when something else has become of the message. */
  #mayTurn(entry: ActorEntry, version: number): boolean {
    if (entry.damage !== null) {
      this.#bury(this.turn, { ...entry.damage, version });
      return false;
    }
    if (entry.suspension !== null) {
      this.#park(entry, entry.suspension, version);
      return false;
    }
    if (entry.changedIn !== this.nextCommit) this.markChanged(entry);
    return this.#options.skips.size === 0 || !this.#isSkipped(entry, version);
  }

  #failure(thrown: unknown): TurnFailure {
    const stack = thrown instanceof Error ? thrown.stack ?? null : null;
    const { place } = this.turn;
    return new TurnFailure({ place, reason: "threw", detail: errorMessage(thrown), stack });
  }

  markChanged(entry: ActorEntry): void {
    entry.changedIn = this.nextCommit;
    entry.isNew = false;
    this.changed.push(entry);
  }

  #isSkipped(entry: ActorEntry, version: number): boolean {
    const found = this.#options.skips.get(placeKey(this.turn.place));
    if (found === undefined) return false;
    const skip = { ...found, version };
    this.hasSkipped = true;
    const { failureIntensity } = this.#options.limits;
    if (fail(entry, this.clockMs, skip.detail, failureIntensity)) {
      this.#bury(this.turn, this.#suspend(entry, skip));
    } else this.#bury(this.turn, skip);
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

  #park(entry: ActorEntry, suspension: Suspension, version: number): void {
    const turn = this.turn;
    const { message, sender, replay } = turn;
    const parked = { version, message: JSON.stringify(message), sender };
    // A dead letter's message stays one: parked, it would count as folded.
    if (replay === null && park(suspension, parked, this.#options.limits)) {
      if (entry.changedIn !== this.nextCommit) this.markChanged(entry);
      return;
    }
    const name = actorKey(entry.address);
    const detail =
      `${name} is suspended and takes no more messages until it is resumed. ${suspension.detail}`;
    this.#bury(turn, { reason: "suspended", detail, version });
  }

  /** Takes what the runtime itself tells the actor. */
  #control(entry: ActorEntry, body: Json, sender: Address | null): void {
    const turn = this.turn;
    turn.begin(entry, body, sender);
    const told = parseControl(body);
    if (told?.type === "answer") {
      const answer = this.#requests.settle(entry.address, told.reply);
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
    const answer = told?.type === "answer" ? this.#requests.settle(address, told.reply) : null;
    return answer === null ? body : deliveryBody(answer);
  }

  /** A turn with the outcome of a request, which is closed. */
  #answer(entry: ActorEntry, answer: ServiceAnswer): void {
    const turn = this.turn;
    turn.begin(entry, deliveryBody(answer), null);
    if (!this.#mayTurn(entry, controlVersion)) return;
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
    if (entry.changedIn !== this.nextCommit) this.markChanged(entry);
    entry.suspension = null;
    entry.failedAtMs = noFailures;
    this.suspended.delete(actorKey(to));
    const detail = `It waited while ${actorKey(to)} was suspended, and was discarded`;
    const death = control === "discard" ? { reason: "discarded", detail } : null;
    const kindIndex = this.#options.registry.indexOf(to.kind);
    for (const { version, message, sender } of suspension.parked) {
      this.local.push({ kindIndex, to, from: sender, version, message: JSON.parse(message), death });
    }
  }

  #findKiller(): Deaths | undefined {
    const { topic, offset, index, timerNumber, step } = this.turn;
    const here = {
      ...(topic !== MAILBOX && { topic }),
      offset,
      index,
      timer: timerNumber,
      step,
    };
    return this.#killers.find(({ place }) => isSamePlace(place, here));
  }

  #buryKiller(
    { attempts, epoch }: Deaths,
    entry: ActorEntry,
    version: number,
    body: Json,
    sender: Address | null,
  ): void {
    this.turn.begin(entry, body, sender);
    if (entry.damage === null && entry.changedIn !== this.nextCommit) this.markChanged(entry);
    const detail =
      `What folded it hung or died in its turn, ${attempts} times, the last time in epoch ${epoch}`;
    this.#bury(this.turn, { reason: "killed-host", detail, version });
    this.hasSkipped = true;
  }

  buryLocal(entry: ActorEntry, message: Json, from: Address | null, death: Death): void {
    this.turn.begin(entry, message, from);
    this.#bury(this.turn, death);
    entry.trace?.note(this.turn, JSON.stringify(message), from, deathOf(death));
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
    if (target === shard) this.local.push({ kindIndex, to, from, version, message: copy, death: null });
    else this.outbox.send(target, kindIndex, from, to.id, copy);
  }

  setTimer(entry: ActorEntry, name: string, dueMs: number, message: Json): void {
    if (!Number.isFinite(dueMs)) throw new Error(`A timer is due at a finite time, not ${dueMs}`);
    // Strictly later than now, so that one pass over the due timers ends.
    this.#timers.set(entry, name, Math.max(Math.ceil(dueMs), this.clockMs + 1), message);
  }

  cancelTimer(entry: ActorEntry, name: string): void {
    this.#timers.cancel(entry, name);
  }

  request({ definition, address }: ActorEntry, service: string, body: Json, deadlineMs: number): number {
    const { kind, id } = address;
    if (definition.answered === undefined) {
      throw new Error(`A ${kind} cannot ask ${service}: it has no \`answered\` that takes the answer`);
    }
    const { counters, limits, registry } = this.#options;
    const text = requestText(service, body, deadlineMs);
    const dueMs = Math.ceil(this.clockMs + deadlineMs);
    const { request, isOpen } = this.#requests.open({ kind, id, service, body: text, dueMs });
    counters.requests++;
    if (isOpen) {
      this.#timers.insertRequest(request);
      return request.n;
    }
    counters.refusedRequests++;
    this.local.push({
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
