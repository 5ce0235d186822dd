/** How much of what this node appended its shards have not folded yet, in units of frame text. */

import { Fifo } from "../core/fifo.ts";

interface Appended {
  readonly offset: number;
  readonly bytes: number;
  readonly stampMs: number;
}

export class Backlog {
  readonly #byShard: readonly Fifo<Appended>[];
  #bytes = 0;

  constructor(shardCount: number) {
    this.#byShard = Array.from({ length: shardCount }, () => new Fifo<Appended>());
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Log time by which the oldest of the shard's frames was stamped; null when none waits. */
  oldestStampMs(shard: number): number | null {
    return this.#byShard[shard]?.at(0)?.stampMs ?? null;
  }

  appended(shard: number, offset: number, bytes: number, stampMs: number): void {
    this.#byShard[shard]!.push({ offset, bytes, stampMs });
    this.#bytes += bytes;
  }

  /** The shard has folded everything up to and including `offset`. */
  folded(shard: number, offset: number): void {
    const queue = this.#byShard[shard]!;
    for (let first = queue.at(0); first !== undefined && first.offset <= offset; first = queue.at(0)) {
      queue.shift();
      this.#bytes -= first.bytes;
    }
  }
}
