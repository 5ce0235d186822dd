/**
 * The oracle of messages that kill their host. It counts for itself what the core counts in `attempts.ts`.
 *
 * 1. A message in whose turn five hosts died in a row is never run again. Of these deaths the first three were told to
 *    a claim; from then on the store knows before that the turn may be open, and any claim counts.
 */

import type { HostDeath } from "../core/attempts.ts";
import { check } from "./oracle_error.ts";

const openFrom = 3;
const deadliest = 5;

/** What claims counted of a shard's deaths. */
interface Counted {
  /** Of the last death. */
  readonly epoch: number;
  /** Of the claim that counted it. */
  readonly claimEpoch: number;
  readonly place: string;
  /** How often in a row it was this place. */
  readonly times: number;
}

/** Names a turn, the same in every replay. */
export function turnName(shard: number, { place: { offset, index, timer, step } }: HostDeath): string {
  return `${shard}-${offset}-${index}-${timer}-${step}`;
}

export class HostAuditor {
  readonly #counted = new Map<number, Counted>();
  /** By shard, the last death in a turn that was committed as open. */
  readonly #open = new Map<number, HostDeath>();
  /** Turns that must not be run any more, and from which epoch on. */
  readonly #buried = new Map<string, number>();

  /** The store gave `epoch` to a claim that told of a death, or of none. */
  claimed(shard: number, epoch: number, told: HostDeath | null): void {
    const death = told ?? this.#open.get(shard);
    const last = this.#counted.get(shard) ?? { epoch: 0, place: "", times: 0 };
    if (death === undefined || death.epoch <= last.epoch) return;
    const place = turnName(shard, death);
    const times = place === last.place ? last.times + 1 : 1;
    this.#counted.set(shard, { epoch: death.epoch, claimEpoch: epoch, place, times });
    if (times >= deadliest && !this.#buried.has(place)) this.#buried.set(place, epoch);
  }

  /** A host died of what it ran. */
  killed(shard: number, death: HostDeath): void {
    const turn = turnName(shard, death);
    const buriedIn = this.#buried.get(turn) ?? Infinity;
    check(
      "killed-host",
      death.epoch < buriedIn,
      () =>
        `The turn ${turn} took a host with it under epoch ${death.epoch}; ` +
        `${deadliest} deaths in a row had been counted by epoch ${buriedIn}`,
    );
    const counted = this.#counted.get(shard);
    if (counted?.place !== turn || counted.times < openFrom || death.epoch < counted.claimEpoch) return;
    this.#open.set(shard, death);
  }
}
