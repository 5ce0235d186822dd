/**
 * Frames on their way through a shard: delivered, prepared (decoded, actors found), folded.
 *
 * 1. Frames of a topic are taken in the order of their offsets; those of the mailbox without a gap.
 * 2. Preparing finds each entry's actor, so folding needs no look-up; a prepared frame's actors stay in memory until
 *    it is folded (their `used` is its number).
 */

import type { Address } from "./actor.ts";
import type { ActorEntry, ActorTable } from "./actor_table.ts";
import type { TurnPlace } from "./attempts.ts";
import { MAILBOX, type Position } from "./checkpoint.ts";
import { type Delivery, isRecords, sizeOf } from "./log_frame.ts";
import { idOf, idStart, type ParsedFrame, type Replay, type Run, senderMarker } from "./frame.ts";
import type { Registry } from "./registry.ts";

/** Decodes what was delivered, from an offset on. */
export type Decode = (source: Delivery, from: number) => ParsedFrame;

/** The first offset that is still to be folded, and how many of its entries are folded already. */
export interface Start {
  readonly offset: number;
  readonly index: number;
}

export class WorkFrame {
  readonly source: Delivery;
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
  /** Offset of the last that it holds. */
  readonly last: number;
  /** Of records, by entry the offset of its record; null for a frame of the mailbox. */
  #offsets: readonly number[] | null = null;
  readonly #from: number;
  readonly #decode: Decode;
  #frame: ParsedFrame | null = null;
  #unresolved = -1;
  #run = 0;
  #isRepeated = false;

  constructor(source: Delivery, number: number, { offset, index }: Start, decode: Decode) {
    this.source = source;
    this.number = number;
    this.#from = offset;
    this.#decode = decode;
    this.last = isRecords(source) ? source.next - 1 : source.offset;
    this.at = index;
    this.hasBegun = index > 0;
    // Records move no clock.
    this.haveTimersFired = index > 0 || isRecords(source);
  }

  get frame(): ParsedFrame {
    return this.#frame ??= this.#parse();
  }

  #parse(): ParsedFrame {
    const frame = this.#decode(this.source, this.#from);
    if (this.isOfMailbox || frame.origin.type !== "source") return frame;
    this.#offsets = frame.origin.offsets;
    // The record that was folded in part may be gone.
    if (this.#offsets[0] !== this.#from) this.at = 0;
    return frame;
  }

  get isOfMailbox(): boolean {
    return this.source.topic === MAILBOX;
  }

  get topic(): string {
    return this.source.topic;
  }

  /** What it takes of the shard's window. */
  get size(): number {
    return sizeOf(this.source);
  }

  /** Offset of the record or frame of entry `index`. */
  offsetOf(index: number): number {
    return this.#offsets === null ? this.last : this.#offsets[index] ?? this.last;
  }

  /** The number of entry `index` in its record or frame. */
  indexOf(index: number): number {
    if (this.#offsets === null) return index;
    const offset = this.#offsets[index];
    let first = index;
    while (first > 0 && this.#offsets[first - 1] === offset) first--;
    return index - first;
  }

  /** Index of the entry at a place, -1 of its timers; null when the place is not in this frame. */
  entryAt({ topic = MAILBOX, offset, index }: TurnPlace): number | null {
    if (topic !== this.topic) return null;
    if (this.isOfMailbox) return offset === this.last ? index : null;
    const first = this.frame.origin.type === "source" ? this.frame.origin.offsets.indexOf(offset) : -1;
    return first < 0 ? null : first + index;
  }

  /** Where its topic stands when the entries before `at` are folded. */
  get position(): Position {
    if (this.isOfMailbox) return { offset: this.last - 1, index: this.foldedEntries };
    if (this.at >= this.frame.count) return { offset: this.last, index: 0 };
    return { offset: this.offsetOf(this.at) - 1, index: this.indexOf(this.at) };
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

  /**
   * It is folded, and nobody asks it for its entries any more. A frame that waited for its turn is old memory by then:
   * until the next collection of that, each collection of young memory would copy what it was decoded into.
   */
  release(): void {
    this.#frame = null;
    this.targets = [];
    this.#offsets = null;
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

/** Of one topic. */
export class FrameQueue {
  readonly topic: string;
  readonly #frames: (WorkFrame | undefined)[] = [];
  readonly #decode: Decode;
  #first = 0;
  #start: Start;
  /** Units folded but not granted anew. */
  ungranted = 0;

  constructor(topic: string, start: Start, decode: Decode) {
    this.topic = topic;
    this.#start = start;
    this.#decode = decode;
  }

  get length(): number {
    return this.#frames.length - this.#first;
  }

  /** The offset of what comes next. */
  get expected(): number {
    return this.#start.offset;
  }

  /** A frame or record is folded in part: be it at hand, or still to come. */
  get isAmidst(): boolean {
    const head = this.peek();
    return head === undefined ? this.#start.index > 0 : head.hasBegun;
  }

  peek(ahead = 0): WorkFrame | undefined {
    return this.#frames[this.#first + ahead];
  }

  /** `number`: that of its frame, should it be taken. */
  deliver(source: Delivery, number: number): Arrival {
    const { offset } = this.#start;
    const next = isRecords(source) ? source.next : source.offset + 1;
    if (next <= offset) return { type: "repeated" };
    if (!isRecords(source) && source.offset > offset) return { type: "gap", expected: offset };
    this.#frames.push(new WorkFrame(source, number, this.#start, this.#decode));
    this.#start = { offset: next, index: 0 };
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
