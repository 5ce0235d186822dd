/**
 * Frames on their way through a shard: delivered, prepared (decoded, actors found), folded.
 *
 * 1. Frames are taken in the order of their offsets, without a gap.
 * 2. Preparing finds each entry's actor, so folding needs no look-up; a prepared frame's actors stay in memory until
 *    it is folded (their `used` is its number).
 */

import type { Address } from "./actor.ts";
import type { ActorEntry, ActorTable } from "./actor_table.ts";
import type { LogFrame } from "./log_frame.ts";
import { idOf, idStart, type ParsedFrame, parseFrame, type Replay, type Run, senderMarker } from "./frame.ts";
import type { Registry } from "./registry.ts";

export class WorkFrame {
  readonly source: LogFrame;
  /** Ascending over all frames of this shard's life; see `ActorEntry.used`. */
  readonly number: number;
  /** Index of the next entry to fold. */
  at: number;
  /** The clock was moved and the origin accepted. */
  hasBegun: boolean;
  haveTimersFired: boolean;
  /** When it was first at hand, on the driver's clock; null unless it is traced. */
  beganMs: number | null = null;
  sender: Address | null = null;
  /** The dead letter whose message comes next. */
  replay: Replay | null = null;
  /** By entry, its actor; null for markers and unknown kinds. */
  targets: (ActorEntry | null)[] = [];
  #frame: ParsedFrame | null = null;
  #unresolved = -1;
  #run = 0;
  #isRepeated = false;

  /** `index`: entries that a checkpoint says are folded already. */
  constructor(source: LogFrame, number: number, index: number) {
    this.source = source;
    this.number = number;
    this.at = index;
    this.hasBegun = index > 0;
    this.haveTimersFired = index > 0;
  }

  get frame(): ParsedFrame {
    return this.#frame ??= parseFrame(this.source.text);
  }

  /** Entries that need not be folded again. */
  get foldedEntries(): number {
    return this.hasBegun ? this.at : 0;
  }

  /** The run that holds entry `at`; null when all are folded. */
  get run(): Run | null {
    const { runs } = this.frame;
    while (this.#run < runs.length && runs[this.#run]!.end <= this.at) this.#run++;
    return runs[this.#run] ?? null;
  }

  /** Passes over `count` entries. */
  skip(count: number): void {
    this.at = Math.min(this.frame.count, this.at + count);
  }

  /** It has been folded under an earlier offset. */
  dropRepeated(): void {
    this.#isRepeated = true;
    this.at = this.frame.count;
  }

  /** Of the traced requests whose messages it folds; null: none. */
  get contexts(): readonly string[] | null {
    return this.#isRepeated ? null : this.frame.contexts;
  }

  /** Without markers. */
  get messages(): number {
    return this.frame.runs.reduce((sum, { type, count }) => type < 0 ? sum : sum + count, 0);
  }

  /**
   * The last place before entry `index` (-1: the timers) where a checkpoint may stand: markers stay with the entry
   * that follows them. 0 is before the timers.
   */
  boundaryBefore(index: number): number {
    const { runs } = this.frame;
    let at = runs.findIndex(({ end }) => end > index);
    if (index < 0 || at < 0 || runs[at]!.first < index) return Math.max(0, index);
    while (at > 0 && runs[at - 1]!.type < 0) at--;
    return runs[at]!.first;
  }

  /** The first one after it, its frame's end excepted. */
  boundaryAfter(index: number): number {
    if (index >= 0) return index + 1;
    const first = this.frame.runs.find(({ type }) => type >= 0);
    return first === undefined ? Infinity : first.first + 1;
  }

  /** Finds the actors of all entries; those missing go to `want`. True when none is. */
  prepare(registry: Registry, table: ActorTable, want: (kindIndex: number, id: string) => void): boolean {
    if (this.#unresolved === 0) return true;
    const { frame } = this;
    if (this.#unresolved < 0) {
      this.targets = new Array(frame.count).fill(null);
      this.sender = this.#senderBefore(this.at);
    }
    this.#unresolved = 0;
    for (const run of frame.runs) {
      if (run.type < 0) continue;
      const kindIndex = registry.indexOf(frame.types[run.type]![0]);
      if (kindIndex >= 0) this.#prepareRun(frame, run, kindIndex, table, want);
    }
    return this.#unresolved === 0;
  }

  #prepareRun(
    frame: ParsedFrame,
    run: Run,
    kindIndex: number,
    table: ActorTable,
    want: (kindIndex: number, id: string) => void,
  ): void {
    const { targets, number } = this;
    const { ends, hashes } = frame;
    const { text, first, end } = run;
    for (let at = first; at < end; at++) {
      if (targets[at] !== null) continue;
      const entry = table.findIn(kindIndex, hashes[at]!, text, idStart(ends, run, at), ends[at]!);
      if (entry === undefined) {
        this.#unresolved++;
        want(kindIndex, idOf(frame, run, at));
      } else {
        // Frames ahead are prepared before earlier ones: never less than a later frame has set.
        if (entry.used < number) entry.used = number;
        targets[at] = entry;
      }
    }
  }

  #senderBefore(end: number): Address | null {
    const marker = this.frame.runs.findLast(({ type, first }) => type === senderMarker && first < end);
    return marker === undefined ? null : { id: marker.text, kind: String(marker.bodies[0]) };
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
