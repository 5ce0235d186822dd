/**
 * What is in a log's folder, whole or broken.
 *
 * 1. Nothing is thrown: what cannot be read is told as a sentence, and the rest is read nevertheless.
 * 2. Every frame is read and compared with its checksum.
 */

import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { errorMessage } from "../core/errors.ts";
import { segmentName } from "./log_folder.ts";
import type { LogExtent } from "./port.ts";
import { checksum } from "./segment.ts";
import { checkHeader, type LogIdentity } from "./segment_file.ts";

/** Opens a file for `look`, and closes it. */
export type LookInto = <T>(path: string, look: (db: DatabaseSync) => T) => T;

export interface SegmentSurvey {
  readonly name: string;
  readonly bytes: number;
  /** Null where it cannot be read. */
  readonly contents: SegmentContents | null;
}

export interface SegmentContents {
  readonly log: LogIdentity;
  readonly frames: number;
  /** Of every shard; none in a spare that was never taken into use. */
  readonly extents: readonly LogExtent[];
  /** Of the first and the last frame, epoch milliseconds; null without frames. */
  readonly fromMs: number | null;
  readonly toMs: number | null;
}

export interface LogSurvey {
  readonly segments: readonly SegmentSurvey[];
  readonly log: LogIdentity | null;
  /** Of every shard, from the first segment to the last that is readable without a gap before it. */
  readonly extents: readonly LogExtent[];
  readonly troubles: readonly string[];
}

export function surveyLog(directory: string, lookInto: LookInto): LogSurvey {
  const troubles: string[] = [];
  const names = namesIn(directory, troubles);
  const segments = names.map((name) => surveySegment(directory, name, lookInto, troubles));
  const log = segments.find(({ contents }) => contents !== null)?.contents?.log ?? null;
  return { segments, log, extents: joined(segments, troubles), troubles };
}

function namesIn(directory: string, troubles: string[]): string[] {
  try {
    const names = readdirSync(directory).filter((name) => segmentName.test(name)).sort();
    if (names.length === 0) troubles.push("The log has no segment.");
    return names;
  } catch (thrown) {
    troubles.push(`The log's folder: ${errorMessage(thrown)}`);
    return [];
  }
}

function surveySegment(
  directory: string,
  name: string,
  lookInto: LookInto,
  troubles: string[],
): SegmentSurvey {
  const path = join(directory, name);
  const { size: bytes } = statSync(path);
  try {
    checkHeader(path);
    return { name, bytes, contents: lookInto(path, (db) => contentsOf(db, name, troubles)) };
  } catch (thrown) {
    troubles.push(`Segment ${name}: ${errorMessage(thrown)}`);
    return { name, bytes, contents: null };
  }
}

function contentsOf(db: DatabaseSync, name: string, troubles: string[]): SegmentContents {
  const row = db.prepare("SELECT identity, shards FROM log").get();
  const log = { identity: String(row?.identity), shards: Number(row?.shards) };
  const bases = db.prepare("SELECT offset FROM base ORDER BY shard").all().map(({ offset }) =>
    Number(offset)
  );
  const ends = [...bases];
  let [frames, damaged] = [0, 0];
  let [fromMs, toMs]: (number | null)[] = [null, null];
  try {
    const rows = db.prepare("SELECT shard, offset, stamp_ms, crc, text FROM frame ORDER BY n");
    for (const row of rows.iterate()) {
      const [shard, offset, stampMs] = [Number(row.shard), Number(row.offset), Number(row.stamp_ms)];
      const text = row.text instanceof Uint8Array ? row.text : new Uint8Array();
      if (row.crc !== checksum({ shard, offset, stampMs }, text) || offset !== ends[shard]) damaged++;
      ends[shard] = offset + 1;
      frames++;
      fromMs ??= stampMs;
      toMs = stampMs;
    }
  } catch (thrown) {
    troubles.push(`Segment ${name}: after ${frames} frames: ${errorMessage(thrown)}`);
  }
  if (damaged > 0) troubles.push(`Segment ${name}: ${damaged} of its ${frames} frames are damaged.`);
  const extents = bases.map((begin, shard) => ({ begin, end: ends[shard] ?? begin }));
  return { log, frames, extents, fromMs: fromMs ?? null, toMs: toMs ?? null };
}

/** The log as far as it goes without a gap. */
function joined(segments: readonly SegmentSurvey[], troubles: string[]): LogExtent[] {
  let whole: LogExtent[] = [];
  let last: SegmentSurvey | null = null;
  for (const segment of segments) {
    const { name, contents } = segment;
    if (last !== null && Number.parseInt(name) !== Number.parseInt(last.name) + 1) {
      troubles.push(`Segment ${name}: the one before it is missing.`);
    }
    last = segment;
    if (contents === null) continue;
    // Empty at the end, it is a spare: its offsets are written when it is taken into use.
    if (contents.frames === 0 && segment === segments.at(-1) && whole.length > 0) continue;
    if (whole.length > 0 && contents.extents.some(({ begin }, shard) => begin !== whole[shard]?.end)) {
      troubles.push(`Segment ${name}: its frames do not follow those before it.`);
      continue;
    }
    whole = contents.extents.map(({ begin, end }, shard) => ({ begin: whole[shard]?.begin ?? begin, end }));
  }
  return whole;
}
