/**
 * One channel of an actor: its panes by slot, its last reading, and its total, all in slabs.
 *
 * 1. A channel holds the cheapest type of panes that its values fit: `constant` while they are one number,
 *    `boolean` while they are true or false, `numeric` otherwise. A promotion keeps count, sum, min and max.
 * 2. A channel grows from a short list of panes to the whole ring when the list is full.
 * 3. Adding a value allocates nothing unless the channel grows or is promoted.
 * 4. What a channel answers does not depend on which pane is open.
 *
 * The *front* of a channel is a small record: last time, last value, total count, total sum (of a constant: the
 * value itself), and a copy of one pane, the *open* one, in which almost all readings fall. It is written back
 * before anything else looks at the panes. Ten thousand fronts fit into a processor's cache and its page table;
 * their rings do not: a reading that touched its ring took ten times as long.
 *
 * A block holds the panes of a ring or of a part of it: for numeric ones sum, m2, min, max of each as doubles,
 * then all counts; for boolean ones count and ones of each; for constants the counts. A block that is not the
 * whole ring ends with the slot of each pane, a byte each, `noSlot` if free.
 */

import type { ByteReader, ByteWriter } from "../../runtime/core/bytes.ts";
import { setBit } from "./bits.ts";
import { blockCapacities } from "./limits.ts";
import { readPane, writePane } from "./pane_codec.ts";
import { paneBytes, type PaneType, paneTypeNames, paneTypes } from "./pane_codec.ts";
import {
  addValue,
  clearPane,
  emptyPane,
  m2AfterAdding,
  m2AfterMerging,
  type Pane,
  setBooleanPane,
  setConstantPane,
} from "./pane.ts";
import { slotCount } from "./ring.ts";
import { channelClass, type Chunk, frontClass, type SlabPool } from "./slab.ts";

export type Value = number | boolean;

/** A reading that an answer shows: the value as it was sent, unless the channel mixes types. */
export interface LastReading {
  readonly ts: number;
  readonly value: Value;
}

export interface Total {
  readonly count: number;
  readonly sum: number;
}

const noSlot = 255;
const wholeRing = blockCapacities.length - 1;
const { constant, boolean, numeric } = paneTypes;

// Places in a front; the open pane begins at `openPane` with its count.
const lastTime = 0;
const lastValue = 1;
const totalCount = 2;
const totalSum = 3;
const openPane = 4;
/** Doubles of a front that are stored: all but the open pane. */
export const headerDoubles = 4;

/** Adds a value to a pane of five doubles: count, sum, m2, min, max. */
function addToRecord(doubles: Float64Array, at: number, value: number): void {
  const count = doubles[at]!;
  const sum = doubles[at + 1]! + value;
  doubles[at] = count + 1;
  doubles[at + 1] = sum;
  if (count > 0) doubles[at + 2] = m2AfterAdding(doubles[at + 2]!, count, sum, value);
  if (value < doubles[at + 3]!) doubles[at + 3] = value;
  if (value > doubles[at + 4]!) doubles[at + 4] = value;
}

export class Channel {
  #type: PaneType;
  /** The slot of the open pane, or -1. */
  #openSlot = -1;
  readonly #front: Float64Array;
  readonly #frontAt: number;
  readonly #frontBlock: number;
  #chunk: Chunk;
  #at: number;
  #capacity: number;
  #size: number;
  #block: number;

  /** Starts empty. `constantValue` is the value that a channel of type `constant` holds. */
  constructor(readonly name: string, readonly pool: SlabPool, type: PaneType, constantValue: number) {
    this.#type = type;
    this.#frontBlock = pool.allocate(frontClass);
    this.#front = pool.chunk(frontClass, this.#frontBlock).f64;
    this.#frontAt = pool.doubleAt(frontClass, this.#frontBlock);
    this.#size = 0;
    this.#capacity = blockCapacities[0];
    this.#block = pool.allocate(this.#class);
    this.#chunk = pool.chunk(this.#class, this.#block);
    this.#at = pool.doubleAt(this.#class, this.#block);
    this.#freeSlots();
    this.#front[this.#frontAt + lastTime] = -Infinity;
    if (type === constant) this.#front[this.#frontAt + totalSum] = constantValue;
  }

  get type(): PaneType {
    return this.#type;
  }

