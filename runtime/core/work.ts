/**
 * Frames on their way through a shard: delivered, prepared (decoded, actors found), folded.
 *
 * 1. Frames are taken in the order of their offsets, without a gap.
 * 2. Preparing replaces each id by its actor's entry, so folding needs no look-up; a prepared frame's actors stay
 *    in memory until it is folded (their `used` is its number).
 */

import type { Address } from "./actor.ts";
import type { ActorEntry, ActorTable } from "./actor_table.ts";
import type { LogFrame } from "./log_frame.ts";
import { decodeFrame, entryStride, type Frame, type Replay, senderMarker } from "./frame.ts";
import type { Registry } from "./registry.ts";

/** A place in the flat entries: the id, until it is replaced by the actor's entry. */
type Target = string | ActorEntry;

export class WorkFrame {
  readonly source: LogFrame;
  /** Ascending over all frames of this shard's life; see `ActorEntry.used`. */
  readonly number: number;
  /** Index of the next entry to fold, in places of the flat array. */
  at: number;
  /** The clock was moved and the origin accepted. */
  hasBegun: boolean;
  haveTimersFired: boolean;
  sender: Address | null = null;
  /** The dead letter whose message comes next. */
  replay: Replay | null = null;
  #frame: Frame | null = null;
  #kinds: number[] = [];
  #unresolved = -1;

  /** `index`: entries that a checkpoint says are folded already. */
  constructor(source: LogFrame, number: number, index: number) {
    this.source = source;
    this.number = number;
    this.at = index * entryStride;
    this.hasBegun = index > 0;
    this.haveTimersFired = index > 0;
  }

  get frame(): Frame {
    return this.#frame ??= decodeFrame(this.source.text);
  }

  /** Entries that need not be folded again. */
  get foldedEntries(): number {
    return this.hasBegun ? this.at / entryStride : 0;
  }

  get entries(): readonly unknown[] {
    return this.frame.entries;
  }

  /** The registry's place of the frame's type `t`; -1 when the kind is unknown. */
  kindIndex(t: number): number {
    return this.#kinds[t] ?? -1;
  }

  /** Finds the actors of all entries; those missing go to `want`. True when none is. */
  prepare(registry: Registry, table: ActorTable, want: (kindIndex: number, id: string) => void): boolean {
    if (this.#unresolved === 0) return true;
    const { types } = this.frame;
    const entries = this.frame.entries as unknown[];
    if (this.#unresolved < 0) {
      this.#kinds = types.map(([kind]) => registry.indexOf(kind));
      this.sender = this.#senderBefore(this.at);
    }
    let missing = 0;
    for (let at = 0; at < entries.length; at += entryStride) {
      const kindIndex = this.#kinds[entries[at] as number];
      const target = entries[at + 1] as Target;
      if (kindIndex === undefined || kindIndex < 0 || typeof target !== "string") continue;
      const entry = table.get(kindIndex, target);
      if (entry === undefined) {
        missing++;
        want(kindIndex, target);
      } else {
        // Frames ahead are prepared before earlier ones: never less than a later frame has set.
        entry.used = Math.max(entry.used, this.number);
        entries[at + 1] = entry;
      }
    }
    this.#unresolved = missing;
    return missing === 0;
  }

  #senderBefore(end: number): Address | null {
    for (let at = end - entryStride; at >= 0; at -= entryStride) {
      if (this.entries[at] === senderMarker) {
        return { id: this.entries[at + 1] as string, kind: this.entries[at + 2] as string };
      }
    }
    return null;
  }
}

/** What `deliver` found about a frame. */
export type Arrival =
  | { readonly type: "taken" | "repeated" }
  | { readonly type: "gap"; readonly expected: number };

export class FrameQueue {
  readonly #frames: (WorkFrame | undefined)[] = [];
  #first = 0;
  #expected: number;
  #firstIndex: number;
  #nextNumber: number;

  /** The next frame has offset `expected`, of which `index` entries are folded already. */
  constructor(expected: number, index: number, firstNumber: number) {
    this.#expected = expected;
    this.#firstIndex = index;
    this.#nextNumber = firstNumber;
  }

  get length(): number {
    return this.#frames.length - this.#first;
  }

  get expected(): number {
    return this.#expected;
  }

  /** The number that the next frame will get: greater than that of every frame at hand. */
  get nextNumber(): number {
    return this.#nextNumber;
  }

  peek(ahead = 0): WorkFrame | undefined {
    return this.#frames[this.#first + ahead];
  }

  deliver(frame: LogFrame): Arrival {
    if (frame.offset < this.#expected) return { type: "repeated" };
    if (frame.offset > this.#expected) return { type: "gap", expected: this.#expected };
    this.#frames.push(new WorkFrame(frame, this.#nextNumber++, this.#firstIndex));
    this.#expected++;
    this.#firstIndex = 0;
    return { type: "taken" };
  }

  shift(): void {
    // Let go at once: a decoded frame that outlives a few collections of young memory is costly to collect.
    this.#frames[this.#first++] = undefined;
    if (this.#first < 64) return;
    this.#frames.splice(0, this.#first);
    this.#first = 0;
  }
}
