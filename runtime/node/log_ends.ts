/**
 * How far the shards' logs go, for answers that must reflect everything acknowledged before they were asked for.
 *
 * 1. `end` is above every append that was acknowledged, to anybody, before it was called.
 */

import type { MailboxLog } from "../log/port.ts";
import type { Clock } from "./clock.ts";
import type { ShardBoard } from "./shard_board.ts";

export interface LogEnds {
  /** Throws a `LogError` when the log does not say. */
  end(shard: number): Promise<number>;
  /** The last end that is known, and how long ago there was no other. */
  known(shard: number): { readonly end: number; readonly forMs: number };
}

/** Where nobody else appends: what this node was told of its own appends is all there is. */
export function boardEnds(board: ShardBoard): LogEnds {
  return {
    end: (shard) => Promise.resolve(board.end(shard)),
    known: (shard) => ({ end: board.end(shard), forMs: 0 }),
  };
}

/** Where other nodes append too: the log itself is asked, which serves all that ask within some milliseconds at once. */
export class AskedEnds implements LogEnds {
  readonly #log: Pick<MailboxLog, "extent">;
  readonly #board: ShardBoard;
  readonly #clock: Pick<Clock, "nowMs">;
  readonly #asked = new Map<number, { readonly end: number; readonly askedMs: number }>();

  constructor(log: Pick<MailboxLog, "extent">, board: ShardBoard, clock: Pick<Clock, "nowMs">) {
    this.#log = log;
    this.#board = board;
    this.#clock = clock;
  }

  async end(shard: number): Promise<number> {
    const askedMs = this.#clock.nowMs();
    const { end } = await this.#log.extent(shard);
    if (askedMs >= (this.#asked.get(shard)?.askedMs ?? -Infinity)) this.#asked.set(shard, { end, askedMs });
    return end;
  }

  known(shard: number): { readonly end: number; readonly forMs: number } {
    const { end, askedMs } = this.#asked.get(shard) ?? { end: 0, askedMs: -Infinity };
    return { end: Math.max(end, this.#board.end(shard)), forMs: this.#clock.nowMs() - askedMs };
  }
}
