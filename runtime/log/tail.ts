/**
 * The newest frames of all shards, in memory, bounded by bytes of text.
 *
 * 1. What is held of a shard is dense and ends at the shard's last pushed frame.
 * 2. The oldest frame over all shards goes first.
 */

import type { LogFrame } from "../core/log_frame.ts";
import { Fifo } from "../core/fifo.ts";

export class Tail {
  readonly #maxBytes: number;
  readonly #shards: Fifo<LogFrame>[];
  readonly #order = new Fifo<LogFrame>();
  #bytes = 0;

  constructor(shards: number, maxBytes: number) {
    this.#maxBytes = maxBytes;
    this.#shards = Array.from({ length: shards }, () => new Fifo<LogFrame>());
  }

  push(frame: LogFrame): void {
    this.#shards[frame.shard]?.push(frame);
    this.#order.push(frame);
    this.#bytes += frame.text.length;
    while (this.#bytes > this.#maxBytes) this.#evict();
  }

  /** Forgets everything: the next frames pushed need not follow the last ones. */
  clear(): void {
    while (this.#order.length > 0) this.#evict();
  }

  /** Frames from `from` on until their text reaches `maxBytes`; null when `from` is older than what is held. */
  read(shard: number, from: number, maxBytes: number): LogFrame[] | null {
    const held = this.#shards[shard];
    const first = held?.at(0);
    if (held === undefined || first === undefined || from < first.offset) return null;
    const frames: LogFrame[] = [];
    let bytes = 0;
    for (let place = from - first.offset; bytes < maxBytes || frames.length === 0; place++) {
      const frame = held.at(place);
      if (frame === undefined) break;
      frames.push(frame);
      bytes += frame.text.length;
    }
    return frames;
  }

  #evict(): void {
    const oldest = this.#order.shift();
    if (oldest === undefined) return;
    this.#shards[oldest.shard]?.shift();
    this.#bytes -= oldest.text.length;
  }
}
