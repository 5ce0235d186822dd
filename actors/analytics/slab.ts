/**
 * Slabs: memory for panes outside the heap, in blocks of a few sizes cut from shared chunks.
 *
 * 1. A block is zeroed when it is handed out and belongs to one owner until it is released.
 * 2. `allocate` never refuses: what a turn does must not depend on how much memory there is. The bound is the shards'
 *    eviction, which counts the blocks of each actor.
 * 3. A chunk without owners, but for one of each class, serves any class next: actors grow from one class into the
 *    next together, and the collector would give back what they left only long after. More than a few spare chunks
 *    are given back to the system.
 *
 * A pool belongs to one thread. Panes as objects would be 17 times as large, and the garbage collector would visit
 * each of them.
 */

import { ByteWriter } from "../../runtime/core/bytes.ts";
import { invariant } from "../../runtime/core/errors.ts";
import {
  blockCapacities,
  chunkBytes as defaultChunkBytes,
  maxSpareBytes as defaultMaxSpareBytes,
} from "./limits.ts";
import { paneBytes, type PaneType } from "./pane_codec.ts";

/** Views of the same bytes. */
export interface Chunk {
  readonly buffer: ArrayBuffer;
  readonly f64: Float64Array;
  readonly u32: Uint32Array;
  readonly u8: Uint8Array;
}

export interface SlabOptions {
  /** A multiple of 8. */
  readonly chunkBytes?: number;
  readonly maxSpareBytes?: number;
}

/** Doubles of a channel's front: see `channel.ts`. */
const frontDoubles = 9;

/** Doubles of an actor's record: two times, 123 bits of changed slots, 256 bits of seen sequence numbers. */
const recordDoubles = 8;

/** The block class of a channel's front. */
export const frontClass = 3 * blockCapacities.length;

/** The block class of an actor's record. */
export const recordClass = frontClass + 1;

/** The block class of a channel of panes of `type` with the capacity `blockCapacities[size]`. */
export function channelClass(type: PaneType, size: number): number {
  return type * blockCapacities.length + size;
}

function channelBlockBytes(type: PaneType, size: number): number {
  const capacity = blockCapacities[size]!;
  const isWhole = size === blockCapacities.length - 1;
  // A block that is not the whole ring lists its panes' slots, a byte each.
  const bytes = capacity * (paneBytes[type] + (isWhole ? 0 : 1));
  return Math.ceil(bytes / 8) * 8;
}

/** A chunk with the blocks cut from it. */
interface Slab {
  readonly chunk: Chunk;
  /** Released blocks, by their place in the chunk. */
  readonly free: number[];
  /** Blocks ever cut. */
  cut: number;
  used: number;
}

class BlockClass {
  /** By slab number; undefined where a slab was given back. */
  readonly slabs: (Slab | undefined)[] = [];
  /** Numbers of slabs that have room; blocks come from the last of them. */
  readonly withRoom: number[] = [];
  /** Numbers of slabs that were given back. */
  readonly vacant: number[] = [];

  constructor(readonly blockBytes: number, readonly perChunk: number) {}
}

function newChunk(bytes: number): Chunk {
  const buffer = new ArrayBuffer(bytes);
  return { buffer, f64: new Float64Array(buffer), u32: new Uint32Array(buffer), u8: new Uint8Array(buffer) };
}

/** All slab memory of one thread. */
export class SlabPool {
  /** Memory in which rows of this thread's actors are built one after another. */
  readonly scratch = new ByteWriter(4096);
  readonly #chunkBytes: number;
  readonly #maxSpareBytes: number;
  readonly #classes: readonly BlockClass[];
  /** Zeroed chunks without a class. */
  readonly #spare: Chunk[] = [];
  #chunkTotalBytes = 0;
  #usedBytes = 0;

