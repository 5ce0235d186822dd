/**
 * History: rows of panes of one resolution for all channels of an actor.
 *
 * 1. decodeHistoryChunk(encodeHistoryChunk(x)) = x.
 * 2. A row's span is the merge of what is stored for it: the row put while the span was whole in the ring, and
 *    increments for what came later. No reading is in two of them.
 * 3. `historySeries` is exact when the ring's panes were asked for first, then a checkpoint was awaited, then the
 *    rows were read: what has left the ring by then is in the rows, and what is still in it counts from the ring.
 */

import { ByteReader, ByteWriter } from "../../runtime/core/bytes.ts";
import { FormatError, invariant } from "../../runtime/core/errors.ts";
import { type PaneType, paneTypes, readName, readPane, readPaneType } from "./pane_codec.ts";
import { writeName, writePane } from "./pane_codec.ts";
import { copyPane, emptyPane, mergePane, noPane, type Pane, summarize, type Summary } from "./pane.ts";
import type { HistoryResolution } from "./resolution.ts";

const formatVersion = 1;

export interface HistoryChannel {
  readonly name: string;
  readonly type: PaneType;
  /** The value of a channel of type `constant`, else 0. */
  readonly constant: number;
  /** `panesPerRow` of them; null where nothing was read. */
  readonly panes: readonly (Readonly<Pane> | null)[];
}

/** A channel of which a row is made. */
export interface HistorySource {
  readonly name: string;
  readonly type: PaneType;
  /** The value of a channel of type `constant`, else 0. */
  readonly constant: number;
  /** Copies pane `index` of the row into `pane`, an empty one where nothing was read. */
  readPane(index: number, pane: Pane): void;
}

/** Builds a row in `writer`, whose former content is lost; the answer is good until `writer` is used again. */
export function writeHistoryChunk(
  { panesPerRow }: HistoryResolution,
  sources: readonly HistorySource[],
  writer: ByteWriter,
): Uint8Array {
  const pane = emptyPane();
  let count = 0;
  writer.reset();
  writer.u8(formatVersion);
  const countAt = writer.length;
  writer.u16(0);
  for (const source of sources) {
    const startAt = writer.length;
    writeName(writer, source.name);
    writer.u8(source.type);
    if (source.type === paneTypes.constant) writer.f64(source.constant);
    const presentAt = writer.length;
    writer.u16(0);
    let present = 0;
    for (let i = 0; i < panesPerRow; i++) {
      source.readPane(i, pane);
      if (pane.count === 0) continue;
      present |= 1 << i;
      writePane(writer, source.type, pane);
    }
    if (present === 0) writer.truncate(startAt);
    else {
      writer.patchU16(presentAt, present);
      count++;
    }
  }
  writer.patchU16(countAt, count);
  return writer.view();
}

/** The row of `channels`, without those that have no pane. */
export function encodeHistoryChunk(
  resolution: HistoryResolution,
  channels: readonly HistoryChannel[],
  writer = new ByteWriter(),
): Uint8Array {
  const sources = channels.map(({ name, type, constant, panes }): HistorySource => ({
    name,
    type,
    constant,
    readPane: (index, pane) => copyPane(pane, panes[index] ?? noPane),
  }));
  return writeHistoryChunk(resolution, sources, writer).slice();
}

function readChannel(reader: ByteReader, { panesPerRow, minutes }: HistoryResolution): HistoryChannel {
  const name = readName(reader);
  const type = readPaneType(reader);
  const constant = type === paneTypes.constant ? reader.f64() : 0;
  const present = reader.u16();
  if (present >> panesPerRow !== 0) {
    throw new FormatError(
      `A history row of ${minutes}-minute panes has more than ${panesPerRow}: bits ${present.toString(2)}`,
    );
  }
  const panes = Array.from({ length: panesPerRow }, (_, i) => {
    if ((present & (1 << i)) === 0) return null;
    const pane = emptyPane();
    readPane(reader, type, constant, pane);
    return pane;
  });
  return { name, type, constant, panes };
}

export function decodeHistoryChunk(
  resolution: HistoryResolution,
  row: Uint8Array,
): readonly HistoryChannel[] {
  const reader = new ByteReader(row);
  const version = reader.u8();
  if (version !== formatVersion) {
    throw new FormatError(`A history row has version ${version}; this program reads ${formatVersion}`);
  }
  const channels = Array.from({ length: reader.u16() }, () => readChannel(reader, resolution));
  if (reader.remaining === 0) return channels;
  throw new FormatError(`A history row has ${reader.remaining} bytes too many`);
}

