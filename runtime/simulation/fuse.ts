/**
 * Where a shard's fold is, and whether its host goes down there.
 *
 * 1. Once the host has gone down, what the shard asks for is void: a shard takes the fall for a throw of the behaviour.
 */

import type { HostDeath, TurnPlace, TurnWitness } from "../core/attempts.ts";
import type { Registry } from "../core/registry.ts";
import type { Casualties } from "./casualties.ts";
import type { Life } from "./life.ts";
import { HostFalls, type KillTimes, programsOn } from "./program.ts";

/** How a host went down in a turn. */
export interface Fall {
  readonly death: HostDeath;
  /** Because of what it ran. */
  readonly isKiller: boolean;
}

export class Fuse implements TurnWitness {
  /** Whose behaviours may bring the host down. */
  readonly registry: Registry;
  fall: Fall | null = null;
  readonly #casualties: Casualties;
  readonly #life: Life;
  readonly #shard: number;
  #frame = { epoch: 0, offset: 0 };
  #turn: Omit<TurnPlace, "offset"> = { index: 0, timer: 0, step: 0 };

  constructor(casualties: Casualties, life: Life, shard: number) {
    this.#casualties = casualties;
    this.#life = life;
    this.#shard = shard;
    this.registry = programsOn((times) => this.#meetKill(times));
  }

  enterFrame(epoch: number, offset: number): void {
    this.#frame = { epoch, offset };
  }

  enterTurn(index: number, timer: number, step: number): void {
    this.#turn = { index, timer, step };
    if (this.#life.isDoomed && this.#casualties.diesIn(this.#shard, this.#here)) this.#goDown(false);
  }

  leave(): void {}

  /** Runs a slice. A fall within a behaviour is not thrown as far as this. */
  guard(slice: () => boolean): boolean {
    try {
      return slice();
    } catch (thrown) {
      if (thrown instanceof HostFalls) return false;
      throw thrown;
    }
  }

  get #here(): HostDeath {
    const { epoch, offset } = this.#frame;
    return { epoch, place: { offset, ...this.#turn } };
  }

  #meetKill(times: KillTimes): void {
    if (this.#casualties.kills(this.#shard, this.#here, times)) this.#goDown(times === "always");
  }

  #goDown(isKiller: boolean): never {
    this.fall = { death: this.#here, isKiller };
    throw new HostFalls();
  }
}
