/**
 * What the main thread can tell at any moment of its hosts and their shards, also of those that do not answer: from
 * their last reports, which are up to `reportIntervalMs` old, from what it appended itself, and from the turn boards.
 */

import type { MailboxLog } from "../log/port.ts";
import type { Backlog } from "./backlog.ts";
import type { Clock } from "./clock.ts";
import type { ShardStatus } from "./engine.ts";
import { readEntry } from "./frame_entry.ts";
import type { ShardBoard } from "./shard_board.ts";
import { type LongTurn, TurnWatch } from "./turn_watch.ts";

export interface NodeViewParts {
  readonly hosts: number;
  readonly board: ShardBoard;
  readonly backlog: Backlog;
  readonly clock: Pick<Clock, "nowMs">;
  readonly log: Pick<MailboxLog, "subscribe">;
  /** Foreign ones that are folded directly, in the hosts' order. */
  readonly topics: readonly string[];
  /** Log time now, epoch milliseconds. */
  logNowMs(): number;
  /** A host's; null while it has no thread. */
  turnBoard(host: number): SharedArrayBuffer | null;
}

// Types, not interfaces: they are JSON.

/** What the tree says of a shard. */
export type ShardDetails = {
  readonly shard: number;
  readonly state: ShardStatus["state"];
  readonly epoch: number;
  /** Frames known to be in its log and not folded; null before it runs for the first time. */
  readonly queuedFrames: number | null;
  /** Log time since the oldest of them was stamped; null when none waits. */
  readonly oldestAgeMs: number | null;
  /** Actors. */
  readonly suspended: number;
};

/** A `LongTurn` for the tree. */
export type TurnDetails = {
  readonly shard: number;
  readonly forMs: number;
  readonly place: {
    /** Of a foreign topic that is folded directly; left out of the mailbox. */
    readonly topic?: string;
    readonly offset: number;
    readonly index: number;
    readonly step: number;
  } | null;
  readonly entry: { readonly kind: string; readonly id: string } | null;
};

/** What the tree says of a host. */
export type HostDetails = {
  readonly shards: readonly ShardDetails[];
  /** What it has been doing for a tenth of a second or longer; null while nothing lasts so long. */
  readonly turn: TurnDetails | null;
};

/** What stands between a shard and an answer. */
export interface Standing {
  /** Null when it is another node's. */
  readonly host: number | null;
  readonly shard: ShardDetails;
  /** The host's. */
  readonly turn: TurnDetails | null;
}

export class NodeView {
  readonly #parts: NodeViewParts;
  readonly #watches: readonly TurnWatch[];

  constructor(parts: NodeViewParts) {
    this.#parts = parts;
    const { hosts, clock, log, topics } = parts;
    this.#watches = Array.from({ length: hosts }, (_, host) =>
      new TurnWatch({
        clock,
        topics,
        board: () => parts.turnBoard(host),
        find: (shard, place) => readEntry(log, shard, place),
      }));
  }

  /** To be called at each tick of the watchdog. */
  look(): void {
    for (const watch of this.#watches) watch.look();
  }

  host(host: number, shards: readonly number[]): HostDetails {
    return { shards: shards.map((shard) => this.shard(shard)), turn: this.#turn(host) };
  }

  standing(shard: number): Standing {
    const { host } = this.#parts.board.status(shard);
    return { host, shard: this.shard(shard), turn: this.#turn(host) };
  }

  #turn(host: number | null): TurnDetails | null {
    const turn = host === null ? null : this.#watches[host]?.current ?? null;
    return turn && turnDetails(turn);
  }

  shard(shard: number): ShardDetails {
    const { board, backlog, logNowMs } = this.#parts;
    const { state, epoch, oldestWaitingMs } = board.status(shard);
    const oldestMs = Math.min(oldestWaitingMs ?? Infinity, backlog.oldestStampMs(shard) ?? Infinity);
    return {
      shard,
      state,
      epoch,
      queuedFrames: board.queuedFrames(shard),
      oldestAgeMs: oldestMs === Infinity ? null : Math.max(0, logNowMs() - oldestMs),
      suspended: board.suspendedCount(shard),
    };
  }
}

function turnDetails({ shard, forMs, place, entry }: LongTurn): TurnDetails {
  return {
    shard,
    forMs: Math.round(forMs),
    place: place && {
      ...(place.topic !== undefined && { topic: place.topic }),
      offset: place.offset,
      index: place.index,
      step: place.step,
    },
    entry: entry && { kind: entry.kind, id: entry.id },
  };
}
