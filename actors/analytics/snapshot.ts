/**
 * The two rows of a state with windows.
 *
 *     hot   head, times, counters, lists, sequence window, channel table, dirty panes with absolute values, recoveries
 *     cold  head, and every pane that is not empty, by channel
 *
 * 1. decode(hot, cold) is the state at the hot row's checkpoint, to the last bit: the cold row is moved on to the
 *    hot row's head as the live ring was, then dirty panes overwrite what they find.
 * 2. A hot row of version 1 (no sequence numbers) is read as one whose sender never used any; one of version 2, or
 *    without recoveries at its end, as one that had none.
 *
 * 3. What is no state is refused with a `FormatError`: a number out of its range, too, and bytes that are left over. Such
 *    a head would have the ring turned round and round.
 *
 * A cold row outlives many hot rows, and the program that wrote it: it carries a version of its own.
 */

import { ByteReader, type ByteWriter } from "../../runtime/core/bytes.ts";
import { errorMessage, FormatError } from "../../runtime/core/errors.ts";
import type { HistorySink } from "../../runtime/core/state.ts";
import { type Channel, headerDoubles } from "./channel.ts";
import { type PaneType, paneTypes, readName, readPaneType, writeName } from "./pane_codec.ts";
import { emptyPane } from "./pane.ts";
import { slotCount } from "./ring.ts";
import { minuteMs } from "./limits.ts";
import { noSequence, sequenceWords } from "./sequence.ts";
import { type ListedReading, noHead, type WindowState } from "./window_state.ts";

/** Version of the hot row. */
export const stateVersion = 3;

const coldVersion = 1;

/** The last time that a `Date` can hold, and its minute. */
const maxTimeMs = 8.64e15;
const maxMinute = maxTimeMs / minuteMs;
const headerBytes = headerDoubles * 8;
const maskBytes = Math.ceil(slotCount / 8);

/** A list as text; nothing at all for the empty one, which almost all are. */
function writeList(writer: ByteWriter, list: readonly ListedReading[]): void {
  writer.u8(list.length);
  if (list.length > 0) writer.text(JSON.stringify(list));
}

function readList(reader: ByteReader): readonly ListedReading[] {
  const count = reader.u8();
  if (count === 0) return [];
  let list: unknown;
  try {
    list = JSON.parse(reader.text());
  } catch (thrown) {
    throw new FormatError(`A list of readings is not JSON: ${errorMessage(thrown)}`);
  }
  if (Array.isArray(list) && list.length === count && list.every(isListed)) return list;
  throw new FormatError(`A list is not one of ${count} readings`);
}

/** Numbers that JSON can give back: what reads as infinite is written as null. */
function isListed(item: unknown): item is ListedReading {
  return typeof item === "object" && item !== null && "ts" in item && Number.isFinite(item.ts) &&
    (!("seq" in item) || Number.isFinite(item.seq)) &&
    "values" in item && typeof item.values === "object" && item.values !== null &&
    Object.values(item.values).every((value) => typeof value === "boolean" || Number.isFinite(value));
}

/** A double that is a whole number from 0 to `max`, or the one that stands for none. */
function readWhole(reader: ByteReader, what: string, max: number, none?: number): number {
  const value = reader.f64();
  if (value === none || (Number.isInteger(value) && value >= 0 && value <= max)) return value;
  throw new FormatError(`${what} is ${value}: a whole number from 0 to ${max} is right`);
}

function readCount(reader: ByteReader, what: string): number {
  return readWhole(reader, what, Number.MAX_SAFE_INTEGER);
}

function readHead(reader: ByteReader): number {
  return readWhole(reader, "The minute of a ring's head", maxMinute, noHead);
}

function checkEnd(reader: ByteReader, what: string): void {
  if (reader.remaining > 0) throw new FormatError(`${what} has ${reader.remaining} bytes too many`);
}

function writeSequences(writer: ByteWriter, state: WindowState): void {
  writer.f64(state.highestSequence);
  if (state.highestSequence !== noSequence) { for (const word of state.sequenceWords) writer.u32(word); }
  writer.f64(state.tooOldCount);
  writeList(writer, state.tooOld);
}

function readSequences(reader: ByteReader, state: WindowState): void {
  state.highestSequence = readWhole(reader, "A sequence number", Number.MAX_SAFE_INTEGER, noSequence);
  if (state.highestSequence !== noSequence) {
    const words = state.sequenceWords;
    for (let i = 0; i < sequenceWords; i++) words[i] = reader.u32();
  }
  state.tooOldCount = readCount(reader, "A count of old numbers");
  state.tooOld = readList(reader);
}

function writeDirtyPanes(writer: ByteWriter, state: WindowState): void {
  const scratch = emptyPane();
  writer.u8(state.dirtyCount);
  for (let slot = state.nextDirty(0); slot >= 0; slot = state.nextDirty(slot + 1)) {
    writer.u8(slot);
    for (const channel of state.channels) channel.writeSlot(writer, slot, scratch);
  }
}

function readDirtyPanes(reader: ByteReader, state: WindowState): void {
  const scratch = emptyPane();
  for (let left = reader.u8(); left > 0; left--) {
    const slot = reader.u8();
    if (slot >= slotCount) throw new FormatError(`There is no pane ${slot} in a ring of ${slotCount}`);
    state.setDirty(slot);
    for (const channel of state.channels) channel.readSlot(reader, slot, scratch);
  }
}

/** Nothing at all for none, which almost all actors have. */
function writeRecoveries(writer: ByteWriter, state: WindowState): void {
  if (state.recoveredCount === 0) return;
  writer.f64(state.recoveredCount);
  writer.f64(state.recoveredMs);
}

