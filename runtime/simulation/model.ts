/**
 * What a shard must be: a plain loop over its log, with no memory bounds, checkpoints, threads or faults.
 *
 * It is written for itself, from the rules alone, and shares with the core only the frame's codec, the hash that
 * routes an id, and the actors. The rules:
 *
 * 1. The clock is the largest stamp so far. Timers due fire before a frame's messages, by (due, kind, id, name).
 * 2. A gateway's frame counts when its number is above the last of its start, a shard's when it is the next; a
 *    part of a keyed body when its hash has not been seen for the key's retention.
 * 3. A message's turn comes first, then the local turns it causes, first in, first out, then the next message.
 * 4. A turn that throws leaves one dead letter and nothing else. The turns around it stand.
 * 5. A message that always brings its host down becomes the dead letter "killed-host", and nothing else is left of it.
 *    One that does it some times only is folded as any other.
 * 6. A dead letter is named by its place. That of a message which dies again when it is replayed takes the place of
 *    the first one; if the message is folded instead, the first one says so.
 * 7. An actor that throws too often is suspended: it has no turns. Its messages wait; those for which there is no
 *    room, and those that were dead before, are dead letters.
 * 8. A control ends that. What waited has its turns among the local turns of the control, or dies among them.
 */

import type { DeadLetter, Position } from "../core/checkpoint.ts";
import { controlVersion } from "../core/control.ts";
import type { Address, Context, Json } from "../core/actor.ts";
import {
  decodeFrame,
  entryStride,
  type Frame,
  partMarker,
  type Replay,
  replayMarker,
  senderMarker,
} from "../core/frame.ts";
import type { ShardLimits } from "../core/limits.ts";
import type { LogFrame } from "../core/log_frame.ts";
import { shardOf } from "../core/murmur2.ts";
import { type ActorVersion, type Delivery, ModelActor, type ModelTimer } from "./model_actor.ts";
import { check } from "./oracle_error.ts";
import {
  addressText,
  HostFalls,
  isProgram,
  type KillTimes,
  type Program,
  programKinds,
  type ProgramState,
  programVersion,
  runProgram,
} from "./program.ts";

/**
 * Places within a log as one ascending number: after `index` entries of the frame that follows `offset`, or, with
 * index 0, after the frame `offset`, before anything of the next.
 */
export function placeOf({ offset, index }: Position): number {
  return index === 0 ? (offset + 1) * entriesPerFrame - 1 : (offset + 1) * entriesPerFrame + index;
}

/** More than any frame has. */
const entriesPerFrame = 1_000_000;

/** What must be equal of a dead letter; of its detail, whether it has `suspensionNote`. */
export type Dead = Pick<
  DeadLetter,
  "detail" | "offset" | "kind" | "actorId" | "reason" | "message" | "messageVersion" | "replays" | "atMs"
>;

/** What the detail says when the actor is suspended by this death. */
const suspensionNote = "is suspended from here on";

export function deadText(id: string, letter: Dead, isReplayed: boolean): string {
  const { offset, kind, actorId, reason, message, messageVersion, replays, atMs } = letter;
  const what = isReplayed ? "folded after" : "dead after";
  const note = letter.detail.includes(suspensionNote) ? ` and ${suspensionNote}` : "";
  return `${id}, at ${offset}, ${atMs}, of ${kind}/${actorId}: ${reason}${note}, ${what} ${replays} replays: ` +
    `version ${messageVersion}, ${message}`;
}

/** Where a message stands: what its dead letters are named by. */
interface Standing {
  /** Of the entry in its frame, or of the timer among those that fire before it. */
  readonly entry: string;
  readonly step: number;
  readonly replay: Replay | null;
  letters: number;
}

function sentText({ to, sender, message }: Delivery): string {
  return `${sender === null ? "" : addressText(sender)} > ${addressText(to)} ${message}`;
}

/** An item of a client, as `outcomes` counts it. */
export function itemKey(to: Address, stream: string, n: number): string {
  return `${stream} ${n} > ${addressText(to)}`;
}

export class ShardModel {
  readonly actors = new Map<string, ModelActor>();
  /** The dead letters by id, each as it is in the end. */
  readonly dead = new Map<string, { readonly letter: Dead; readonly isReplayed: boolean }>();
  /** Every one that there ever was, as `deadText`. */
  readonly everDead = new Set<string>();
  /** Actors that got a replayed message: it is out of order. */
  readonly replayedTo = new Set<string>();
  /** Per target shard, the messages sent to it, in order. */
  readonly sent = new Map<number, string[]>();
  /** Messages from outside that were folded or dead-lettered, as `itemKey` names them. */
  readonly outcomes = new Set<string>();
  readonly #shard: number;
  readonly #shardCount: number;
  readonly #limits: ShardLimits;
  readonly #peer: (shard: number) => ShardModel;
  readonly #gateways = new Map<string, { n: number; atMs: number }>();
  /** Per source: the last frame's number, and how many of its messages came. */
  readonly #inbox = new Map<number, { n: number; messages: number }>();
  readonly #keys = new Map<string, number>();
  #clockMs = 0;
  #offset = -1;
  #touched = new Set<ModelActor>();

