/**
 * Frames: one log record, many messages for one shard.
 *
 *     [[codec, origin, types, contexts?], t, ids, bodies, t, ids, bodies, ...]
 *
 * One flat JSON array of *runs*, three places each: successive messages of one type. `t` is an index into `types`, the
 * frame's own table of [kind, message version]; `ids` are the targets' ids in one text, joined by DEL, which no id
 * may contain; `bodies` are their messages. Or a marker, which is a run of one entry:
 *
 *     -1, hash, count      the next `count` entries are one part of a body with an idempotency key
 *     -2, id, kind         the sender of all following entries
 *     -3, letter, replays  the next entry is a dead letter's message, sent again for this many times by now
 *     -4, reason, [detail, beginning]   a record of a foreign topic that is no message, and how it begins
 *
 * `contexts` stands in the header of a frame that traced requests wrote to, and in no other; the entries and their places
 * are the same with and without.
 *
 * The ids of a run are never made into strings: `JSON.parse` spends 90 to 120 ns on `t, "id", 1`, most of it on one
 * short string (V8 looks it up in its table of unique ones), and 10 ns on the same entry of a run; finding where its
 * id ends and hashing it takes 11 more (Deno 2.9, 2 cores).
 *
 * 1. decodeFrame(encodeFrame(x)) = x.
 * 2. parseFrame and decodeFrame throw a `FormatError` on any other text.
 */

import { errorMessage, FormatError, invariant } from "./errors.ts";
import { idSeparator, scanIds } from "./id_hash.ts";

const codecVersion = 2;
export const entryStride = 3;

export const partMarker = -1;
export const senderMarker = -2;
export const replayMarker = -3;
export const refusedMarker = -4;

/** A dead letter's message was sent again. */
export interface Replay {
  readonly letter: string;
  /** How often by now. */
  readonly replays: number;
}

/** Who made a frame, with the number that receivers drop repeats by. */
export type Origin =
  /** `start` names one start of one gateway; `n` ascends per (start, shard), gaps allowed. */
  | { readonly type: "gateway"; readonly start: string; readonly n: number }
  /** `n` is dense per (source, target). */
  | { readonly type: "shard"; readonly shard: number; readonly n: number }
  /** Moves the clock, carries nothing. `epoch`: of the owner that asks what time it is. */
  | { readonly type: "tick"; readonly epoch: number }
  /**
   * Records of one partition of a foreign topic: entry i is of the record at `offsets[i]`. They never descend; a
   * record's share of a shard is whole in one frame.
   */
  | {
    readonly type: "source";
    readonly topic: string;
    readonly partition: number;
    readonly offsets: readonly number[];
  };

export type SourceOrigin = Extract<Origin, { type: "source" }>;

/** [kind, message version], as the frame's maker knew them. */
export type WireType = readonly [kind: string, version: number];

export interface Frame {
  readonly origin: Origin;
  readonly types: readonly WireType[];
  /** Flat entries: `t, id, body` each. */
  readonly entries: readonly unknown[];
  /** As in `ParsedFrame`, but absent when there are none. */
  readonly contexts?: readonly string[];
}

/** Of a source the last are the first offset, and each entry's distance from the one before. */
type WireOrigin =
  | ["g", string, number]
  | ["s", number, number]
  | ["t", number]
  | ["f", string, number, number, readonly number[]];

function wireOrigin(origin: Origin): WireOrigin {
  switch (origin.type) {
    case "gateway":
      return ["g", origin.start, origin.n];
    case "shard":
      return ["s", origin.shard, origin.n];
    case "tick":
      return ["t", origin.epoch];
    case "source": {
      const { topic, partition, offsets } = origin;
      const first = offsets[0] ?? 0;
      return ["f", topic, partition, first, offsets.map((offset, at) => offset - (offsets[at - 1] ?? first))];
    }
  }
}

/** What no id contains: an id with it would make a frame that nobody can read. */
function checkSeparable(id: string): void {
  invariant(!id.includes(idSeparator), "No id contains a control character");
}