function readRecoveries(reader: ByteReader, state: WindowState): void {
  state.recoveredCount = readCount(reader, "A count of recoveries");
  state.recoveredMs = readWhole(reader, "The time of a recovery", maxTimeMs);
}

/** Writes the hot row and hands over the history that waits. */
export function encodeHot(state: WindowState, writer: ByteWriter, history: HistorySink): void {
  writer.f64(state.head);
  writer.f64(state.newestMs);
  writer.f64(state.oldestMs);
  writer.f64(state.coldAtMs);
  writer.f64(state.duplicates);
  writer.f64(state.lateCount);
  writeList(writer, state.late);
  writeSequences(writer, state);
  writer.u16(state.channels.length);
  for (const channel of state.channels) {
    writeName(writer, channel.name);
    writer.u8(channel.type);
    channel.writeHeader(writer);
  }
  writeDirtyPanes(writer, state);
  writeRecoveries(writer, state);
  state.handOverHistory(history);
}

/** Writes the cold row, puts the open rows of the history that changed, and makes all panes clean. */
export function encodeCold(
  state: WindowState,
  writer: ByteWriter,
  history: HistorySink,
  nowMs: number,
): void {
  const scratch = emptyPane();
  state.putOpenRows(history);
  writer.u8(coldVersion);
  writer.f64(state.head);
  writer.u16(state.channels.length);
  for (const channel of state.channels) {
    writer.u8(channel.type);
    if (channel.type === paneTypes.constant) writer.f64(channel.constantValue);
    const mask = new Uint8Array(maskBytes);
    for (let slot = 0; slot < slotCount; slot++) {
      if (!channel.isEmpty(slot)) mask[slot >> 3]! |= 1 << (slot & 7);
    }
    writer.raw(mask);
    for (let slot = 0; slot < slotCount; slot++) {
      if (!channel.isEmpty(slot)) channel.writeSlot(writer, slot, scratch);
    }
  }
  state.clearAllDirty();
  state.coldAtMs = nowMs;
}

interface TableEntry {
  readonly name: string;
  readonly type: PaneType;
  /** Last reading and total; a constant's value too. */
  readonly header: Uint8Array;
}

/** Reads the cold row into channels that carry the names of the hot row's table. */
function readCold(reader: ByteReader, state: WindowState, table: readonly TableEntry[]): void {
  const version = reader.u8();
  if (version !== coldVersion) {
    throw new FormatError(`A ring row has version ${version}; this program reads ${coldVersion}`);
  }
  state.head = readHead(reader);
  const count = reader.u16();
  if (count > table.length) {
    throw new FormatError(`A ring row has ${count} channels; its state knows ${table.length}`);
  }
  const scratch = emptyPane();
  for (const { name } of table.slice(0, count)) {
    const type = readPaneType(reader);
    const constant = type === paneTypes.constant ? reader.f64() : 0;
    const channel = state.createChannel(name, type, constant);
    const mask = reader.raw(maskBytes);
    for (let slot = 0; slot < slotCount; slot++) {
      if ((mask[slot >> 3]! & (1 << (slot & 7))) !== 0) channel.readSlot(reader, slot, scratch);
    }
  }
  checkEnd(reader, "A ring row");
}

/** Gives the channel of a cold row the type it has by now. */
function promoteTo(channel: Channel, { name, type }: TableEntry): void {
  if (channel.type !== type && type !== paneTypes.numeric) {
    throw new FormatError(`Channel ${name} cannot have turned from type ${channel.type} into ${type}`);
  }
  channel.promote(type);
}

function decodeInto(
  state: WindowState,
  version: number,
  hot: ByteReader,
  cold: ByteReader | null,
): void {
  const head = readHead(hot);
  state.setTimes(readWhole(hot, "A time", maxTimeMs), readWhole(hot, "A time", maxTimeMs));
  state.coldAtMs = hot.f64();
  state.duplicates = readCount(hot, "A count of repeats");
  state.lateCount = readCount(hot, "A count of late readings");
  state.late = readList(hot);
  if (version >= 2) readSequences(hot, state);
  const table = Array.from({ length: hot.u16() }, (): TableEntry => ({
    name: readName(hot),
    type: readPaneType(hot),
    header: hot.raw(headerBytes),
  }));
  if (cold !== null) readCold(cold, state, table);
  if (head < state.head) {
    throw new FormatError(`The ring row's head ${state.head} is after the state's ${head}`);
  }
  if (head !== noHead) state.advance(head);
  for (const [i, entry] of table.entries()) {
    const restored = state.channels[i];
    if (restored === undefined) state.createChannel(entry.name, entry.type, 0);
    else promoteTo(restored, entry);
    state.channels[i]!.readHeader(new ByteReader(entry.header));
  }
  readDirtyPanes(hot, state);
  if (version >= 3 && hot.remaining > 0) readRecoveries(hot, state);
  checkEnd(hot, "A state's row");
}

/** Reads a state back into a new one, `state`. Throws a `FormatError` on bytes that are none; it is released then. */
export function decodeState<S extends WindowState>(
  state: S,
  version: number,
  hot: ByteReader,
  cold: ByteReader | null,
): S {
  try {
    if (version > stateVersion) {
      throw new FormatError(
        `The state of ${state.id} has version ${version}; this program knows up to ${stateVersion}`,
      );
    }
    decodeInto(state, version, hot, cold);
    return state;
  } catch (thrown) {
    state.release();
    throw thrown;
  }
}
