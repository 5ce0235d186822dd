/**
 * What a member of the group may say that it has, by what it hears of the group. Pure: it is told the time.
 *
 * 1. While the members agree anew it keeps what it has: nobody can claim that meanwhile.
 * 2. A member that was told that it is none has `rejoinMs` to be one again before it has nothing; one that hears nothing
 *    has `silenceMs`, unless it has all shards: then it is the brokers that are away, most likely, and nobody waits for
 *    them. Whoever got its shards before fences it.
 * 3. One that was silent and is still a member has again what it had: nobody else noticed.
 */

import type { Agreement } from "../../core/cluster.ts";
import { rejoinMs, silenceMs } from "./limits.ts";

export class Standing {
  /** How many there are. */
  readonly #shards: number;
  /** What was agreed last, whether or not this node still belongs to it. */
  #own: readonly number[] = [];
  #generation = 0;
  #number = 0;
  /** It belongs to an agreement. */
  #isIn = false;
  #outAtMs = Infinity;

  constructor(shards: number) {
    this.#shards = shards;
  }

  /** What it had last. */
  get own(): readonly number[] {
    return this.#own;
  }

  /** Of the group when it got that, as far as it is known: the library tells it only with the first heartbeat. */
  get generation(): number {
    return this.#generation;
  }

  get #silenceMs(): number {
    return this.#own.length === this.#shards ? Infinity : silenceMs;
  }

  joined(own: readonly number[], durationMs: number, nowMs: number): Agreement {
    this.#own = own;
    this.#generation += 1;
    this.#isIn = true;
    this.#outAtMs = nowMs + this.#silenceMs;
    return this.#agreement(own, durationMs);
  }

  /** Null: nothing new. */
  heard(generation: number, nowMs: number): Agreement | null {
    this.#generation = generation;
    this.#outAtMs = nowMs + this.#silenceMs;
    if (this.#isIn) return null;
    this.#isIn = true;
    return this.#agreement(this.#own, 0);
  }

  /** It was told that it is no member. */
  left(nowMs: number): void {
    this.#outAtMs = Math.min(this.#outAtMs, nowMs + rejoinMs);
  }

  /** Null: nothing new. */
  look(nowMs: number): Agreement | null {
    if (!this.#isIn || nowMs < this.#outAtMs) return null;
    this.#isIn = false;
    return this.#agreement([], 0);
  }

  #agreement(own: readonly number[], durationMs: number): Agreement {
    this.#number += 1;
    return { number: this.#number, own, durationMs };
  }
}