  constructor(shard: number, shardCount: number, limits: ShardLimits, peer: (shard: number) => ShardModel) {
    this.#shard = shard;
    this.#shardCount = shardCount;
    this.#limits = limits;
    this.#peer = peer;
  }

  get clockMs(): number {
    return this.#clockMs;
  }

  get offset(): number {
    return this.#offset;
  }

  /** When the next timer is due; null without timers. */
  get nextDueMs(): number | null {
    let next: number | null = null;
    for (const { timers } of this.actors.values()) {
      for (const { dueMs } of timers.values()) next = Math.min(next ?? Infinity, dueMs);
    }
    return next;
  }

  /** How many messages of `source` have come. */
  received(source: number): number {
    return this.#inbox.get(source)?.messages ?? 0;
  }

  /** The actor at a place; null before its first message. */
  version(actor: string, place: number): ActorVersion | null {
    return this.actors.get(actor)?.versions.findLast((version) => version.place <= place) ?? null;
  }

  /** Actors changed after one place, up to another. */
  changed(after: number, upTo: number): readonly ModelActor[] {
    return [...this.actors.values()].filter(({ versions }) =>
      versions.some(({ place }) => place > after && place <= upTo)
    );
  }

  fold(logFrame: LogFrame): void {
    check(
      "order",
      logFrame.offset === this.#offset + 1,
      () => `Shard ${this.#shard}'s log gave offset ${logFrame.offset} to the frame after ${this.#offset}`,
    );
    check(
      "order",
      logFrame.stampMs >= this.#clockMs,
      () => `Shard ${this.#shard}'s log stamped ${logFrame.stampMs} after ${this.#clockMs}`,
    );
    this.#offset = logFrame.offset;
    this.#clockMs = logFrame.stampMs;
    this.#fireTimers();
    this.#recordVersions(0);
    const frame = decodeFrame(logFrame.text);
    if (this.#isNew(frame)) this.#foldEntries(frame);
  }

  /**
   * True when the frame repeats something that the shard has the right to have forgotten by `stampMs`. Nobody sends
   * such a frame: the deadlines of gateways and clients are shorter than what shards remember.
   */
  isTooLate({ origin, entries }: Frame, stampMs: number): boolean {
    if (origin.type !== "gateway") return false;
    const last = this.#gateways.get(origin.start);
    if (last !== undefined && origin.n <= last.n && stampMs - last.atMs > this.#limits.gatewayRetentionMs) {
      return true;
    }
    for (let at = 0; at < entries.length; at += entryStride) {
      const keyAtMs = entries[at] === partMarker ? this.#keys.get(String(entries[at + 1])) : undefined;
      if (keyAtMs !== undefined && stampMs - keyAtMs > this.#limits.keyRetentionMs) return true;
    }
    return false;
  }

  #isNew({ origin }: Frame): boolean {
    switch (origin.type) {
      case "tick":
        return true;
      case "source":
        throw new Error("Nobody in this world reads a foreign topic");
      case "gateway": {
        const last = this.#gateways.get(origin.start);
        const isKnown = last !== undefined &&
          this.#clockMs - last.atMs <= this.#limits.gatewayRetentionMs;
        if (isKnown && origin.n <= last.n) return false;
        this.#gateways.set(origin.start, { n: origin.n, atMs: this.#clockMs });
        return true;
      }
      case "shard": {
        const last = this.#inbox.get(origin.shard) ?? { n: 0, messages: 0 };
        if (origin.n <= last.n) return false;
        check(
          "outbox",
          origin.n === last.n + 1,
          () =>
            `Shard ${this.#shard} got frame ${origin.n} of shard ${origin.shard} after its frame ${last.n}`,
        );
        this.#inbox.set(origin.shard, { n: origin.n, messages: last.messages });
        return true;
      }
    }
  }

  #foldEntries({ origin, types, entries }: Frame): void {
    let sender: Address | null = null;
    let replay: Replay | null = null;
    for (let at = 0; at < entries.length; at += entryStride) {
      const [type, id, body] = entries.slice(at, at + entryStride) as [number, string, Json];
      if (type === partMarker) {
        if (this.#hasSeen(id)) at += entryStride * Number(body);
        else this.#keys.set(id, this.#clockMs);
      } else if (type === senderMarker) sender = { kind: String(body), id };
      else if (type === replayMarker) replay = { letter: id, replays: Number(body) };
      else {
        const [kind, version] = types[type]!;
        const to = { kind, id };
        const delivery = { to, sender, version, message: JSON.stringify(body), isDiscarded: false };
        if (origin.type === "shard") this.#compareWithSource(origin.shard, delivery);
        const index = at / entryStride;
        this.#foldMessage(delivery, String(index), replay);
        if (origin.type === "gateway" && replay === null) this.#countOutcome(to, body);
        replay = null;
        this.#recordVersions(index + 1);
      }
    }
  }

  #hasSeen(hash: string): boolean {
    const atMs = this.#keys.get(hash);
    return atMs !== undefined && this.#clockMs - atMs <= this.#limits.keyRetentionMs;
  }

