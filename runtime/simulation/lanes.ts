/** Appends of one shard to others: one target's go one at a time, in order, each until the log has answered. */

import type { Action } from "../core/shard_api.ts";
import type { Party } from "./network.ts";
import type { World } from "./world.ts";

export type Append = Extract<Action, { type: "append" }>;

export class Lanes {
  #lanes = new Map<number, Append[]>();
  readonly #world: World;
  readonly #from: Party;
  readonly #appended: (append: Append) => void;

  constructor(world: World, from: Party, appended: (append: Append) => void) {
    this.#world = world;
    this.#from = from;
    this.#appended = appended;
  }

  /** What waits is void. */
  clear(): void {
    this.#lanes = new Map();
  }

  add(append: Append): void {
    const lane = this.#lanes.get(append.target) ?? [];
    this.#lanes.set(append.target, lane);
    lane.push(append);
    if (lane.length === 1) this.#sendFirst(lane);
  }

  #sendFirst(lane: Append[]): void {
    const append = lane[0];
    if (append === undefined) return;
    const { epoch, target, n, text } = append;
    this.#world.network.request({
      from: this.#from,
      to: "log",
      label: `appends its ${n} to shard${target} (epoch ${epoch})`,
      effect: () => this.#world.append(target, text),
      mayRepeat: true,
      settle: (outcome) => {
        if (this.#lanes.get(target) !== lane) return;
        const isAnswered = outcome.type === "answered";
        if (isAnswered) lane.shift();
        this.#sendFirst(lane);
        if (isAnswered) this.#appended(append);
      },
    });
  }
}
