/**
 * What a host does right now, readable by other threads while it hangs: two 32-bit places of shared memory.
 *
 *     [0]  the shard whose slice is running; -1 between slices
 *     [1]  slices begun so far, wrapping around: it moves whenever the host does
 */

const shardPlace = 0;
const turnPlace = 1;

export const turnBoardBytes = 2 * Int32Array.BYTES_PER_ELEMENT;
export const noShard = -1;

/** The host's side. */
export class TurnBoard {
  readonly #places: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.#places = new Int32Array(memory);
    Atomics.store(this.#places, shardPlace, noShard);
  }

  enter(shard: number): void {
    Atomics.store(this.#places, shardPlace, shard);
    Atomics.add(this.#places, turnPlace, 1);
  }

  leave(): void {
    Atomics.store(this.#places, shardPlace, noShard);
  }
}

/** The watcher's side: the shard in its slice (or `noShard`), and the turn counter. */
export function readTurnBoard(memory: SharedArrayBuffer): { readonly shard: number; readonly turn: number } {
  const places = new Int32Array(memory);
  return { shard: Atomics.load(places, shardPlace), turn: Atomics.load(places, turnPlace) };
}
