/** How much of what this node appended its shards have not folded yet, in units of frame text. */

import { Fifo } from "../core/fifo.ts";

interface Appended {
  readonly offset: number;
  readonly bytes: number;
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

  appended(shard: number, offset: number, bytes: number): void {
    this.#byShard[shard]!.push({ offset, bytes });
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
