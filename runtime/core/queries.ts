/**
 * Queries that wait for a shard.
 *
 * 1. A query is answered only when every frame it must reflect is folded, and between turns.
 * 2. A barrier is answered only when what was folded by then is in a confirmed checkpoint.
 */

import type { AnyDefinition } from "./registry.ts";
import type { ActorEntry } from "./actor_table.ts";
import type { Answer, ShardQuery } from "./shard_api.ts";
import { errorMessage } from "./errors.ts";

type Ask = Extract<ShardQuery["request"], { type: "ask" }>;

/** Runs a query on a state; never throws. */
export function answerAsk(
  definition: AnyDefinition,
  entry: ActorEntry,
  ask: Ask,
  nowMs: number,
  at: {
    readonly epoch: number;
    readonly positions: Readonly<Record<string, number>>;
    readonly clockMs: number;
  },
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
    const answer = query.answer(entry.state, parsed.data as never, { id: ask.id, nowMs });
    return {
      type: "answered",
      json: JSON.stringify(answer),
      epoch: at.epoch,
      positions: at.positions,
      nowMs: at.clockMs,
    };
  } catch (thrown) {
    return {
      type: "failed",
      sentence: `The query ${ask.query} of ${ask.kind}/${ask.id} threw: ${errorMessage(thrown)}`,
    };
  }
}

/** Barriers whose frames are folded, by the commit they wait for. */
export class Barriers {
  readonly #waiting: { readonly queryId: number; readonly commit: number }[] = [];

  get size(): number {
    return this.#waiting.length;
  }

  add(queryId: number, commit: number): void {
    this.#waiting.push({ queryId, commit });
  }

  /** The barriers that `commit`, now confirmed, satisfies. */
  take(commit: number): number[] {
    const satisfied = this.#waiting.filter((barrier) => barrier.commit <= commit);
    const rest = this.#waiting.filter((barrier) => barrier.commit > commit);
    this.#waiting.splice(0, this.#waiting.length, ...rest);
    return satisfied.map(({ queryId }) => queryId);
  }

  /** All of them: the memory they waited for is gone, they must wait anew. */
  takeAll(): number[] {
    return this.#waiting.splice(0).map(({ queryId }) => queryId);
  }
}
