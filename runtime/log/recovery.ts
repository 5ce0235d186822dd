/** Opening the segments of a folder: what is there must be one log, whole. Nothing is changed before that is known. */

import { LogError } from "./port.ts";
import type { LogFolder, SegmentPath } from "./log_folder.ts";
import { Segment } from "./segment.ts";
import { corrupt, type LogIdentity } from "./segment_file.ts";

export interface OpenedLog {
  readonly log: LogIdentity;
  /** The bytes of an empty segment of this log. */
  readonly empty: Uint8Array;
  /** At least one, oldest first. */
  readonly segments: Segment[];
  readonly spare: Segment | null;
}

/** Opens what is in the folder; an empty one becomes a new log. Throws a `LogError`. */
export function openSegments(folder: LogFolder, shards: number): OpenedLog {
  const paths = folder.list();
  const log = identify(paths, shards);
  const empty = folder.emptySegment(log);
  if (paths.length === 0) paths.push({ path: folder.createNow(1, empty), sequence: 1 });
  const opened: Segment[] = [];
  try {
    for (const { path, sequence } of paths) opened.push(Segment.open(path, sequence, log));
    const segments = [...opened];
    const spare = takeSpare(segments);
    if (paths.length === 1 && paths[0]?.sequence === 1) beginLog(segments[0], shards);
    checkContinuity(segments);
    return { log, empty, segments, spare };
  } catch (thrown) {
    for (const segment of opened) segment.release();
    throw thrown;
  }
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