/** Flat entries as they stand inside a frame's text: pieces can be joined by commas without parsing them again. */
export function encodeEntries(entries: readonly unknown[]): string {
  const runs: string[] = [];
  for (let at = 0; at < entries.length;) {
    const type = entries[at] as number;
    if (type < 0) {
      runs.push(`${type},${JSON.stringify(entries[at + 1])},${JSON.stringify(entries[at + 2])}`);
      at += entryStride;
      continue;
    }
    let ids = "";
    const bodies: unknown[] = [];
    const first = at;
    for (; entries[at] === type; at += entryStride) {
      const id = entries[at + 1] as string;
      checkSeparable(id);
      ids += at === first ? id : idSeparator + id;
      bodies.push(entries[at + 2]);
    }
    runs.push(`${type},${JSON.stringify(ids)},${JSON.stringify(bodies)}`);
  }
  return runs.join(",");
}

/** The text of a frame from pieces made by `encodeEntries` (no empty ones). */
export function joinFrame(
  origin: Origin,
  types: readonly WireType[],
  pieces: readonly string[],
  contexts: readonly string[] | null = null,
): string {
  const traced = contexts === null ? [] : [contexts];
  const header = JSON.stringify([codecVersion, wireOrigin(origin), types, ...traced]);
  return pieces.length === 0 ? `[${header}]` : `[${header},${pieces.join(",")}]`;
}

