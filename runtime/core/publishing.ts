/**
 * Answers of changed actors on their way out of a shard, for reads that may be a little old.
 *
 * 1. What is published is what a confirmed checkpoint contains: answers are computed when it is captured, and are lost
 *    when it fails.
 * 2. They are computed once in `intervalMs` at most, and then of so many actors, and for so long, as the limits say. Who
 *    was left out comes first the next time.
 * 3. A kind's query that throws leaves its actor out, and changes nothing else.
 * 4. Who changed just before the shard's owner ended may have been left out for good, and the next owner cannot tell: so
 *    whoever is loaded for a query is published once more.
 */

import type { Address } from "./actor.ts";
import { type ActorEntry, actorKey, type ActorTable } from "./actor_table.ts";
import type { PublishingLimits } from "./limits.ts";

export interface PublishedAnswer {
  readonly kind: string;
  readonly id: string;
  readonly query: string;
  /** JSON text. */
  readonly json: string;
  readonly fields: Readonly<Record<string, string | number>>;
}

/** What of a checkpoint is published. */
export interface Published {
  readonly epoch: number;
  /** By topic, the last offset that the answers reflect. */
  readonly positions: Readonly<Record<string, number>>;
  /** Log time, epoch milliseconds. */
  readonly atMs: number;
  readonly answers: readonly PublishedAnswer[];
}

export interface PublishingOptions {
  readonly limits: PublishingLimits;
  /** Monotonic milliseconds, to keep to the time that answers may take. */
  nowMs(): number;
}

interface Captured {
  readonly commit: number;
  readonly published: Published;
}

export class Publishing {
  readonly #options: PublishingOptions;
  /** By `actorKey`, in the order in which they are due. */
  readonly #due = new Map<string, Address>();
  #captured: Captured | null = null;
  #lastMs = -Infinity;

  constructor(options: PublishingOptions) {
    this.#options = options;
  }

  /** From when on actors wait for a checkpoint, be it of nothing; Infinity while none does. */
  get dueMs(): number {
    return this.#due.size === 0 ? Infinity : this.#lastMs + this.#options.limits.intervalMs;
  }

  /** To be called with what a checkpoint is about to contain. */
  changed(entries: readonly ActorEntry[]): void {
    for (const entry of entries) this.#add(entry);
  }

  /** To be called with whom the store was asked for by queries. */
  loaded(table: ActorTable, addresses: readonly Address[]): void {
    for (const address of addresses) {
      const entry = table.find(address);
      if (entry !== undefined) this.#add(entry);
    }
  }

  /** Every actor in memory is published again. */
  addAll(table: ActorTable): void {
    table.visit((entry) => this.#add(entry));
  }

  #add({ definition, address }: ActorEntry): void {
    if (definition.published === undefined || this.#due.size >= this.#options.limits.maxWaiting) return;
    const key = actorKey(address);
    if (!this.#due.has(key)) this.#due.set(key, address);
  }

  /** Computes the answers of a checkpoint, whose state `table` is; `standing` is where the shard stands with it. */
  capture(table: ActorTable, commit: number, standing: Omit<Published, "answers">): void {
    const { limits: { intervalMs, maxAnswers, maxMs }, nowMs } = this.#options;
    const startMs = nowMs();
    if (this.#due.size === 0 || startMs - this.#lastMs < intervalMs) return;
    this.#lastMs = startMs;
    const answers: PublishedAnswer[] = [];
    for (const [key, address] of this.#due) {
      if (answers.length >= maxAnswers || nowMs() - startMs >= maxMs) break;
      this.#due.delete(key);
      const entry = table.find(address);
      const answer = entry === undefined ? null : answerOf(entry, standing.atMs);
      if (answer !== null) answers.push(answer);
    }
    if (answers.length > 0) this.#captured = { commit, published: { ...standing, answers } };
  }

  /** What may go out now that the commit is confirmed. */
  confirmed(commit: number): Published | null {
    if (this.#captured?.commit !== commit) return null;
    const { published } = this.#captured;
    this.#captured = null;
    return published;
  }
}

function answerOf(
  { definition, address, state, damage, isNew }: ActorEntry,
  nowMs: number,
): PublishedAnswer | null {
  const { published, queries } = definition;
  const query = published === undefined ? undefined : queries[published.query];
  if (published === undefined || query === undefined || damage !== null || isNew) return null;
  try {
    const parsed = query.arguments.safeParse({});
    if (!parsed.success) return null;
    const answer = query.answer(state, parsed.data as never, { id: address.id, nowMs });
    const fields = published.fields?.(answer as never) ?? {};
    return { ...address, query: published.query, json: JSON.stringify(answer), fields };
  } catch {
    return null;
  }
}
