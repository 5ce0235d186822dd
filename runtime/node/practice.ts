/**
 * Which frames a thread that waits may fold for practice: by shard, those that hosts of this process have folded, and
 * did not die of.
 *
 * 1. Of what was folded before this process nothing, nor of what a shard's owner found in the log when it came: a message
 *    that hangs or kills whoever folds it is out of its owner's way, who knows how many died of it, and the log holds it
 *    for a while.
 * 2. Of a shard in whose turn a host died nothing up to that frame.
 * 3. Of a shard that others may have had in between nothing from before.
 */

import { MAILBOX } from "../core/checkpoint.ts";
import type { HostDeath } from "../core/attempts.ts";
import type { ShardReport } from "./host_protocol.ts";

/** Frames of a shard's mailbox, by their offsets. */
export interface PracticeRange {
  /** Of the last before them. */
  readonly after: number;
  /** Of their last; `after` when there are none. */
  readonly last: number;
}

export type PracticeRanges = Readonly<Record<number, PracticeRange>>;

interface Known extends PracticeRange {
  readonly epoch: number;
}

export class Practice {
  readonly #known = new Map<number, Known>();

  reported({ shard, state, epoch, folded, isReplaying }: ReportedShard): void {
    if (state !== "running") return;
    const known = this.#known.get(shard);
    // Each claim is of one epoch more.
    if (known === undefined || epoch > known.epoch + 1) {
      if (!isReplaying) this.#known.set(shard, { epoch, after: folded, last: folded });
    } else {
      this.#known.set(shard, { epoch, after: known.after, last: Math.max(known.after, folded) });
    }
  }

  /** A host of the shard has died in its turn. */
  died(shard: number, { place: { topic = MAILBOX, offset } }: HostDeath): void {
    const known = this.#known.get(shard);
    if (known === undefined || topic !== MAILBOX || offset <= known.after) return;
    this.#known.set(shard, { ...known, after: offset, last: Math.max(known.last, offset) });
  }

  /** It is another node's. */
  left(shard: number): void {
    this.#known.delete(shard);
  }

  get ranges(): PracticeRanges {
    return Object.fromEntries([...this.#known].map(([shard, { after, last }]) => [shard, { after, last }]));
  }
}

type ReportedShard = Pick<ShardReport, "shard" | "state" | "epoch" | "folded" | "isReplaying">;
