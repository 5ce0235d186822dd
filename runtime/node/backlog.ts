/**
 * How much of what this node appended its own shards have not folded yet, in units of frame text.
 *
 * 1. What is appended to another node's shard is its node's to fold, and not counted. A shard that leaves takes along
 *    what waits for it; one that comes starts with nothing, as its host tells what else waits.
 */

import { Fifo } from "../core/fifo.ts";

interface Appended {
  readonly offset: number;
  readonly bytes: number;
  readonly stampMs: number;
}

export class Backlog {
  readonly #byShard: readonly Fifo<Appended>[];
  readonly #isOwn: (shard: number) => boolean;
  #bytes = 0;

  /** `isOwn`: the shard is this node's; unless told otherwise all are. */
  constructor(shardCount: number, isOwn: (shard: number) => boolean = () => true) {
    this.#isOwn = isOwn;
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
    if (!this.#isOwn(shard)) return;
    this.#byShard[shard]!.push({ offset, bytes, stampMs });
    this.#bytes += bytes;
  }

  /** The shard is another node's from now on. */
  left(shard: number): void {
    this.folded(shard, Infinity);
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
