/** Opening the segments of a folder: what is there must be one log, whole. Nothing is changed before that is known. */

import { LogError } from "./port.ts";
import { LogFolder, type SegmentPath } from "./log_folder.ts";
import { Segment } from "./segment.ts";
import { corrupt, type LogIdentity, openingError } from "./segment_file.ts";

export interface OpenedLog {
  readonly folder: LogFolder;
  readonly log: LogIdentity;
  /** The bytes of an empty segment of this log. */
  readonly empty: Uint8Array;
  /** At least one, oldest first. */
  readonly segments: Segment[];
  readonly spare: Segment | null;
}

/**
 * Opens what is in the folder. `expected`: the identity of the log that must be there; null: any, and an empty folder
 * becomes a new log. Throws a `LogError`.
 */
export function openLogFolder(directory: string, shards: number, expected: string | null): OpenedLog {
  try {
    return openSegments(new LogFolder(directory), shards, expected);
  } catch (thrown) {
    throw openingError(directory, thrown);
  }
}

function openSegments(folder: LogFolder, shards: number, expected: string | null): OpenedLog {
  const paths = folder.list();
  const log = identify(paths, shards);
  if (expected !== null) checkExpected(folder.directory, paths, log, expected);
  const empty = folder.emptySegment(log);
  if (paths.length === 0) paths.push({ path: folder.createNow(1, empty), sequence: 1 });
  const opened: Segment[] = [];
  try {
    for (const { path, sequence } of paths) opened.push(Segment.open(path, sequence, log));
    const segments = [...opened];
    const spare = takeSpare(segments);
    if (paths.length === 1 && paths[0]?.sequence === 1) beginLog(segments[0], shards);
    checkContinuity(segments);
    return { folder, log, empty, segments, spare };
  } catch (thrown) {
    for (const segment of opened) segment.release();
    throw thrown;
  }
}

/** What is folded already must not be taken up with the offsets of another log. */
function checkExpected(
  directory: string,
  paths: readonly SegmentPath[],
  log: LogIdentity,
  expected: string,
): void {
  if (log.identity === expected) return;
  const found = paths.length === 0 ? "is empty" : "holds another log";
  throw corrupt(
    directory,
    `${found}, not the one that this data folder's store was filled from`,
    "put that log folder back or restore the whole data folder from a backup, or start with another data folder",
  );
}

function identify(paths: readonly SegmentPath[], shards: number): LogIdentity {
  const first = paths[0];
  if (first === undefined) return { identity: crypto.randomUUID(), shards };
  const log = Segment.identityOf(first.path);
  if (log.shards === shards) return log;
  throw new LogError(
    "corrupt",
    `The data folder has ${log.shards} shards (${first.path}), not ${shards}; ` +
      `start with --shards ${log.shards} or another --data.`,
  );
}

/**
 * The last segment is a spare while nothing is stored in it and there is one before it. It may hold base offsets, if
 * its taking into use failed half-way; they are written again.
 */
function takeSpare(segments: Segment[]): Segment | null {
  return segments.length > 1 && segments.at(-1)?.isEmpty ? segments.pop() ?? null : null;
}

function beginLog(first: Segment | undefined, shards: number): void {
  if (first?.hasBases === false) first.activate(new Array<number>(shards).fill(0), 0);
}

/** Each segment begins where the one before ends, in every shard. */
function checkContinuity(segments: readonly Segment[]): void {
  segments.forEach((segment, place) => {
    const before = segments[place - 1];
    if (!segment.hasBases) {
      throw corrupt(segment.path, "holds no base offsets", "restore it, or the one before it, from a backup");
    }
    before?.ends().forEach((end, shard) => {
      if (segment.base(shard) === end) return;
      throw corrupt(
        segment.path,
        `begins shard ${shard} at offset ${segment.base(shard)}`,
        `${end} would follow ${before.path}: restore the missing frames from a backup`,
      );
    });
  });
}
