/**
 * How many hosts, of all nodes, died in each turn.
 *
 * 1. Innocent turns meet `mostInnocentDeaths` deaths at most: so few bury nobody.
 */

import type { HostDeath } from "../core/attempts.ts";
import { turnName } from "./host_auditor.ts";
import type { KillTimes } from "./program.ts";

/** From the third on the store is told that the turn may be open, and then any claim counts. */
const mostInnocentDeaths = 2;

export class Casualties {
  /** By `turnName`. */
  readonly #deaths = new Map<string, number>();
  /** Nobody dies any more who need not. */
  isOver = false;

  /** Whether a host that was doomed dies in this turn. */
  diesIn(shard: number, death: HostDeath): boolean {
    return !this.isOver && this.kills(shard, death, mostInnocentDeaths);
  }

  /** Whether a turn that kills so often kills now. */
  kills(shard: number, death: HostDeath, times: KillTimes): boolean {
    return times === "always" || (this.#deaths.get(turnName(shard, death)) ?? 0) < times;
  }

  count(shard: number, death: HostDeath): void {
    const turn = turnName(shard, death);
    this.#deaths.set(turn, (this.#deaths.get(turn) ?? 0) + 1);
  }
}
