/**
 * The synchronous heart of a log in this process: what is stored, without queues, clients or timers.
 * `LocalLog` makes a `MailboxLog` of it; the simulator drives it directly.
 */

import type { LogFrame } from "../core/log_frame.ts";
import { type AppendReceipt, LogError, type LogExtent, type NewFrame } from "./port.ts";

export interface LogCore {
  readonly shards: number;
  /** Stores all frames or none, stamped with `nowMs` or the last stamp, whichever is later. */
  appendNow(frames: readonly NewFrame[], nowMs: number): AppendReceipt[];
  /**
   * Frames from offset `from` on, in order, until their text reaches `maxBytes`: at most one frame more than that.
   * At least one when there is one.
   */
  read(shard: number, from: number, maxBytes: number): LogFrame[];
  extent(shard: number): LogExtent;
  trim(shard: number, below: number): void;
  close(): Promise<void>;
}

export function checkShard(core: LogCore, shard: number): void {
  if (Number.isInteger(shard) && shard >= 0 && shard < core.shards) return;
  throw new LogError(
    "out_of_range",
    `The log has no shard ${shard}; its shards are 0 to ${core.shards - 1}.`,
  );
}

export function checkOffset(core: LogCore, shard: number, from: number): void {
  const { begin, end } = core.extent(shard);
  if (Number.isInteger(from) && from >= begin && from <= end) return;
  throw new LogError(
    "out_of_range",
    `Cannot read shard ${shard} from offset ${from}: the log begins at ${begin} and ends before ${end}; ` +
      `a reader may begin at ${begin} to ${end}.`,
  );
}
