/**
 * Which frames a thread that waits may fold for practice: by shard, those that hosts of this process have folded, and
 * did not die of.
 *
 * 1. Of what was folded before this process nothing: a message that hangs or kills whoever folds it is out of its
 *    owner's way, who knows how many died of it, and the log holds it for a while.
 * 2. Of a shard in whose turn a host died nothing up to that frame.
 */

import { MAILBOX } from "../core/checkpoint.ts";
import type { HostEnd } from "./host_life.ts";

/** Frames of a shard's mailbox, by their offsets. */
export interface PracticeRange {
  /** Of the last before them. */
  readonly after: number;
  /** Of their last; `after` when there are none. */
  readonly last: number;
}

export type PracticeRanges = Readonly<Record<number, PracticeRange>>;

export class Practice {
  readonly #ranges = new Map<number, PracticeRange>();

  /** What lies up to `offset` is folded, as the shard's host says. */
  folded(shard: number, offset: number): void {
    const after = this.#ranges.get(shard)?.after ?? offset;
    this.#ranges.set(shard, { after, last: Math.max(after, offset) });
  }

  /** A host has ended. */
  ended(inTurn: HostEnd["inTurn"]): void {
    if (inTurn === null || (inTurn.death.place.topic ?? MAILBOX) !== MAILBOX) return;
    const { shard, death: { place: { offset } } } = inTurn;
    const { after = -1, last = -1 } = this.#ranges.get(shard) ?? {};
    this.#ranges.set(shard, { after: Math.max(after, offset), last: Math.max(last, offset) });
  }

  /** It is another node's. */
  left(shard: number): void {
    this.#ranges.delete(shard);
  }

  get ranges(): PracticeRanges {
    return Object.fromEntries(this.#ranges);
  }
}
