/**
 * One turn of an actor: the context it sees, and what it asked for.
 *
 * The object is made once per shard and set anew for every turn: turns are many and never overlap.
 */

import type { Address, Context, Json, RequestOptions } from "./actor.ts";
import type { ActorEntry } from "./actor_table.ts";
import type { Replay, SourceOrigin } from "./frame.ts";
import { defaultRequestDeadlineMs } from "./limits.ts";
import { murmur2 } from "./murmur2.ts";
import { type Place, placeKey } from "./place.ts";

/** Where a turn's wishes go; the fold implements it. */
export interface TurnEffects {
  readonly clockMs: number;
  send(from: Address, to: Address, message: Json): void;
  setTimer(entry: ActorEntry, name: string, dueMs: number, message: Json): void;
  cancelTimer(entry: ActorEntry, name: string): void;
  request(entry: ActorEntry, service: string, body: Json, deadlineMs: number): number;
  deadLetter(turn: Turn, reason: string, detail: string): void;
}

const encoder = new TextEncoder();

/** mulberry32 (Tommy Ettinger, public domain): one step from `state` to a number in [0, 1). */
function mulberry32(state: number): number {
  let mixed = Math.imul(state ^ (state >>> 15), state | 1);
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
}

export class Turn implements Context {
  readonly #effects: TurnEffects;
  readonly #shard: number;
  #entry: ActorEntry | null = null;
  #random: number | null = null;
  /** The address also when there is no actor to it (an unknown kind). */
  self: Address = { kind: "", id: "" };
  sender: Address | null = null;
  message: Json = null;
  /** The dead letter of which this is the message, sent again. */
  replay: Replay | null = null;
  topic = "";
  offset = -1;
  /** Of the frame, when it is one of the mailbox with a foreign topic's records. */
  source: SourceOrigin | null = null;
  index = -1;
  timer = "";
  /** Timers that have fired before this frame's entries, this one included. */
  timerNumber = 0;
  step = 0;
  /** Dead letters that this turn has made so far. */
  letters = 0;

  constructor(shard: number, effects: TurnEffects) {
    this.#shard = shard;
    this.#effects = effects;
    // So that `receive(state, message, { send })` does what it says.
    for (
      const name of ["random", "send", "reply", "setTimer", "cancelTimer", "request", "deadLetter"] as const
    ) {
      Object.defineProperty(this, name, { value: this[name].bind(this) });
    }
  }

  /** Begins the turn at the place that was set before. */
  begin(entry: ActorEntry, message: Json, sender: Address | null): void {
    this.#entry = entry;
    this.self = entry.address;
    this.message = message;
    this.sender = sender;
    this.#random = null;
    this.letters = 0;
  }

  get place(): Place {
    const { topic, offset, index, timer, step } = this;
    return { topic, offset, index, timer, step };
  }

  get nowMs(): number {
    return this.#effects.clockMs;
  }

  get turnId(): string {
    return `${this.#shard}.${placeKey(this.place)}`;
  }

  random(): number {
    const state = this.#random ?? murmur2(encoder.encode(this.turnId));
    this.#random = (state + 0x6d2b79f5) | 0;
    return mulberry32(this.#random);
  }

  get #actor(): ActorEntry {
    if (this.#entry === null) throw new Error("A context is used outside its turn");
    return this.#entry;
  }

  send(to: Address, message: Json): void {
    this.#effects.send(this.#actor.address, to, message);
  }

  reply(message: Json): void {
    if (this.sender === null) {
      throw new Error(
        `${this.self.kind}/${this.self.id} cannot reply: the message came from outside or a timer`,
      );
    }
    this.send(this.sender, message);
  }

  setTimer(name: string, dueMs: number, message: Json): void {
    this.#effects.setTimer(this.#actor, name, dueMs, message);
  }

  cancelTimer(name: string): void {
    this.#effects.cancelTimer(this.#actor, name);
  }

  request(
    service: string,
    body: Json,
    { deadlineMs = defaultRequestDeadlineMs }: RequestOptions = {},
  ): number {
    return this.#effects.request(this.#actor, service, body, deadlineMs);
  }

  deadLetter(reason: string, detail: string): void {
    this.#effects.deadLetter(this, reason, detail);
  }
}