  get typeName(): string {
    return paneTypeNames[this.#type];
  }

  get bytes(): number {
    return this.pool.blockBytes(this.#class) + this.pool.blockBytes(frontClass);
  }

  /** The value of a channel of type `constant`. */
  get constantValue(): number {
    return this.#front[this.#frontAt + totalSum]!;
  }

  get last(): LastReading | null {
    const ts = this.#front[this.#frontAt + lastTime]!;
    if (ts === -Infinity) return null;
    const value = this.#front[this.#frontAt + lastValue]!;
    return { ts, value: this.#type === boolean ? value === 1 : value };
  }

  get total(): Total {
    const count = this.#front[this.#frontAt + totalCount]!;
    const sum = this.#front[this.#frontAt + totalSum]!;
    return { count, sum: this.#type === constant ? count * sum : sum };
  }

  fits(value: Value): boolean {
    if (this.#type === numeric) return true;
    return this.#type === boolean ? typeof value === "boolean" : value === this.constantValue;
  }

  /**
   * Counts a value that fits.
   *
   * @param slot that of its pane, -1 when the ring has none for it
   * @param isHead whether that is the newest pane, which is worth opening
   */
  add(slot: number, isHead: boolean, ts: number, value: Value): void {
    // Adding zero turns -0 into 0.
    const amount = value === true ? 1 : value === false ? 0 : value + 0;
    const front = this.#front;
    const at = this.#frontAt;
    if (ts >= front[at + lastTime]!) {
      front[at + lastTime] = ts;
      front[at + lastValue] = amount;
    }
    front[at + totalCount]! += 1;
    if (this.#type !== constant) front[at + totalSum]! += amount;
    if (slot < 0) return;
    if (slot !== this.#openSlot) {
      if (!isHead) return this.#addToClosed(slot, amount);
      this.#open(slot);
    }
    addToRecord(front, at + openPane, amount);
  }

  #addToClosed(slot: number, amount: number): void {
    const pane = emptyPane();
    this.read(slot, pane);
    addValue(pane, amount);
    this.write(slot, pane);
  }

  #open(slot: number): void {
    const pane = emptyPane();
    this.read(slot, pane);
    // A place in the block, so that writing back never has to make one.
    this.#claim(slot);
    this.#openSlot = slot;
    const at = this.#frontAt + openPane;
    this.#front[at] = pane.count;
    this.#front[at + 1] = pane.sum;
    this.#front[at + 2] = pane.m2;
    this.#front[at + 3] = pane.min;
    this.#front[at + 4] = pane.max;
  }

  #readOpen(pane: Pane): void {
    const at = this.#frontAt + openPane;
    const front = this.#front;
    pane.count = front[at]!;
    pane.sum = front[at + 1]!;
    pane.m2 = front[at + 2]!;
    pane.min = front[at + 3]!;
    pane.max = front[at + 4]!;
  }

  /** Writes the open pane back. */
  close(): void {
    const slot = this.#openSlot;
    if (slot < 0) return;
    this.#openSlot = -1;
    const pane = emptyPane();
    this.#readOpen(pane);
    this.write(slot, pane);
  }

  isEmpty(slot: number): boolean {
    this.close();
    const index = this.#find(slot);
    return index < 0 || this.#chunk.u32[this.#countAt(index)] === 0;
  }

  /** Copies the pane in `slot` into `pane`. */
  read(slot: number, pane: Pane): void {
    this.close();
    const index = this.#find(slot);
    if (index < 0) return clearPane(pane);
    const { f64, u32 } = this.#chunk;
    const countAt = this.#countAt(index);
    const count = u32[countAt]!;
    if (count === 0) return clearPane(pane);
    switch (this.#type) {
      case constant:
        return setConstantPane(pane, count, this.constantValue);
      case boolean:
        return setBooleanPane(pane, count, u32[countAt + 1]!);
      case numeric: {
        const at = this.#paneAt(index);
        pane.count = count;
        pane.sum = f64[at]!;
        pane.m2 = f64[at + 1]!;
        pane.min = f64[at + 2]!;
        pane.max = f64[at + 3]!;
      }
    }
  }

  /** Replaces the pane in `slot`. */
  write(slot: number, pane: Readonly<Pane>): void {
    this.close();
    if (pane.count === 0) return this.clear(slot);
    const index = this.#claim(slot);
    const { f64, u32 } = this.#chunk;
    const countAt = this.#countAt(index);
    u32[countAt] = pane.count;
    if (this.#type === boolean) u32[countAt + 1] = pane.sum;
    if (this.#type !== numeric) return;
    const at = this.#paneAt(index);
    f64[at] = pane.sum;
    f64[at + 1] = pane.m2;
    f64[at + 2] = pane.min;
    f64[at + 3] = pane.max;
  }

  /** Merges the pane in `from` into the one in `to`; `from` is empty afterwards. */
  move(from: number, to: number): void {
    this.close();
    const source = this.#find(from);
    if (source < 0) return;
    if (this.#size !== wholeRing && this.#find(to) < 0) {
      this.#chunk.u8[this.#slotsAt() + source] = to;
      return;
    }
    if (this.#chunk.u32[this.#countAt(source)] === 0) return;
    this.#mergePanes(source, this.#claim(to));
    this.clear(from);
  }

  #mergePanes(source: number, target: number): void {
    const { f64, u32 } = this.#chunk;
    const sourceCountAt = this.#countAt(source);
    const targetCountAt = this.#countAt(target);
    const sourceCount = u32[sourceCountAt]!;
    const targetCount = u32[targetCountAt]!;
    u32[targetCountAt] = targetCount + sourceCount;
    if (this.#type === boolean) u32[targetCountAt + 1]! += u32[sourceCountAt + 1]!;
    if (this.#type !== numeric) return;
    const from = this.#paneAt(source);
    const to = this.#paneAt(target);
    if (targetCount === 0) {
      f64.copyWithin(to, from, from + 4);
      return;
    }
    f64[to + 1] = m2AfterMerging(
      f64[to + 1]!,
      targetCount,
      f64[to]!,
      f64[from + 1]!,
      sourceCount,
      f64[from]!,
    );
    f64[to]! += f64[from]!;
    if (f64[from + 2]! < f64[to + 2]!) f64[to + 2] = f64[from + 2]!;
    if (f64[from + 3]! > f64[to + 3]!) f64[to + 3] = f64[from + 3]!;
  }

  clear(slot: number): void {
    this.close();
    const index = this.#find(slot);
    if (index < 0) return;
    const countAt = this.#countAt(index);
    this.#chunk.u32[countAt] = 0;
    if (this.#type === boolean) this.#chunk.u32[countAt + 1] = 0;
    if (this.#size !== wholeRing) this.#chunk.u8[this.#slotsAt() + index] = noSlot;
  }

  /** Changes to a type that can hold more. */
  promote(type: PaneType): void {
    if (type === this.#type) return;
    const { sum } = this.total;
    this.#rebuild(type, this.#size);
    this.#front[this.#frontAt + totalSum] = sum;
  }

  /** Sets the bit of every slot that is not empty. */
  markFilled(words: Uint32Array, at: number): void {
    for (let slot = 0; slot < slotCount; slot++) if (!this.isEmpty(slot)) setBit(words, at, slot);
  }

  /** Last reading and total, as they are: 32 bytes. */
  writeHeader(writer: ByteWriter): void {
    writer.f64s(this.#front, this.#frontAt, headerDoubles);
  }

  readHeader(reader: ByteReader): void {
    for (let i = 0; i < headerDoubles; i++) this.#front[this.#frontAt + i] = reader.f64();
  }

  writeSlot(writer: ByteWriter, slot: number, scratch: Pane): void {
    // The open pane stays open: its ring need not be touched at every checkpoint.
    if (slot === this.#openSlot) this.#readOpen(scratch);
    else this.read(slot, scratch);
    writePane(writer, this.#type, scratch);
  }

  readSlot(reader: ByteReader, slot: number, scratch: Pane): void {
    readPane(reader, this.#type, this.constantValue, scratch);
    this.write(slot, scratch);
  }

  release(): void {
    this.pool.release(frontClass, this.#frontBlock);
    this.pool.release(this.#class, this.#block);
  }

  get #class(): number {
    return channelClass(this.#type, this.#size);
  }

  /** Where the doubles of a numeric pane begin. */
  #paneAt(index: number): number {
    return this.#at + index * 4;
  }

  /** Where the count of a pane is, in words; a boolean pane's ones are next to it. */
  #countAt(index: number): number {
    const panesAt = this.#at * 2;
    if (this.#type === numeric) return panesAt + this.#capacity * 8 + index;
    return this.#type === boolean ? panesAt + index * 2 : panesAt + index;
  }

  /** Where the list of slots begins, in bytes. */
  #slotsAt(): number {
    return this.#at * 8 + this.#capacity * paneBytes[this.#type];
  }

  #freeSlots(): void {
    const at = this.#slotsAt();
    this.#chunk.u8.fill(noSlot, at, at + this.#capacity);
  }

  /** The place of the pane in `slot`, or -1. */
  #find(slot: number): number {
    return this.#size === wholeRing ? slot : this.#search(slot);
  }

  #search(slot: number): number {
    const { u8 } = this.#chunk;
    const at = this.#slotsAt();
    for (let i = 0; i < this.#capacity; i++) if (u8[at + i] === slot) return i;
    return -1;
  }

  /** The place of the pane in `slot`, made if there is none. */
  #claim(slot: number): number {
    if (this.#size === wholeRing) return slot;
    const found = this.#search(slot);
    if (found >= 0) return found;
    const free = this.#search(noSlot);
    if (free < 0) {
      this.#rebuild(this.#type, this.#size + 1);
      return this.#claim(slot);
    }
    this.#chunk.u8[this.#slotsAt() + free] = slot;
    return free;
  }

  /** Moves all panes into a new block. */
  #rebuild(type: PaneType, size: number): void {
    const slots: number[] = [];
    const panes: Pane[] = [];
    for (let slot = 0; slot < slotCount; slot++) {
      if (this.isEmpty(slot)) continue;
      const pane = emptyPane();
      this.read(slot, pane);
      slots.push(slot);
      panes.push(pane);
    }
    const block = this.pool.allocate(channelClass(type, size));
    this.pool.release(this.#class, this.#block);
    this.#type = type;
    this.#size = size;
    this.#capacity = blockCapacities[size]!;
    this.#block = block;
    this.#chunk = this.pool.chunk(this.#class, block);
    this.#at = this.pool.doubleAt(this.#class, block);
    if (size !== wholeRing) this.#freeSlots();
    slots.forEach((slot, i) => this.write(slot, panes[i]!));
  }
}
