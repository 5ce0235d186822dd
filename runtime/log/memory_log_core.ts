/** A log core in memory: pure, without a clock, for the simulator and for `MemoryLog`. */

import { MAILBOX } from "../core/checkpoint.ts";
import type { LogFrame } from "../core/log_frame.ts";
import { Fifo } from "../core/fifo.ts";
import { checkShard, type LogCore } from "./log_core.ts";
import type { AppendReceipt, LogExtent, NewFrame } from "./port.ts";

export class MemoryLogCore implements LogCore {
  readonly shards: number;
  readonly #frames: Fifo<LogFrame>[];
  readonly #begins: number[];
  #lastStampMs = 0;

  constructor(shards: number) {
    this.shards = shards;
    this.#frames = Array.from({ length: shards }, () => new Fifo<LogFrame>());
    this.#begins = new Array<number>(shards).fill(0);
  }

  appendNow(frames: readonly NewFrame[], nowMs: number): AppendReceipt[] {
    for (const { shard } of frames) checkShard(this, shard);
    const stampMs = this.#lastStampMs = Math.max(nowMs, this.#lastStampMs);
    return frames.map(({ shard, text }) => {
      const offset = this.extent(shard).end;
      this.#frames[shard]?.push({ topic: MAILBOX, shard, offset, stampMs, text });
      return { offset, stampMs };
    });
  }

  read(shard: number, from: number, maxBytes: number): LogFrame[] {
    const frames: LogFrame[] = [];
    let bytes = 0;
    for (let place = from - this.extent(shard).begin; bytes < maxBytes || frames.length === 0; place++) {
      const frame = this.#frames[shard]?.at(place);
      if (frame === undefined) break;
      frames.push(frame);
      bytes += frame.text.length;
    }
    return frames;
  }

  extent(shard: number): LogExtent {
    checkShard(this, shard);
    const begin = this.#begins[shard] ?? 0;
    return { begin, end: begin + (this.#frames[shard]?.length ?? 0) };
  }

  trim(shard: number, below: number): void {
    const { begin, end } = this.extent(shard);
    const first = Math.max(begin, Math.min(below, end));
    for (let offset = begin; offset < first; offset++) this.#frames[shard]?.shift();
    this.#begins[shard] = first;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
