/**
 * A node's side of the group: it joins, gives signs of life, and hears what was agreed, late.
 *
 * 1. The node is told of an agreement once, and of none that is older than one it was told of.
 * 2. One that hears that it is out joins again. Whether it gives up its shards at once, or keeps them until the next
 *    agreement, is drawn for each run: both must do.
 */

import type { BeatAnswer, Coordinator } from "./coordinator.ts";
import type { Network, Outcome, Party } from "./network.ts";
import type { Prng } from "./prng.ts";
import type { Process } from "./process.ts";

export interface MemberHabits {
  /** Between two signs of life while the nodes agree ... */
  readonly beatMs: number;
  /** ... and when they have. */
  restMs: number;
  readonly keepsWhenOut: boolean;
}

/** The node that it is for. */
export interface MemberOwner {
  readonly own: readonly number[];
  agreed(generation: number, own: readonly number[]): void;
}

export class Membership implements Party {
  readonly name: string;
  readonly process: Process;
  #id: string | null = null;
  /** Of the last agreement that the coordinator has told of. */
  #generation = 0;
  /** Counts what the node is to be told. */
  #told = 0;
  #number = 0;
  readonly #owner: MemberOwner;
  readonly #coordinator: Coordinator;
  readonly #network: Network;
  readonly #prng: Prng;
  readonly #habits: MemberHabits;

  constructor(
    home: Process,
    owner: MemberOwner,
    coordinator: Coordinator,
    network: Network,
    prng: Prng,
    habits: MemberHabits,
  ) {
    this.process = home;
    this.name = home.name;
    this.#owner = owner;
    this.#coordinator = coordinator;
    this.#network = network;
    this.#prng = prng;
    this.#habits = habits;
  }

  get isAlive(): boolean {
    return this.process.isAlive;
  }

  /** The last agreement that was heard of. */
  get generation(): number {
    return this.#generation;
  }

  begin(): void {
    if (this.#id === null) this.#join();
    else this.#beat(this.#id);
  }

  #soon(isAtRest: boolean): void {
    const { beatMs, restMs } = this.#habits;
    this.process.after((isAtRest ? restMs : beatMs) * (0.5 + this.#prng.next()), () => this.begin());
  }

  #join(): void {
    this.#network.request<string>({
      from: this,
      to: "group",
      label: "joins",
      effect: () => this.#coordinator.join(this.name),
      settle: (outcome) => {
        if (outcome.type === "answered") this.#id = outcome.value;
        this.begin();
      },
    });
  }

  #beat(id: string): void {
    this.#network.request<BeatAnswer>({
      from: this,
      to: "group",
      label: "lives",
      effect: () => this.#coordinator.beat(id, this.#generation, this.#owner.own),
      settle: (outcome) => {
        this.#hear(id, outcome);
        this.#soon(outcome.type === "answered" && outcome.value.type === "agreed");
      },
    });
  }

  #hear(id: string, outcome: Outcome<BeatAnswer>): void {
    if (outcome.type !== "answered" || this.#id !== id) return;
    const answer = outcome.value;
    if (answer.type === "out") {
      this.#id = null;
      if (!this.#habits.keepsWhenOut) this.#tell(this.#generation, []);
    } else if (answer.type === "agreed" && answer.generation > this.#generation) {
      this.#generation = answer.generation;
      this.#tell(answer.generation, answer.own);
    }
  }

  /** The node hears of it a while later. */
  #tell(generation: number, own: readonly number[]): void {
    const number = ++this.#number;
    const { hearMs, hearLateChance } = this.#network.faults;
    const lateMs = this.#prng.chance(hearLateChance) ? hearMs * this.#prng.next() : 0;
    this.process.after(lateMs, () => {
      if (number <= this.#told) return;
      this.#told = number;
      this.#owner.agreed(generation, own);
    });
  }

  /** Asks whether the shard is this member's to claim, as it is agreed now. */
  holds(from: Party, shard: number, settle: (isHeld: boolean) => void): void {
    this.#network.request<boolean>({
      from,
      to: "group",
      label: `asks whether it holds shard${shard}`,
      effect: () => this.#id !== null && this.#coordinator.holds(this.#id, shard),
      settle: (outcome) => settle(outcome.type === "answered" && outcome.value),
    });
  }

  /** Asks whose the shards are. */
  table(settle: (owners: readonly (string | null)[]) => void): void {
    this.#network.request<readonly (string | null)[]>({
      from: this,
      to: "group",
      label: "asks whose the shards are",
      effect: () => this.#coordinator.owners(),
      settle: (outcome) => settle(outcome.type === "answered" ? outcome.value : []),
    });
  }

  /** The node has stopped; it is a request as any other, and may be lost. */
  leave(): void {
    const id = this.#id;
    if (id === null) return;
    this.#network.request({
      from: this,
      to: "group",
      label: "leaves",
      effect: () => this.#coordinator.leave(id),
      settle: () => {},
    });
  }

  /** Removes a process that is known to be dead. */
  evict(name: string): void {
    this.#network.request({
      from: this,
      to: "group",
      label: `evicts ${name}`,
      effect: () => this.#coordinator.evict(name),
      settle: () => {},
    });
  }
}
