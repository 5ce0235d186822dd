/**
 * Which actors a shard asks its store for, and when.
 *
 * 1. One load is under way at most. What is left out of it is wanted again by the next look at its frame, or query.
 * 2. Who becomes a new actor where nothing is found is decided when a load is asked for: those that the fold wants, and
 *    nobody else, whatever is asked meanwhile.
 * 3. The fold's load brings what queries want that wait for it, up to a part of its room; no load is made for those alone.
 */

import type { Address } from "./actor.ts";
import type { Fold } from "./fold.ts";
import type { Inbox } from "./inbox.ts";
import type { ShardLimits } from "./limits.ts";
import type { Queries } from "./queries.ts";
import type { WorkFrame } from "./work.ts";

/** Frames prepared ahead of the one being folded while actors are missing, so that loads overlap with folding. */
const preparedAhead = 3;
/**
 * How many frames after one whose actors were not all in memory this ends. Frames that wait decoded survive collections
 * of young memory, each of which copies them.
 */
const framesAfterMissing = 64;
/** Of what the fold's load may bring, one in so many is for queries that wait for the fold. */
const aheadPart = 4;

export interface Loading {
  /** The fold's: they become new actors when they are not found. */
  readonly created: readonly Address[];
  /** Of queries that wait for nothing else: they do not exist when they are not found. */
  readonly asked: readonly Address[];
  /** Of queries that wait for the fold, too. */
  readonly ahead: readonly Address[];
}

/** The parts of one claim. */
export interface LoadsParts {
  readonly limits: Pick<ShardLimits, "maxLoadActors" | "prefetchFrames" | "actorBytes">;
  readonly fold: Fold;
  readonly inbox: Inbox;
  readonly queries: Queries;
}

export class Loads {
  readonly #parts: LoadsParts;
  #underWay: Loading | null = null;
  /** Number of the last frame that is folded with others prepared ahead of it. */
  #aheadUntil = 0;

  constructor(parts: LoadsParts) {
    this.#parts = parts;
  }

  /** To be called with the frame at hand before it is folded. */
  look({ number }: WorkFrame): void {
    this.#prepareAhead(number <= this.#aheadUntil ? preparedAhead : 0);
    if (this.#parts.fold.wantedCount > 0) this.#aheadUntil = number + framesAfterMissing;
  }

  /** What the next load brings for the frame at hand and those after it, as far as there is room. */
  #prepareAhead(frames: number): void {
    const { fold, inbox, limits } = this.#parts;
    for (let ahead = 0; ahead <= frames && fold.wantedCount < limits.maxLoadActors; ahead++) {
      const next = inbox.peek(ahead);
      if (next === undefined) return;
      fold.prepare(next);
    }
  }

  /** Begins the next load: whom it asks for; nobody while one is under way, or nobody is wanted. */
  begin(): readonly Address[] {
    if (this.#underWay !== null) return [];
    const { fold: { table }, queries, limits: { maxLoadActors } } = this.#parts;
    const ahead = this.#lookFurther();
    const created = this.#takeWanted(maxLoadActors - ahead.length);
    const asked = queries.wantedActors(table).slice(0, maxLoadActors);
    const keys = [...created, ...ahead, ...asked];
    if (keys.length > 0) this.#underWay = { created, asked, ahead };
    return keys;
  }

  /** A load takes its time: it shall bring what many frames need, and what is asked behind them. Answers the latter. */
  #lookFurther(): readonly Address[] {
    const { fold: { table, wantedCount }, queries, limits } = this.#parts;
    if (wantedCount === 0) return [];
    this.#prepareAhead(limits.prefetchFrames);
    if (table.bytes > limits.actorBytes) return [];
    return queries.takeAhead(table, Math.floor(limits.maxLoadActors / aheadPart));
  }

  #takeWanted(atMost: number): readonly Address[] {
    const { fold, queries } = this.#parts;
    const wanted = fold.takeWanted()
      .filter((address) => fold.table.find(address) === undefined)
      .slice(0, atMost);
    for (const address of wanted) queries.forgetWanted(address);
    return wanted;
  }

  /** The load under way was answered; null when there was none. */
  end(): Loading | null {
    const loading = this.#underWay;
    this.#underWay = null;
    return loading;
  }
}