export function encodeFrame(frame: Frame): string {
  const pieces = frame.entries.length === 0 ? [] : [encodeEntries(frame.entries)];
  return joinFrame(frame.origin, frame.types, pieces, frame.contexts);
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function parseOrigin(value: unknown): Origin {
  if (Array.isArray(value)) {
    const [tag, who, n, first, distances] = value;
    if (tag === "g" && typeof who === "string" && isCount(n)) return { type: "gateway", start: who, n };
    if (tag === "s" && isCount(who) && isCount(n)) return { type: "shard", shard: who, n };
    // A tick of before there were epochs in them is nobody's: no claim waits for it.
    if (tag === "t" && who === undefined) return { type: "tick", epoch: 0 };
    if (tag === "t" && isCount(who)) return { type: "tick", epoch: who };
    if (tag === "f" && typeof who === "string" && isCount(n) && isCount(first) && Array.isArray(distances)) {
      return { type: "source", topic: who, partition: n, offsets: parseOffsets(first, distances) };
    }
  }
  throw new FormatError("A frame's origin is none of gateway, shard, tick, source");
}

function parseOffsets(first: number, distances: readonly unknown[]): readonly number[] {
  let offset = first;
  return distances.map((distance) => {
    if (!isCount(distance)) throw new FormatError("The offsets of a frame's records descend");
    return offset += distance;
  });
}

function parseTypes(value: unknown): readonly WireType[] {
  const isType = (type: unknown): type is WireType =>
    Array.isArray(type) && typeof type[0] === "string" && isCount(type[1]);
  if (Array.isArray(value) && value.every(isType)) return value;
  throw new FormatError("A frame's types are not a list of [kind, version]");
}

function parseContexts(value: unknown): readonly string[] | null {
  if (value === undefined) return null;
  const isContext = (context: unknown): context is string => typeof context === "string";
  if (Array.isArray(value) && value.length > 0 && value.every(isContext)) return value;
  throw new FormatError("A frame's trace contexts are not a list of texts");
}

/** Successive entries of one type, or a marker. All have one shape, so that the fold's loop stays fast. */
export class Run {
  constructor(
    /** Index into the frame's types; below 0 a marker. */
    readonly type: number,
    /** The ids, joined; of a marker its text. */
    readonly text: string,
    /** The messages; of a marker its value alone. */
    readonly bodies: readonly unknown[],
    /** Entries of the frame before it. */
    readonly first: number,
  ) {}

  get count(): number {
    return this.bodies.length;
  }

  /** Index of the entry after its last. */
  get end(): number {
    return this.first + this.bodies.length;
  }
}

/** A frame with its ids found, but not taken out of their texts. */
export interface ParsedFrame {
  readonly origin: Origin;
  readonly types: readonly WireType[];
  readonly runs: readonly Run[];
  /** Entries, markers included. */
  readonly count: number;
  /** By entry, where its id ends in its run's text. */
  readonly ends: Int32Array;
  /** By entry, `hashId` of its id. */
  readonly hashes: Int32Array;
  /** Of the traced requests that wrote to it, each as a `traceparent` (https://www.w3.org/TR/trace-context/); or null. */
  readonly contexts: readonly string[] | null;
}

/** The id of entry `at` of `run`. */
export function idOf({ ends }: ParsedFrame, run: Run, at: number): string {
  return run.text.slice(idStart(ends, run, at), ends[at]);
}

/** Where the id of entry `at` begins in the text of `run`. */
export function idStart(ends: Int32Array, run: Run, at: number): number {
  return at === run.first ? 0 : ends[at - 1]! + 1;
}

function parseRun(value: readonly unknown[], at: number, typeCount: number, first: number): Run {
  const [type, text, body] = [value[at], value[at + 1], value[at + 2]];
  if (typeof type !== "number" || type >= typeCount || type < refusedMarker || !Number.isInteger(type)) {
    throw new FormatError(`Entry ${first} of a frame has the unknown type ${String(type)}`);
  }
  if (typeof text !== "string") throw new FormatError(`Entry ${first} of a frame has no id`);
  if (type < 0) {
    if (isMarkerBody(type, body)) return new Run(type, text, [body], first);
    throw new FormatError(`Marker ${type} at entry ${first} of a frame is malformed`);
  }
  if (Array.isArray(body) && body.length > 0) return new Run(type, text, body, first);
  throw new FormatError(`Entry ${first} of a frame has no messages`);
}

function isMarkerBody(marker: number, body: unknown): boolean {
  switch (marker) {
    case senderMarker:
      return typeof body === "string";
    case refusedMarker:
      return Array.isArray(body) && body.length === 2 && body.every((text) => typeof text === "string");
    default:
      return isCount(body);
  }
}

/** Each entry of a source's frame is of a record, and nobody else refuses records. */
function checkRecords(origin: Origin, runs: readonly Run[], count: number): void {
  if (origin.type === "source") {
    if (origin.offsets.length === count) return;
    throw new FormatError(`A frame has ${count} entries of ${origin.offsets.length} records`);
  }
  if (runs.some(({ type }) => type === refusedMarker)) {
    throw new FormatError("A frame refuses a record, and is of no foreign topic");
  }
}

/** The runs that stand in `value` from its second place on. */
function parseRuns(value: readonly unknown[], typeCount: number): { runs: Run[]; count: number } {
  if (value.length % entryStride !== 1) throw new FormatError("A frame's last entry is cut short");
  const runs: Run[] = [];
  let count = 0;
  for (let at = 1; at < value.length; at += entryStride) {
    const run = parseRun(value, at, typeCount, count);
    runs.push(run);
    count = run.end;
  }
  return { runs, count };
}

export function parseFrame(text: string): ParsedFrame {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (thrown) {
    throw new FormatError(`A frame is not JSON: ${errorMessage(thrown)}`);
  }
  if (!Array.isArray(value) || !Array.isArray(value[0])) {
    throw new FormatError("A frame is not [header, runs...]");
  }
  const [codec, wireOrigin, wireTypes, wireContexts] = value[0];
  if (codec !== codecVersion) {
    throw new FormatError(`A frame has codec version ${String(codec)}; this program reads ${codecVersion}`);
  }
  const origin = parseOrigin(wireOrigin);
  const types = parseTypes(wireTypes);
  const contexts = parseContexts(wireContexts);
  const { runs, count } = parseRuns(value, types.length);
  checkRecords(origin, runs, count);
  const ends = new Int32Array(count);
  const hashes = new Int32Array(count);
  for (const run of runs) {
    if (run.type < 0) continue;
    const found = scanIds(run.text, ends, hashes, run.first, run.end);
    if (found !== run.count) {
      throw new FormatError(`From entry ${run.first} on a frame has ${run.count} messages and other ids`);
    }
  }
  return { origin, types, runs, count, ends, hashes, contexts };
}

/** The same with flat entries, for whoever need not be fast. */
export function decodeFrame(text: string): Frame {
  const frame = parseFrame(text);
  const { origin, types, runs, contexts } = frame;
  const entries: unknown[] = [];
  for (const run of runs) {
    run.bodies.forEach((body, index) => {
      entries.push(run.type, run.type < 0 ? run.text : idOf(frame, run, run.first + index), body);
    });
  }
  return { origin, types, entries, ...(contexts !== null && { contexts }) };
}