  #countOutcome(to: Address, body: Json): void {
    if (!isProgram(body)) return;
    const key = itemKey(to, body.s, body.n);
    check("exactly-once", !this.outcomes.has(key), () => `Shard ${this.#shard}'s log has ${key} twice`);
    this.outcomes.add(key);
  }

  /** What a shard's log says it was sent must be what the loop over the sender's log sends. */
  #compareWithSource(source: number, delivery: Delivery): void {
    const inbox = this.#inbox.get(source)!;
    const found = sentText(delivery);
    const right = this.#peer(source).sent.get(this.#shard)?.[inbox.messages];
    inbox.messages++;
    check(
      "outbox",
      found === right,
      () =>
        `Message ${inbox.messages} of shard ${source} to shard ${this.#shard} is ${found}, ` +
        `but its log makes it ${right ?? "nothing"}`,
    );
  }

  #fireTimers(): void {
    for (let number = 1;; number++) {
      let first: { readonly actor: ModelActor; readonly name: string; readonly timer: ModelTimer } | null =
        null;
      for (const actor of this.actors.values()) {
        for (const [name, timer] of actor.timers) {
          if (timer.dueMs > this.#clockMs) continue;
          const order = first === null ? -1 : compareTimers(
            [timer.dueMs, actor.address, name],
            [first.timer.dueMs, first.actor.address, first.name],
          );
          if (order < 0) first = { actor, name, timer };
        }
      }
      if (first === null) return;
      const { actor, name, timer } = first;
      const rest = new Map(actor.timers);
      rest.delete(name);
      actor.timers = rest;
      this.#touched.add(actor);
      this.#foldMessage(programFor(actor.address, null, timer.program), `t${number}`, null);
    }
  }

  /** A message and the local turns it causes. */
  #foldMessage(first: Delivery, entry: string, replay: Replay | null): void {
    const queue = [first];
    for (let step = 0; step < queue.length; step++) {
      const standing: Standing = { entry, step, replay: step === 0 ? replay : null, letters: 0 };
      const delivery = queue[step]!;
      if (delivery.isDiscarded) this.#bury(delivery, standing, "discarded");
      else if (step > this.#limits.maxLocalTurns) this.#bury(delivery, standing, "too-many-local-turns");
      else queue.push(...this.#take(delivery, standing));
      if (standing.replay !== null) this.#endReplay(first.to, standing.replay, standing.letters);
    }
  }

  #endReplay(to: Address, { letter, replays }: Replay, letters: number): void {
    this.replayedTo.add(addressText(to));
    if (letters > 0) return;
    const known = this.dead.get(letter);
    check(
      "exactly-once",
      known?.isReplayed === false && known.letter.replays === replays - 1,
      () => `Shard ${this.#shard} folds replay ${replays} of ${letter}, which was replayed as often before`,
    );
    this.dead.set(letter, { letter: { ...known.letter, replays }, isReplayed: true });
  }

  #bury(delivery: Delivery, standing: Standing, reason: string, detail = ""): void {
    const { to: { kind, id: actorId }, message, version: messageVersion } = delivery;
    const { entry, step, replay } = standing;
    const letter = standing.letters++;
    const isKnown = replay !== null && letter === 0;
    const id = isKnown ? replay.letter : `${this.#shard}-${this.#offset}-${entry}-${step}-${letter}`;
    check(
      "dead-letters",
      isKnown === this.dead.has(id),
      () => `The dead letter ${id} of shard ${this.#shard} is ${isKnown ? "replayed and unknown" : "known"}`,
    );
    const replays = replay?.replays ?? 0;
    const [offset, atMs] = [this.#offset, this.#clockMs];
    const dead = { detail, offset, kind, actorId, reason, message, messageVersion, replays, atMs };
    this.dead.set(id, { letter: dead, isReplayed: false });
    this.everDead.add(deadText(id, dead, false));
  }

  /** Gives a message to its actor; answers the messages to this shard that come of it. */
  #take(delivery: Delivery, standing: Standing): readonly Delivery[] {
    const { to, version } = delivery;
    if (!isKnownKind(to.kind)) {
      this.#bury(delivery, standing, "unknown-kind");
      return [];
    }
    if (version === controlVersion) return this.#control(delivery, standing);
    const actor = this.actors.get(addressText(to)) ?? new ModelActor(to);
    this.actors.set(addressText(to), actor);
    this.#touched.add(actor);
    if (!actor.isSuspended) return this.#turn(actor, delivery, standing);
    const waits = standing.replay === null && actor.park(delivery, this.#limits);
    if (!waits) this.#bury(delivery, standing, "suspended");
    return [];
  }

  /** It makes no actor, and changes none that is not suspended. */
  #control(delivery: Delivery, standing: Standing): readonly Delivery[] {
    const { control }: { readonly control: unknown } = JSON.parse(delivery.message);
    if (control !== "resume" && control !== "discard") {
      this.#bury(delivery, standing, "invalid");
      return [];
    }
    const actor = this.actors.get(addressText(delivery.to));
    if (actor === undefined || !actor.isSuspended) return [];
    this.#touched.add(actor);
    return actor.release().map((parked) => ({ ...parked, isDiscarded: control === "discard" }));
  }

  /** Runs one turn; answers the messages it sent to this shard. */
  #turn(actor: ModelActor, delivery: Delivery, standing: Standing): readonly Delivery[] {
    const { to, sender, message } = delivery;
    const turn = new Turn(to, sender, this.#clockMs, actor.timers);
    const state: ProgramState = JSON.parse(actor.json);
    const program: Program = JSON.parse(message);
    try {
      runProgram(state, program, turn, fallsForever);
    } catch (thrown) {
      if (thrown instanceof HostFalls) {
        this.#bury(delivery, standing, "killed-host");
        return [];
      }
      const isSuspended = actor.fail(this.#clockMs, this.#limits.failureIntensity);
      this.#bury(delivery, standing, "threw", isSuspended ? suspensionNote : "");
      return [];
    }
    actor.json = JSON.stringify(state);
    actor.timers = turn.timers;
    for (const reason of turn.reasons) this.#bury(delivery, standing, reason);
    return turn.sends.filter((send) => {
      const target = shardOf(send.to.id, this.#shardCount);
      if (target === this.#shard) return true;
      const sent = this.sent.get(target) ?? [];
      this.sent.set(target, sent);
      sent.push(sentText(send));
      return false;
    });
  }

  /** `index`: how many entries of the frame are folded. */
  #recordVersions(index: number): void {
    for (const actor of this.#touched) actor.record(this.#offset * entriesPerFrame + index);
    this.#touched = new Set();
  }
}

function programFor(to: Address, sender: Address | null, message: string): Delivery {
  return { to, sender, version: programVersion, message, isDiscarded: false };
}

/** No number of hosts is enough for it. */
function fallsForever(times: KillTimes): void {
  if (times === "always") throw new HostFalls();
}

function isKnownKind(kind: string): boolean {
  return programKinds.some((known) => known === kind);
}

type TimerOrder = readonly [dueMs: number, address: Address, name: string];

function compareTimers([dueA, a, nameA]: TimerOrder, [dueB, b, nameB]: TimerOrder): number {
  if (dueA !== dueB) return dueA - dueB;
  if (a.kind !== b.kind) return a.kind < b.kind ? -1 : 1;
  if (a.id !== b.id) return a.id < b.id ? -1 : 1;
  return nameA < nameB ? -1 : nameA > nameB ? 1 : 0;
}

/** A turn's context; what it asked for counts only when it did not throw. */
class Turn implements Context {
  readonly turnId = "";
  readonly sends: Delivery[] = [];
  readonly timers: Map<string, ModelTimer>;
  readonly reasons: string[] = [];

  constructor(
    readonly self: Address,
    readonly sender: Address | null,
    readonly nowMs: number,
    timers: ReadonlyMap<string, ModelTimer>,
  ) {
    this.timers = new Map(timers);
  }

  random(): number {
    return 0;
  }

  send(to: Address, message: Json): void {
    if (!isKnownKind(to.kind)) throw new Error(`unknown kind ${to.kind}`);
    this.sends.push(programFor(to, this.self, JSON.stringify(message)));
  }

  reply(message: Json): void {
    if (this.sender === null) throw new Error("no sender");
    this.send(this.sender, message);
  }

  setTimer(name: string, dueMs: number, message: Json): void {
    this.timers.set(name, { dueMs: Math.max(dueMs, this.nowMs + 1), program: JSON.stringify(message) });
  }

  cancelTimer(name: string): void {
    this.timers.delete(name);
  }

  request(): never {
    throw new Error("a program asks no service");
  }

  deadLetter(reason: string, _detail: string): void {
    this.reasons.push(reason);
  }
}
