/**
 * How a driver takes its shard over, as `runtime/node/shard_runner.ts` does.
 *
 * 1. It reads the shard's epoch, asks whether the shard is its node's to claim, and claims it if the epoch is still that
 *    one; each is a request of its own. What fails, and what comes too late, begins again, after a pause.
 * 2. One claim is under way: what an earlier one is still told is void.
 */

import type { HostDeath } from "../core/attempts.ts";
import type { Claim } from "../core/checkpoint.ts";
import type { Membership } from "./membership.ts";
import type { Outcome, Party } from "./network.ts";
import type { Plant } from "./plant.ts";
import type { World } from "./world.ts";

const firstPauseMs = 1;
const longestPauseMs = 40;

/** Who claims. */
export interface Claimer extends Party {
  readonly shard: number;
  /** The node still gives it the shard. */
  readonly isAssigned: boolean;
  /** It does not. */
  letGo(): void;
  claimed(claim: Claim): void;
}

export class Claiming {
  #number = 0;
  #pauseMs = firstPauseMs;
  readonly #world: World;
  readonly #claimer: Claimer;
  readonly #plant: Plant;
  /** Null where there are no other nodes. */
  readonly #membership: Membership | null;

  constructor(world: World, claimer: Claimer, membership: Membership | null, plant: Plant) {
    this.#world = world;
    this.#claimer = claimer;
    this.#membership = membership;
    this.#plant = plant;
  }

  begin(death: HostDeath | null): void {
    this.#pauseMs = firstPauseMs;
    this.#readEpoch(++this.#number, death);
  }

  #again(death: HostDeath | null): void {
    const number = ++this.#number;
    this.#claimer.process.after(this.#pauseMs * this.#world.prng.next(), () => {
      if (number === this.#number && this.#claimer.isAlive) this.#readEpoch(number, death);
    });
    this.#pauseMs = Math.min(2 * this.#pauseMs, longestPauseMs);
  }

  #readEpoch(number: number, death: HostDeath | null): void {
    const { shard } = this.#claimer;
    if (!this.#claimer.isAssigned) {
      this.#claimer.letGo();
      return;
    }
    this.#world.network.request<number>({
      from: this.#claimer,
      to: "store",
      label: "reads the epoch",
      effect: () => this.#world.epoch(shard),
      settle: (outcome) => {
        if (number !== this.#number) return;
        if (outcome.type === "answered") this.#askWhetherHeld(number, death, outcome.value);
        else this.#again(death);
      },
    });
  }

  #askWhetherHeld(number: number, death: HostDeath | null, epoch: number): void {
    const settle = (isHeld: boolean) => {
      if (number !== this.#number) return;
      if (this.#plant.held(isHeld)) this.#claim(number, death, this.#plant.after(epoch));
      else this.#again(death);
    };
    if (this.#membership === null) settle(true);
    else this.#membership.holds(this.#claimer, this.#claimer.shard, settle);
  }

  /** `after`: null claims whatever the epoch is. */
  #claim(number: number, death: HostDeath | null, after: number | null): void {
    const { shard, name } = this.#claimer;
    const told = death === null ? "" : ` and tells of a death under ${death.epoch}`;
    this.#world.network.request<Claim | "raced">({
      from: this.#claimer,
      to: "store",
      label: `claims after ${after ?? "any epoch"}${told}`,
      effect: () =>
        this.#world.claim({ shard, owner: name, claimer: this.#claimer.process.name, death, after }),
      settle: (outcome: Outcome<Claim | "raced">) => {
        if (number !== this.#number) return;
        if (outcome.type !== "answered" || outcome.value === "raced") this.#again(death);
        else this.#claimer.claimed(outcome.value);
      },
    });
  }
}
