/**
 * The newest frames of all shards that are not trimmed, in memory, bounded by bytes of text.
 *
 * 1. What is held of a shard is dense and ends at the shard's last pushed frame, unless nothing is held of it.
 * 2. The oldest frame over all shards goes first.
 */

import { Fifo } from "../core/fifo.ts";
import type { LogFrame } from "../core/log_frame.ts";

interface Held {
  readonly frame: LogFrame;
  /** Ascending over all shards. */
  readonly number: number;
}

export class Tail {
  readonly #maxBytes: number;
  readonly #shards: readonly Fifo<Held>[];
  #bytes = 0;
  #nextNumber = 0;

  constructor(shards: number, maxBytes: number) {
    this.#maxBytes = maxBytes;
    this.#shards = Array.from({ length: shards }, () => new Fifo<Held>());
  }

  push(frame: LogFrame): void {
    this.#shards[frame.shard]?.push({ frame, number: this.#nextNumber++ });
    this.#bytes += frame.text.length;
    while (this.#bytes > this.#maxBytes) this.#evict();
  }

  /** Forgets the frames of a shard before offset `below`: nobody will ask for them again. */
  trim(shard: number, below: number): void {
    const held = this.#shards[shard];
    for (let first = held?.at(0); first !== undefined && first.frame.offset < below; first = held?.at(0)) {
      this.#shift(shard);
    }
  }

  /** Forgets everything: the next frames pushed need not follow the last ones. */
  clear(): void {
    this.#shards.forEach((held, shard) => {
      while (held.length > 0) this.#shift(shard);
    });
  }

  /** Frames from `from` on until their text reaches `maxBytes`; null when `from` is older than what is held. */
  read(shard: number, from: number, maxBytes: number): LogFrame[] | null {
    const held = this.#shards[shard];
    const first = held?.at(0)?.frame;
    if (held === undefined || first === undefined || from < first.offset) return null;
    const frames: LogFrame[] = [];
    let bytes = 0;
    for (let place = from - first.offset; bytes < maxBytes || frames.length === 0; place++) {
      const frame = held.at(place)?.frame;
      if (frame === undefined) break;
      frames.push(frame);
      bytes += frame.text.length;
    }
    return frames;
  }

  #shift(shard: number): void {
    this.#bytes -= this.#shards[shard]?.shift()?.frame.text.length ?? 0;
  }

  #evict(): void {
    let oldest = -1;
    let number = Infinity;
    this.#shards.forEach((held, shard) => {
      const first = held.at(0)?.number ?? Infinity;
      if (first < number) [oldest, number] = [shard, first];
    });
    this.#shift(oldest);
  }
}
