/**
 * What an actor with windows remembers: channels of panes on one ring, the last hours' worth of changes, counters.
 *
 * 1. The ring's content is a function of the readings folded and the head alone: moving the head in one call or in
 *    many merges the same panes in the same order, to the last bit.
 * 2. A slot is *dirty* when its pane was written, or a dirty pane was merged into it, since the last cold row. So
 *    cold row + advance + dirty panes = ring.
 * 3. Each resolution of the history that the actor keeps has every accepted reading once. One of an open row
 *    reaches it by that row, put with the cold row or when it closes; any other by an increment.
 * 4. Every accepted reading is in `total`, in the history, and, unless older than the ring, in the ring.
 */

import { heapRatio } from "../../runtime/core/limits.ts";
import type { HistorySink } from "../../runtime/core/state.ts";
import { placeOf } from "../../runtime/core/murmur2.ts";
import { clearBit, countBits, hasBit, nextBit, setBit } from "./bits.ts";
import { Channel, type Value } from "./channel.ts";
import { type HistorySource, writeHistoryChunk } from "./history.ts";
import {
  coldIntervalMs,
  hotRowBytes,
  maxActorChannels,
  maxReadingChannels,
  minHotPanes,
  minuteMs,
  recentItems,
} from "./limits.ts";
import { paneBytes, type PaneType, paneTypes } from "./pane_codec.ts";
import { clearPane, emptyPane, mergePane, type Pane } from "./pane.ts";
import { PendingHistory } from "./pending_history.ts";
import {
  firstOpenRow,
  fiveMinuteHistory,
  type HistoryResolution,
  isOpenRow,
  oneMinuteHistory,
  rowOfMinute,
} from "./resolution.ts";
import {
  firstMinute,
  fiveSlot,
  forSlotsOfSpan,
  lastFive,
  minuteSlot,
  ringStartMinute,
  type RingSteps,
  slotCount,
  slotOf,
  type SpanMinutes,
  stepRing,
} from "./ring.ts";
import { judgeSequence, markSequence, noSequence, type SequenceVerdict, sequenceWords } from "./sequence.ts";
import { recordClass, type SlabPool } from "./slab.ts";

export type Values = Readonly<Record<string, Value>>;

/** A reading kept for a person to look at. */
export interface ListedReading {
  readonly ts: number;
  readonly seq?: number;
  readonly values: Values;
}

/** `head` of a ring that has had no reading. */
export const noHead = -1;

/** One for all: an empty array is 32 bytes, and almost every list stays empty. */
const noReadings: readonly ListedReading[] = Object.freeze([]);

/** Resolutions that every actor keeps, and those of one that keeps single minutes too. */
const usualResolutions: readonly HistoryResolution[] = [fiveMinuteHistory];
const allResolutions: readonly HistoryResolution[] = [fiveMinuteHistory, oneMinuteHistory];

const dirtyWords = 4;

/** Where a minute is read to before it is merged. */
const minutePane = emptyPane();

// Measured: an actor's own objects, and those of one channel, besides slabs.
const stateHeapBytes = 450 * heapRatio;
const channelHeapBytes = 150 * heapRatio;

// Places in an actor's record: two doubles, then words.
const newest = 0;
const oldest = 1;
const dirtyAfterDoubles = 2;

export class WindowState implements RingSteps {
  // The fields that every reading touches come first, and so lie together.
  /** Minute of the newest accepted event time, or `noHead`. */
  head = noHead;
  channels: readonly Channel[] = [];
  highestSequence = noSequence;
  readonly #times: Float64Array;
  readonly #timesAt: number;
  readonly #words: Uint32Array;
  readonly #dirtyAt: number;
  /** The open reading: its slot, whether that is the head's, and its minute if that has a closed row, else -1. */
  #slot = -1;
  #isHead = false;
  #incrementMinute = -1;
  duplicates = 0;
  tooOldCount = 0;
  lateCount = 0;
  tooOld = noReadings;
  late = noReadings;
  /** Recoveries told of, and the newest time of one. */
  recoveredCount = 0;
  recoveredMs = 0;
  /** Log time of the last cold row, or of the first reading; NaN before it. */
  coldAtMs = NaN;
  #pending: PendingHistory | null = null;
  /** Spreads the cold rows of actors over the interval. */
  readonly #coldPhaseMs: number;
  readonly #record: number;
  #keepsMinutes: boolean;

