/**
 * How long a host has been in the turn that it is in.
 *
 * 1. The host's turn board is looked at once in a while: no turn costs more for it.
 * 2. A turn is told of once two looks have seen it: by then the board is true of it (see `turn_board.ts`). `forMs` is
 *    short by at most the time between two looks.
 * 3. Whose message it is, is asked once for each such turn.
 */

import type { Address } from "../core/actor.ts";
import type { TurnPlace } from "../core/attempts.ts";
import type { Clock } from "./clock.ts";
import { noShard, readTurnBoard } from "./turn_board.ts";

export interface TurnWatchParts {
  readonly clock: Pick<Clock, "nowMs">;
  /** The foreign ones that the host folds directly, in its order. */
  readonly topics: readonly string[];
  /** See `turn_board.ts`; null while the host has no thread. */
  board(): SharedArrayBuffer | null;
  /** Whose message caused the turn; null when nobody knows. */
  find(shard: number, place: TurnPlace): Promise<Address | null>;
}

/** What a host has been doing for a while. */
export interface LongTurn {
  readonly shard: number;
  /** Null outside any turn: it answers a query, or makes a checkpoint. */
  readonly place: TurnPlace | null;
  /** The target of the entry at the place: the actor itself, or, with a step above 0, the one it began with. */
  readonly entry: Address | null;
  readonly forMs: number;
}

interface Seen {
  readonly board: SharedArrayBuffer;
  readonly turn: number;
  readonly sinceMs: number;
  isLong: boolean;
  entry: Address | null;
}

export class TurnWatch {
  readonly #parts: TurnWatchParts;
  #seen: Seen | null = null;

  constructor(parts: TurnWatchParts) {
    this.#parts = parts;
  }

  /** To be called once in a while. */
  look(): void {
    const { clock, topics, board: boardOf, find } = this.#parts;
    const board = boardOf();
    if (board === null) {
      this.#seen = null;
      return;
    }
    const { turn, shard, death } = readTurnBoard(board, topics);
    const seen = this.#seen;
    if (seen === null || seen.board !== board || seen.turn !== turn) {
      this.#seen = { board, turn, sinceMs: clock.nowMs(), isLong: false, entry: null };
    } else if (!seen.isLong) {
      seen.isLong = true;
      if (death !== null) void find(shard, death.place).then((entry) => seen.entry = entry);
    }
  }

  /** Null while nothing lasts. */
  get current(): LongTurn | null {
    const seen = this.#seen;
    if (seen === null || !seen.isLong || this.#parts.board() !== seen.board) return null;
    const { turn, shard, death } = readTurnBoard(seen.board, this.#parts.topics);
    const forMs = this.#parts.clock.nowMs() - seen.sinceMs;
    if (turn !== seen.turn || shard === noShard) return null;
    return { shard, place: death?.place ?? null, entry: seen.entry, forMs };
  }
}
