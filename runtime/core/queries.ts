/**
 * Queries that wait for a shard.
 *
 * 1. A query is answered only when every frame it must reflect is folded, and between turns.
 * 2. A barrier is answered only when what was folded by then is in a confirmed checkpoint.
 * 3. Nothing is answered twice, and everything once: at the latest by `takeAll`.
 */

import type { Address } from "./actor.ts";
import type { ActorEntry } from "./actor_table.ts";
import { errorMessage } from "./errors.ts";
import type { AnyDefinition } from "./registry.ts";
import type { Answer, ShardQuery } from "./shard_api.ts";

export type Ask = Extract<ShardQuery["request"], { type: "ask" }>;

/** Where the shard stood when it answered. */
export interface Standing {
  readonly epoch: number;
  readonly positions: Readonly<Record<string, number>>;
  /** The shard's clock. */
  readonly nowMs: number;
}

/** Runs a query on a state; never throws. `logNowMs`: log time moved on to this moment. */
export function answerAsk(
  definition: AnyDefinition,
  entry: ActorEntry,
  ask: Ask,
  logNowMs: number,
  standing: Standing,
): Answer {
  const query = definition.queries[ask.query];
  if (query === undefined) {
    const known = Object.keys(definition.queries).join(", ");
    return { type: "unknown", sentence: `A ${ask.kind} has no query "${ask.query}"; it has ${known}` };
  }
  const parsed = query.arguments.safeParse(ask.arguments);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join(
      "; ",
    );
    return { type: "invalid", sentence: `The arguments of ${ask.query} are not right: ${problems}` };
  }
  try {
    const answer = query.answer(entry.state, parsed.data as never, { id: ask.id, nowMs: logNowMs });
    return { type: "answered", json: JSON.stringify(answer), ...standing };
  } catch (thrown) {
    return {
      type: "failed",
      sentence: `The query ${ask.query} of ${ask.kind}/${ask.id} threw: ${errorMessage(thrown)}`,
    };
  }
}

interface Barrier {
  readonly query: ShardQuery;
  /** The commit that must be confirmed. */
  readonly commit: number;
}

export class Queries {
  #waiting: ShardQuery[] = [];
  #barriers: Barrier[] = [];
  /** Actors that only queries wait for, by `kind/id`. */
  readonly #asked = new Map<string, Address>();

  add(query: ShardQuery): void {
    this.#waiting.push(query);
  }

  get hasBarriers(): boolean {
    return this.#barriers.length > 0;
  }

  /** Queries of which every frame below `folded` is folded by now; they are no longer waiting. */
  takeReady(folded: number): ShardQuery[] {
    if (this.#waiting.length === 0) return [];
    const ready = this.#waiting.filter((query) => query.folded <= folded);
    if (ready.length > 0) this.#waiting = this.#waiting.filter((query) => query.folded > folded);
    return ready;
  }

  /** The barrier is folded and waits for `commit`. */
  addBarrier(query: ShardQuery, commit: number): void {
    this.#barriers.push({ query, commit });
  }

  /** Barriers that `commit`, now confirmed, satisfies. */
  takeBarriers(commit: number): ShardQuery[] {
    if (this.#barriers.length === 0) return [];
    const satisfied = this.#barriers.filter((barrier) => barrier.commit <= commit);
    this.#barriers = this.#barriers.filter((barrier) => barrier.commit > commit);
    return satisfied.map(({ query }) => query);
  }

  /** The memory that barriers waited for is gone: they wait anew. */
  renewBarriers(): void {
    this.#waiting.push(...this.#barriers.map(({ query }) => query));
    this.#barriers = [];
  }

  /** Everything that waits, given up. */
  takeAll(): ShardQuery[] {
    this.renewBarriers();
    const all = this.#waiting;
    this.#waiting = [];
    return all;
  }

  /** The query cannot be answered before its actor is loaded; it waits on. */
  waitForActor(query: ShardQuery, { kind, id }: Address): void {
    this.#asked.set(`${kind}/${id}`, { kind, id });
    this.#waiting.push(query);
  }

  /** Actors to load for queries alone. */
  get askedActors(): Address[] {
    return [...this.#asked.values()];
  }

  isAsked({ kind, id }: Address): boolean {
    return this.#asked.has(`${kind}/${id}`);
  }

  /** The actor need no longer be loaded for queries. */
  forgetAsked({ kind, id }: Address): void {
    this.#asked.delete(`${kind}/${id}`);
  }
}