  /** @param keepsMinutes whether its history has one-minute panes besides those of five minutes, to begin with */
  constructor(readonly id: string, readonly pool: SlabPool, keepsMinutes = false) {
    this.#keepsMinutes = keepsMinutes;
    this.#coldPhaseMs = placeOf(id, coldIntervalMs);
    this.#record = pool.allocate(recordClass);
    const chunk = pool.chunk(recordClass, this.#record);
    this.#times = chunk.f64;
    this.#timesAt = pool.doubleAt(recordClass, this.#record);
    this.#words = chunk.u32;
    this.#dirtyAt = (this.#timesAt + dirtyAfterDoubles) * 2;
  }

  get keepsMinutes(): boolean {
    return this.#keepsMinutes;
  }

  /**
   * From now on its history has one-minute panes, too, or no more. What the ring holds of the last hour is put with the
   * next rows: all of it counts as changed.
   */
  keepMinutes(isKept: boolean): void {
    if (isKept && !this.#keepsMinutes) {
      for (const channel of this.channels) channel.markFilled(this.#words, this.#dirtyAt);
    }
    this.#keepsMinutes = isKept;
  }

  /** Newest accepted event time; it has a meaning once there is a head. */
  get newestMs(): number {
    return this.#times[this.#timesAt + newest]!;
  }

  /** Oldest accepted event time; it has a meaning once there is a head. */
  get oldestMs(): number {
    return this.#times[this.#timesAt + oldest]!;
  }

  setTimes(newestMs: number, oldestMs: number): void {
    this.#times[this.#timesAt + newest] = newestMs;
    this.#times[this.#timesAt + oldest] = oldestMs;
  }

  get #sequenceAt(): number {
    return this.#dirtyAt + dirtyWords;
  }

  /** The words of the sequence window, to read or to overwrite. */
  get sequenceWords(): Uint32Array {
    return this.#words.subarray(this.#sequenceAt, this.#sequenceAt + sequenceWords);
  }

  judgeSequence(sequence: number): SequenceVerdict {
    return judgeSequence(this.#words, this.#sequenceAt, this.highestSequence, sequence);
  }

  markSequence(sequence: number): void {
    this.highestSequence = markSequence(this.#words, this.#sequenceAt, this.highestSequence, sequence);
  }

  noteTooOld(reading: ListedReading): void {
    this.tooOldCount++;
    this.tooOld = [...this.tooOld, reading].slice(-recentItems);
  }

  noteLate(reading: ListedReading): void {
    this.lateCount++;
    this.late = [...this.late, reading].slice(-recentItems);
  }

  /** Whether a reading with these channels would pass the bound of channels. */
  wouldOverflow(names: readonly string[]): boolean {
    if (this.channels.length + maxReadingChannels <= maxActorChannels) return false;
    let count = this.channels.length;
    for (const name of names) if (this.#indexOf(name, 0) < 0) count++;
    return count > maxActorChannels;
  }

  /** Begins an accepted reading of event time `ts`; `add` then takes its values. False: it is older than the ring. */
  open(ts: number, nowMs: number): boolean {
    const minute = Math.floor(ts / minuteMs);
    if (minute > this.head) {
      if (this.head === noHead) {
        this.setTimes(ts, ts);
        this.coldAtMs = nowMs;
      }
      this.advance(minute);
    }
    const times = this.#times;
    const at = this.#timesAt;
    if (ts > times[at + newest]!) times[at + newest] = ts;
    if (ts < times[at + oldest]!) times[at + oldest] = ts;
    const slot = slotOf(minute, this.head);
    if (slot >= 0) setBit(this.#words, this.#dirtyAt, slot);
    this.#slot = slot;
    this.#isHead = minute === this.head;
    // A row of the finer resolution closes first.
    const finest = this.#keepsMinutes ? oneMinuteHistory : fiveMinuteHistory;
    this.#incrementMinute = isOpenRow(finest, rowOfMinute(finest, minute), this.head) ? -1 : minute;
    return slot >= 0;
  }

  /** Adds a value of the open reading; `hint` is where its channel is likely to be. */
  add(name: string, value: Value, ts: number, hint: number): void {
    const index = this.#indexOf(name, hint);
    const channel = index < 0 ? this.#addChannel(name, value) : this.channels[index]!;
    if (!channel.fits(value)) this.promote(channel, paneTypes.numeric);
    channel.add(this.#slot, this.#isHead, ts, value);
    if (this.#incrementMinute >= 0) this.#addIncrements(this.#incrementMinute, name, Number(value));
  }

  get #resolutions(): readonly HistoryResolution[] {
    return this.#keepsMinutes ? allResolutions : usualResolutions;
  }

  #addIncrements(minute: number, name: string, value: number): void {
    this.#pending ??= new PendingHistory();
    for (const resolution of this.#resolutions) {
      if (isOpenRow(resolution, rowOfMinute(resolution, minute), this.head)) continue;
      this.#pending.add(resolution, minute, name, value);
    }
  }

  #indexOf(name: string, hint: number): number {
    const { channels } = this;
    if (hint < channels.length && channels[hint]!.name === name) return hint;
    for (let i = 0; i < channels.length; i++) if (channels[i]!.name === name) return i;
    return -1;
  }

  #addChannel(name: string, value: Value): Channel {
    return typeof value === "boolean"
      ? this.createChannel(name, paneTypes.boolean, 0)
      : this.createChannel(name, paneTypes.constant, value + 0);
  }

  createChannel(name: string, type: PaneType, constant: number): Channel {
    const channel = new Channel(name, this.pool, type, constant);
    // As long as it must be: `push`, and a literal with a spread, leave room for 16 more.
    this.channels = this.channels.concat(channel);
    return channel;
  }

  /**
   * Promotes a channel and makes all its panes dirty: merged before or after a promotion, panes may differ in the
   * last bits, and a restore cannot know when it was.
   */
  promote(channel: Channel, type: PaneType): void {
    channel.promote(type);
    channel.markFilled(this.#words, this.#dirtyAt);
  }

  /** Moves the head to `minute`, at most once round the ring. */
  advance(minute: number): void {
    if (this.head !== noHead && ringStartMinute(minute) > this.head) {
      for (const resolution of this.#resolutions) {
        this.#forOpenRows(resolution, (row) => this.#closeRow(resolution, row));
      }
      for (let slot = 0; slot < slotCount; slot++) this.drop(slot);
    } else if (this.head !== noHead) {
      for (let head = this.head; head < minute; head++) {
        this.head = head;
        stepRing(head, this);
      }
    }
    this.head = minute;
  }

  leaving(minutes: SpanMinutes, span: number): void {
    if (minutes === 1 && !this.#keepsMinutes) return;
    const resolution = minutes === 1 ? oneMinuteHistory : fiveMinuteHistory;
    const { panesPerRow } = resolution;
    if (span >= 0 && span % panesPerRow === 0) this.#closeRow(resolution, span / panesPerRow);
  }

  merge(from: number, to: number): void {
    for (let i = 0; i < this.channels.length; i++) this.channels[i]!.move(from, to);
    if (!hasBit(this.#words, this.#dirtyAt, from)) return;
    clearBit(this.#words, this.#dirtyAt, from);
    setBit(this.#words, this.#dirtyAt, to);
  }

  drop(slot: number): void {
    for (let i = 0; i < this.channels.length; i++) this.channels[i]!.clear(slot);
    clearBit(this.#words, this.#dirtyAt, slot);
  }

  isDirty(slot: number): boolean {
    return hasBit(this.#words, this.#dirtyAt, slot);
  }

  /** The first dirty slot from `slot` on, or -1. */
  nextDirty(slot: number): number {
    return nextBit(this.#words, this.#dirtyAt, dirtyWords, slot);
  }

  setDirty(slot: number): void {
    setBit(this.#words, this.#dirtyAt, slot);
  }

  clearAllDirty(): void {
    this.#words.fill(0, this.#dirtyAt, this.#dirtyAt + dirtyWords);
  }

  get dirtyCount(): number {
    return countBits(this.#words, this.#dirtyAt, dirtyWords);
  }

  /** Whether the cold row should be written again. */
  isColdDue(nowMs: number): boolean {
    if (this.dirtyCount === 0) return false;
    const period = (atMs: number) => Math.floor((atMs + this.#coldPhaseMs) / coldIntervalMs);
    if (period(nowMs) > period(this.coldAtMs)) return true;
    let slotBytes = 1;
    let tableBytes = 0;
    for (const { name, type } of this.channels) {
      slotBytes += paneBytes[type];
      tableBytes += name.length + 34;
    }
    // Between two thirds and all of it: actors that fill at one pace would all write their rings at one moment.
    const share = 1 - this.#coldPhaseMs / coldIntervalMs / 3;
    const roomBytes = Math.max((hotRowBytes - 100 - tableBytes) * share, minHotPanes * slotBytes);
    return this.dirtyCount * slotBytes > roomBytes;
  }

  /** Copies the part of a span ≥ firstSpan(minutes, head) that the ring holds into `pane`. */
  readSpan(channel: Channel, minutes: SpanMinutes, span: number, pane: Pane): void {
    if (minutes === 5 && span <= lastFive(this.head)) channel.read(fiveSlot(span), pane);
    else clearPane(pane);
    const end = Math.min((span + 1) * minutes, this.head + 1);
    for (let minute = Math.max(span * minutes, firstMinute(this.head)); minute < end; minute++) {
      channel.read(minuteSlot(minute), minutePane);
      mergePane(pane, minutePane);
    }
  }

  /** Rows that are open and not all ahead of the head, oldest first. */
  #forOpenRows(resolution: HistoryResolution, visit: (row: number) => void): void {
    const last = rowOfMinute(resolution, this.head);
    for (let row = Math.max(0, firstOpenRow(resolution, this.head)); row <= last; row++) visit(row);
  }

  #isDirtyRow({ minutes, panesPerRow }: HistoryResolution, row: number): boolean {
    let isDirty = false;
    for (let span = row * panesPerRow; span < (row + 1) * panesPerRow; span++) {
      forSlotsOfSpan(minutes, span, this.head, (slot) => isDirty ||= this.isDirty(slot));
    }
    return isDirty;
  }

  #closeRow(resolution: HistoryResolution, row: number): void {
    if (!this.#isDirtyRow(resolution, row)) return;
    this.#pending ??= new PendingHistory();
    this.#pending.keep(resolution, row * resolution.rowMs, this.#writeRow(resolution, row).slice());
  }

  /** An open row; good until the pool's scratch memory is used again. */
  #writeRow(resolution: HistoryResolution, row: number): Uint8Array {
    const { minutes, panesPerRow } = resolution;
    const sources = this.channels.map((channel): HistorySource => ({
      name: channel.name,
      type: channel.type,
      constant: channel.type === paneTypes.constant ? channel.constantValue : 0,
      readPane: (index, pane) => this.readSpan(channel, minutes, row * panesPerRow + index, pane),
    }));
    return writeHistoryChunk(resolution, sources, this.pool.scratch);
  }

  /** Puts all open rows that changed since the last cold row. */
  putOpenRows(history: HistorySink): void {
    for (const resolution of this.#resolutions) {
      const { stepMs, rowMs } = resolution;
      this.#forOpenRows(resolution, (row) => {
        if (this.#isDirtyRow(resolution, row)) {
          history.put(stepMs, row * rowMs, this.#writeRow(resolution, row));
        }
      });
    }
  }

  /** Hands over what waits for the history. */
  handOverHistory(history: HistorySink): void {
    this.#pending?.handOver(history, this.pool.scratch);
    this.#pending = null;
  }

  get memoryBytes(): number {
    let bytes = stateHeapBytes + this.pool.blockBytes(recordClass) + (this.#pending?.bytes ?? 0);
    for (const channel of this.channels) bytes += channel.bytes + channelHeapBytes;
    return bytes;
  }

  release(): void {
    for (const channel of this.channels) channel.release();
    this.channels = [];
    this.pool.release(recordClass, this.#record);
  }
}