/** A row as the store gives it back; rows of one start are merged. */
export interface HistoryRow {
  readonly startMs: number;
  readonly row: Uint8Array;
}

/** Panes by their start. */
export type PanesByStart = Map<number, Pane>;

function mergeInto(panes: PanesByStart, startMs: number, pane: Readonly<Pane>): void {
  const known = panes.get(startMs);
  if (known === undefined) panes.set(startMs, { ...pane });
  else mergePane(known, pane);
}

/** All panes of all rows, by channel. */
export function mergeHistory(
  resolution: HistoryResolution,
  rows: readonly HistoryRow[],
): Map<string, PanesByStart> {
  const channels = new Map<string, PanesByStart>();
  for (const { startMs, row } of rows) {
    for (const { name, panes } of decodeHistoryChunk(resolution, row)) {
      let merged = channels.get(name);
      if (merged === undefined) channels.set(name, merged = new Map());
      for (const [i, pane] of panes.entries()) {
        if (pane !== null) mergeInto(merged, startMs + i * resolution.stepMs, pane);
      }
    }
  }
  return channels;
}

/** [start in epoch milliseconds, count, sum, m2, min, max]. */
export type RingPane = readonly [number, number, number, number, number, number];

/** An actor's ring in panes of one resolution: the answer of its queries `panes` and `minutePanes`. */
export interface RingPanes {
  readonly stepMs: number;
  /** From here on the ring knows everything; null while it is empty. */
  readonly fromMs: number | null;
  readonly channels: Readonly<Record<string, readonly RingPane[]>>;
}

export interface HistoryRange {
  readonly channel: string;
  /** The first bucket is the one that contains this time. */
  readonly fromMs: number;
  /** Buckets begin before this time. */
  readonly toMs: number;
  /** Length of a bucket: a multiple of the resolution's step. Buckets begin at multiples of it since the epoch. */
  readonly stepMs: number;
}

export interface HistoryPoint extends Summary {
  readonly start: number;
  readonly sum: number;
}

/**
 * The buckets of a range that hold any reading, oldest first.
 *
 * @param rows stored rows of the resolution that overlap the range, whole buckets included
 * @param ring panes of the ring in that resolution, which replace stored ones from `ring.fromMs` on; null without an actor
 */
export function historySeries(
  resolution: HistoryResolution,
  rows: readonly HistoryRow[],
  ring: RingPanes | null,
  { channel, fromMs, toMs, stepMs }: HistoryRange,
): HistoryPoint[] {
  invariant(
    stepMs > 0 && stepMs % resolution.stepMs === 0,
    `A history step is a multiple of ${resolution.stepMs} ms, unlike ${stepMs}`,
  );
  invariant(
    ring === null || ring.stepMs === resolution.stepMs,
    `Rows of ${resolution.stepMs} ms panes go with a ring of such panes, unlike ${ring?.stepMs} ms`,
  );
  const firstMs = Math.floor(fromMs / stepMs) * stepMs;
  const endMs = Math.ceil(toMs / stepMs) * stepMs;
  const ringFromMs = ring?.fromMs ?? Infinity;
  const buckets: PanesByStart = new Map();
  const add = (startMs: number, pane: Readonly<Pane>) => {
    if (startMs >= firstMs && startMs < endMs) {
      mergeInto(buckets, Math.floor(startMs / stepMs) * stepMs, pane);
    }
  };
  const stored: PanesByStart = mergeHistory(resolution, rows).get(channel) ?? new Map();
  for (const [startMs, pane] of [...stored].sort(([a], [b]) => a - b)) {
    if (startMs < ringFromMs) add(startMs, pane);
  }
  const ringPanes = ring !== null && Object.hasOwn(ring.channels, channel) ? ring.channels[channel]! : [];
  for (const [startMs, count, sum, m2, min, max] of ringPanes) add(startMs, { count, sum, m2, min, max });
  return [...buckets].sort(([a], [b]) => a - b)
    .map(([start, pane]) => ({ start, sum: pane.sum, ...summarize(pane) }));
}
