/**
 * What a host does right now, readable by other threads when it hangs or is dead: nine 32-bit places of shared memory.
 *
 *     [0]     the shard whose slice is running; -1 between slices
 *     [1]     slices and turns begun so far, wrapping around: it moves whenever the host does
 *     [2]     the epoch, and [3] [4] the offset (low and high half), of the frame or record that is being folded
 *     [5..7]  the turn, as in `TurnPlace`: entry (-2: no turn is under way), timer, step
 *     [8]     the number of its foreign topic; 0: it is of the mailbox
 *
 * 1. Of a host that hangs or is dead, what is read is true. While it runs, the places may be of two successive turns:
 *    they are written one by one, and plainly, since this happens before every turn. (Memory that others read costs
 *    1 to 2 ns a turn so, and an atomic store ten times as much.) A host that is killed while it runs may therefore
 *    blame a turn that had no part in it; one such death changes nothing.
 */

import type { HostDeath, TurnWitness } from "../core/attempts.ts";

const shardAt = 0;
const countAt = 1;
const epochAt = 2;
const lowAt = 3;
const highAt = 4;
const indexAt = 5;
const timerAt = 6;
const stepAt = 7;
const topicAt = 8;

const lowUnits = 2 ** 32;

export const turnBoardBytes = 9 * Int32Array.BYTES_PER_ELEMENT;
export const noShard = -1;
const noTurn = -2;

/** The host's side. */
export class TurnBoard implements TurnWitness {
  readonly #places: Int32Array;
  #count = 0;

  constructor(memory: SharedArrayBuffer) {
    this.#places = new Int32Array(memory);
    this.#places[indexAt] = noTurn;
    Atomics.store(this.#places, shardAt, noShard);
  }

  enterSlice(shard: number): void {
    Atomics.store(this.#places, shardAt, shard);
    Atomics.store(this.#places, countAt, this.#count = (this.#count + 1) | 0);
  }

  leaveSlice(): void {
    Atomics.store(this.#places, shardAt, noShard);
  }

  enterFrame(epoch: number, offset: number, topic = 0): void {
    const places = this.#places;
    places[topicAt] = topic;
    places[epochAt] = epoch;
    places[lowAt] = offset;
    places[highAt] = Math.floor(offset / lowUnits);
  }

  enterTurn(index: number, timer: number, step: number): void {
    const places = this.#places;
    places[countAt] = this.#count = (this.#count + 1) | 0;
    places[timerAt] = timer;
    places[stepAt] = step;
    places[indexAt] = index;
  }

  leave(): void {
    this.#places[indexAt] = noTurn;
  }
}

export interface BoardReading {
  /** The one whose slice is running, or `noShard`. */
  readonly shard: number;
  /** Moves with every slice and turn. */
  readonly turn: number;
  /** What a death at this moment means to that shard; null outside any turn. */
  readonly death: HostDeath | null;
}

/** The watcher's side. `topics`: the foreign ones that the host folds directly, in its order. */
export function readTurnBoard(memory: SharedArrayBuffer, topics: readonly string[] = []): BoardReading {
  const places = new Int32Array(memory);
  const at = (place: number) => Atomics.load(places, place);
  const [shard, index] = [at(shardAt), at(indexAt)];
  const offset = at(highAt) * lowUnits + (at(lowAt) >>> 0);
  const topic = topics[at(topicAt) - 1];
  const place = {
    ...(topic !== undefined && { topic }),
    offset,
    index,
    timer: at(timerAt),
    step: at(stepAt),
  };
  const isInTurn = shard !== noShard && index !== noTurn;
  return { shard, turn: at(countAt), death: isInTurn ? { epoch: at(epochAt), place } : null };
}

/** The shard in whose turn a host died, and the turn. */
export interface DeathInTurn {
  readonly shard: number;
  readonly death: HostDeath;
}

/** Of a death at this moment; null outside any turn. `topics`: as in `readTurnBoard`. */
export function deathInTurn(memory: SharedArrayBuffer, topics: readonly string[]): DeathInTurn | null {
  const { shard, death } = readTurnBoard(memory, topics);
  return death === null ? null : { shard, death };
}
