/**
 * When a shard's turn comes on its host, by the host's own clock.
 *
 * 1. A slice follows soon after there is something to do, and at the latest when the shard wants to be woken.
 * 2. A shard that had nothing to do does not want to be woken at once: that would be a busy thread.
 */

import { check } from "./oracle_error.ts";
import type { Party } from "./network.ts";
import type { World } from "./world.ts";

/** Whose slices they are. */
export interface Sliced {
  /** One slice. True: there is more to fold; null: the host went down in it. */
  run(clock: () => number, sliceMs: number): boolean | null;
  wakeAtMs(nowMs: number): number | null;
}

export class Slices {
  /** By which the host's monotonic clock is ahead of the agenda: folding takes time, and it may jump. */
  #aheadMs = 0;
  #isScheduled = false;
  #wakeNumber = 0;
  readonly #world: World;
  readonly #party: Party;
  readonly #sliced: Sliced;

  constructor(world: World, party: Party, sliced: Sliced) {
    this.#world = world;
    this.#party = party;
    this.#sliced = sliced;
  }

  get nowMs(): number {
    return this.#world.agenda.nowMs + this.#aheadMs;
  }

  /** The host's monotonic clock jumps; what it has set a time for is due by the new one. */
  jumpAhead(jumpMs: number): void {
    this.#aheadMs += jumpMs;
    if (this.#party.isAlive) this.schedule();
  }

  /** There may be something to do. */
  schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#party.process.after(this.#world.network.legMs() / 4, () => {
      this.#isScheduled = false;
      if (this.#party.isAlive) this.#run();
    });
  }

  #run(): void {
    const { prng } = this.#world;
    const clock = () => {
      this.#aheadMs += prng.next() / 10;
      return this.nowMs;
    };
    const more = this.#sliced.run(clock, prng.pick([0, 0.2, 5]));
    if (more === null) return;
    if (more) this.schedule();
    else this.#scheduleWake();
  }

  #scheduleWake(): void {
    const number = ++this.#wakeNumber;
    const wakeMs = this.#sliced.wakeAtMs(this.nowMs);
    if (wakeMs === null) return;
    check(
      "spin",
      wakeMs > this.nowMs,
      () => `${this.#party.name} had nothing to do at ${this.nowMs} and yet wants to be woken at ${wakeMs}`,
    );
    this.#party.process.after(wakeMs - this.nowMs, () => {
      if (this.#party.isAlive && number === this.#wakeNumber && !this.#isScheduled) this.#run();
    });
  }
}
