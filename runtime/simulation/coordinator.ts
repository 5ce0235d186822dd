/**
 * The coordinator of the nodes' group: who belongs to it, and which shard is whose.
 *
 * 1. An agreement has a generation. It is made anew, by all members, whenever one joins, leaves, is evicted, or was not
 *    heard of for `sessionMs`: eagerly, so that meanwhile no shard is anybody's. Whoever does not join again within
 *    `rebalanceMs` is out.
 * 2. A member id is given once. To one who is out it means nothing.
 * 3. From the moment on in which an agreement is stable, `holds` says so; members hear of it when they ask.
 */

import type { Agenda } from "./agenda.ts";
import { assign, type Candidate } from "./assignment.ts";
import type { Prng } from "./prng.ts";

/** How the group is kept. */
export interface GroupHabits {
  readonly sessionMs: number;
  readonly rebalanceMs: number;
  /** Between the last one's joining again and the agreement. */
  readonly agreeMs: number;
}

interface Member {
  readonly id: string;
  /** The name of its process. */
  readonly name: string;
  has: readonly number[];
  heardMs: number;
  /** In the agreement that is being made. */
  hasJoined: boolean;
  own: readonly number[];
}

export type BeatAnswer =
  /** Whoever asks is no member. */
  | { readonly type: "out" }
  /** The nodes are agreeing. */
  | { readonly type: "agreeing" }
  | { readonly type: "agreed"; readonly generation: number; readonly own: readonly number[] };

/** Hears of each agreement at once: by shard, the name of the process that may claim it. */
export type Listener = (generation: number, owners: readonly (string | null)[]) => void;

export class Coordinator {
  generation = 0;
  #state: "empty" | "joining" | "agreeing" | "stable" = "empty";
  #members = new Map<string, Member>();
  #idCount = 0;
  #round = 0;
  #sessionMs: number;
  #rebalanceMs: number;
  #isWhim = false;
  readonly #agenda: Agenda;
  readonly #prng: Prng;
  readonly #shardCount: number;
  readonly #habits: GroupHabits;
  readonly #listen: Listener;

  constructor(agenda: Agenda, prng: Prng, shardCount: number, habits: GroupHabits, listen: Listener) {
    this.#agenda = agenda;
    this.#prng = prng;
    this.#shardCount = shardCount;
    this.#habits = habits;
    this.#sessionMs = habits.sessionMs;
    this.#rebalanceMs = habits.rebalanceMs;
    this.#listen = listen;
  }

  /** Nothing goes wrong any more: signs of life come `calmer` times more rarely from now on. */
  calm(calmer: number): void {
    this.#sessionMs *= calmer;
    this.#rebalanceMs *= calmer;
  }

  get isStable(): boolean {
    return this.#state === "stable";
  }

  /** By shard, the name of the process that may claim it; null: none. */
  owners(): readonly (string | null)[] {
    const owners = new Array<string | null>(this.#shardCount).fill(null);
    for (const { name, own } of this.#members.values()) for (const shard of own) owners[shard] = name;
    return owners;
  }

  /** Answers the member's id. */
  join(name: string): string {
    const id = `member${++this.#idCount}`;
    this.#members.set(id, { id, name, has: [], heardMs: 0, hasJoined: false, own: [] });
    this.#hear(id);
    this.#watch(id);
    this.#rebalance();
    return id;
  }

  /** A sign of life of a member, which hears what it has to know. `generation`: of the last agreement it heard of. */
  beat(id: string, generation: number, has: readonly number[]): BeatAnswer {
    const member = this.#members.get(id);
    if (member === undefined) return { type: "out" };
    this.#hear(id);
    if (this.#state === "stable") return { type: "agreed", generation: this.generation, own: member.own };
    if (this.#state === "joining" && generation <= this.generation && !member.hasJoined) {
      member.has = has;
      member.hasJoined = true;
      this.#agreeIfAll();
    }
    return { type: "agreeing" };
  }

  /** The nodes agree anew, though none has come or gone; the next agreement cares for nothing that a member has. */
  reshuffle(): void {
    this.#isWhim = true;
    if (this.#members.size > 0) this.#rebalance();
  }

  leave(id: string): void {
    if (this.#members.delete(id)) this.#rebalance();
  }

  /** Whatever the process of this name is a member by, it is out. */
  evict(name: string): void {
    for (const { id, name: its } of [...this.#members.values()]) if (its === name) this.leave(id);
  }

  holds(id: string, shard: number): boolean {
    return this.isStable && (this.#members.get(id)?.own.includes(shard) ?? false);
  }

  #hear(id: string): void {
    this.#members.get(id)!.heardMs = this.#agenda.nowMs;
  }

  #watch(id: string): void {
    const member = this.#members.get(id);
    if (member === undefined) return;
    const leftMs = member.heardMs + this.#sessionMs - this.#agenda.nowMs;
    if (leftMs <= 0) this.leave(id);
    else this.#agenda.after(leftMs, () => this.#watch(id));
  }

  #rebalance(): void {
    const round = ++this.#round;
    this.#state = this.#members.size === 0 ? "empty" : "joining";
    for (const member of this.#members.values()) member.hasJoined = false;
    this.#agenda.after(this.#rebalanceMs, () => {
      if (round !== this.#round || this.#state !== "joining") return;
      for (const { id, hasJoined } of [...this.#members.values()]) if (!hasJoined) this.#members.delete(id);
      if (this.#members.size === 0) this.#state = "empty";
      else this.#agree();
    });
  }

  #agreeIfAll(): void {
    if ([...this.#members.values()].every(({ hasJoined }) => hasJoined)) this.#agree();
  }

  #candidates(): readonly Candidate[] {
    const members = [...this.#members.values()];
    if (!this.#isWhim) return members;
    this.#isWhim = false;
    const shards = Array.from({ length: this.#shardCount }, (_, shard) => shard);
    return members.map(({ id }) => ({ id, has: shards.filter(() => this.#prng.chance(0.5)) }));
  }

  #agree(): void {
    const round = this.#round;
    this.#state = "agreeing";
    this.#agenda.after(this.#habits.agreeMs * this.#prng.next(), () => {
      if (round !== this.#round) return;
      this.#state = "stable";
      this.generation++;
      const shares = assign(this.#candidates(), this.#shardCount);
      for (const member of this.#members.values()) member.own = shares.get(member.id) ?? [];
      this.#listen(this.generation, this.owners());
    });
  }
}