  constructor(options: SlabOptions = {}) {
    this.#chunkBytes = options.chunkBytes ?? defaultChunkBytes;
    invariant(this.#chunkBytes % 8 === 0, "A chunk is whole doubles");
    this.#maxSpareBytes = options.maxSpareBytes ?? defaultMaxSpareBytes;
    const types: readonly PaneType[] = [0, 1, 2];
    const sizes = types.flatMap((type) => blockCapacities.map((_, size) => channelBlockBytes(type, size)));
    this.#classes = [...sizes, frontDoubles * 8, recordDoubles * 8].map((bytes) =>
      new BlockClass(bytes, Math.max(1, Math.floor(this.#chunkBytes / bytes)))
    );
  }

  /** Bytes taken from the system. */
  get chunkTotalBytes(): number {
    return this.#chunkTotalBytes;
  }

  /** Bytes of blocks that have an owner. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  blockBytes(blockClass: number): number {
    return this.#class(blockClass).blockBytes;
  }

  /** Hands out a block; the answer names it among the blocks of its class. */
  allocate(blockClass: number): number {
    const blocks = this.#class(blockClass);
    const number = blocks.withRoom.at(-1) ?? this.#addSlab(blocks);
    const slab = blocks.slabs[number]!;
    const recycled = slab.free.pop();
    const block = number * blocks.perChunk + (recycled ?? slab.cut++);
    if (++slab.used === blocks.perChunk) blocks.withRoom.pop();
    if (recycled !== undefined) {
      const at = this.doubleAt(blockClass, block);
      slab.chunk.f64.fill(0, at, at + blocks.blockBytes / 8);
    }
    this.#usedBytes += blocks.blockBytes;
    return block;
  }

  release(blockClass: number, block: number): void {
    const blocks = this.#class(blockClass);
    const number = Math.floor(block / blocks.perChunk);
    const slab = this.#slab(blocks, block);
    slab.free.push(block % blocks.perChunk);
    if (slab.used-- === blocks.perChunk) blocks.withRoom.push(number);
    this.#usedBytes -= blocks.blockBytes;
    // One slab with room stays, so that a block handed out and taken back does not cost a chunk each time.
    if (slab.used > 0 || blocks.withRoom.length === 1) return;
    blocks.withRoom.splice(blocks.withRoom.indexOf(number), 1);
    blocks.slabs[number] = undefined;
    blocks.vacant.push(number);
    this.#retire(slab.chunk);
  }

  #retire(chunk: Chunk): void {
    const bytes = chunk.u8.length;
    // A block larger than a chunk has one of its own, which fits no other class.
    if (bytes === this.#chunkBytes && (this.#spare.length + 1) * bytes <= this.#maxSpareBytes) {
      chunk.f64.fill(0);
      this.#spare.push(chunk);
    } else {
      this.#chunkTotalBytes -= bytes;
      // At once: the collector does not hurry for what lies outside its heap.
      chunk.buffer.transfer(0);
    }
  }

  /** The chunk that holds a block. */
  chunk(blockClass: number, block: number): Chunk {
    return this.#slab(this.#class(blockClass), block).chunk;
  }

  /** Where a block begins in its chunk, in doubles. */
  doubleAt(blockClass: number, block: number): number {
    const blocks = this.#class(blockClass);
    return ((block % blocks.perChunk) * blocks.blockBytes) / 8;
  }

  #class(blockClass: number): BlockClass {
    const blocks = this.#classes[blockClass];
    invariant(blocks !== undefined, "A block class is one of the pool's");
    return blocks;
  }

  #slab(blocks: BlockClass, block: number): Slab {
    const slab = blocks.slabs[Math.floor(block / blocks.perChunk)];
    // Without the block's number: the text would be made at each call, whether it holds or not.
    invariant(slab !== undefined, "A block has an owner while it is used");
    return slab;
  }

  /** Takes a chunk from the system; the answer is its slab's number. */
  #addSlab(blocks: BlockClass): number {
    const chunk = this.#takeChunk(blocks);
    const number = blocks.vacant.pop() ?? blocks.slabs.length;
    blocks.slabs[number] = { chunk, free: [], cut: 0, used: 0 };
    blocks.withRoom.push(number);
    return number;
  }

  #takeChunk(blocks: BlockClass): Chunk {
    const bytes = Math.max(this.#chunkBytes, blocks.blockBytes);
    const spare = bytes === this.#chunkBytes ? this.#spare.pop() : undefined;
    if (spare !== undefined) return spare;
    this.#chunkTotalBytes += bytes;
    return newChunk(bytes);
  }
}
