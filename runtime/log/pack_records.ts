/** Makes few values of many records, so that they travel between threads at the cost of their bytes. */

import type { RecordFrame } from "../core/log_frame.ts";

export interface TopicRecord {
  readonly offset: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
}

/** What a frame of records says besides them. */
type Around = Pick<RecordFrame, "topic" | "shard" | "next" | "removed">;

const size = ({ key, value }: TopicRecord) => (key?.length ?? 0) + (value?.length ?? 0);

export function packRecords(around: Around, records: readonly TopicRecord[]): RecordFrame {
  const offsets = new Float64Array(records.length);
  const lengths = new Int32Array(2 * records.length);
  const bytes = new Uint8Array(records.reduce((sum, record) => sum + size(record), 0));
  let end = 0;
  const put = (part: Uint8Array | null): number => {
    if (part === null) return -1;
    bytes.set(part, end);
    end += part.length;
    return part.length;
  };
  records.forEach(({ offset, key, value }, at) => {
    offsets[at] = offset;
    lengths[2 * at] = put(key);
    lengths[2 * at + 1] = put(value);
  });
  return { ...around, offsets, lengths, bytes };
}

/** The same in frames of about `frameBytes`, none without a record if there is one. */
export function cutRecords(
  around: Around,
  records: readonly TopicRecord[],
  frameBytes: number,
): RecordFrame[] {
  const frames: RecordFrame[] = [];
  for (let from = 0; from === 0 || from < records.length;) {
    let to = from;
    for (let bytes = 0; to < records.length && bytes < frameBytes; to++) bytes += size(records[to]!);
    const isLast = to === records.length;
    const next = isLast ? around.next : records[to - 1]!.offset + 1;
    const removed = from === 0 ? around.removed : null;
    frames.push(packRecords({ ...around, next, removed }, records.slice(from, to)));
    from = to;
    if (isLast) break;
  }
  return frames;
}
