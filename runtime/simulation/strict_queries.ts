/**
 * Strict queries to a shard's owner, as it takes it to be.
 *
 * 1. Before a query is given to the shard, the log is asked for its end: what is in the log by then is in the answer,
 *    be it that another node has put it there.
 */

import type { Answer, ShardQuery } from "../core/shard_api.ts";
import type { Party } from "./network.ts";
import type { World } from "./world.ts";

/** Whose queries they are. */
interface Asked extends Party {
  readonly shard: number;
}

export class StrictQueries {
  #count = 0;
  readonly #open = new Map<number, (answer: Answer) => void>();
  readonly #world: World;
  readonly #asked: Asked;
  readonly #give: (query: ShardQuery) => void;

  constructor(world: World, asked: Asked, give: (query: ShardQuery) => void) {
    this.#world = world;
    this.#asked = asked;
    this.#give = give;
  }

  ask(request: ShardQuery["request"], answered: (answer: Answer) => void): void {
    const queryId = ++this.#count;
    this.#open.set(queryId, answered);
    this.#askEnd(queryId, request);
  }

  answer(queryId: number, answer: Answer): void {
    this.#open.get(queryId)?.(answer);
    this.#open.delete(queryId);
  }

  /** The shard is another's by now. */
  giveUp(): void {
    for (const queryId of [...this.#open.keys()]) this.answer(queryId, { type: "moved" });
  }

  /** Nobody answers any more. */
  clear(): void {
    this.#open.clear();
  }

  #askEnd(queryId: number, request: ShardQuery["request"]): void {
    this.#world.network.request<number>({
      from: this.#asked,
      to: "log",
      label: "asks for the end of the log",
      effect: () => this.#world.log.extent(this.#asked.shard).end,
      settle: (outcome) => {
        if (outcome.type === "answered") this.#give({ queryId, folded: outcome.value, request });
        else this.#askEnd(queryId, request);
      },
    });
  }
}
