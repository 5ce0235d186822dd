/**
 * Queries that wait for a shard.
 *
 * 1. A query is answered only when every frame it must reflect is folded, and between turns.
 * 2. A barrier is answered only when what was folded by then is in a confirmed checkpoint.
 * 3. Nothing is answered twice, and everything once: at the latest by `giveUp`.
 */

import type { Address } from "./actor.ts";
import { type ActorEntry, actorKey, type ActorTable } from "./actor_table.ts";
import { errorMessage } from "./errors.ts";
import type { Fold } from "./fold.ts";
import type { LogClock } from "./log_clock.ts";
import type { Registry } from "./registry.ts";
import type { Answer, ShardQuery } from "./shard_api.ts";
import type { TracedMessage, Traces } from "./trace.ts";

type Request = ShardQuery["request"];
type Ask = Extract<Request, { type: "ask" }>;
/** What is asked of an actor. */
type ActorRequest = Extract<Request, { type: "ask" | "trace" }>;

/** What a request of the type "trace" is answered with. */
export interface TraceAnswer {
  /** Log time: of everything since then, the last messages are all here. */
  readonly sinceMs: number;
  readonly messages: readonly TracedMessage[];
}

/** Where the shard stood when it answered. */
interface Standing {
  readonly epoch: number;
  readonly positions: Readonly<Record<string, number>>;
  /** The shard's clock. */
  readonly nowMs: number;
}

function suspendedOf({ suspension }: ActorEntry): Extract<Answer, { type: "answered" }>["suspended"] {
  if (suspension === null) return null;
  const { sinceMs, detail, parked } = suspension;
  return { sinceMs, detail, parked: parked.length };
}

/** Runs a query on a state; never throws. `logNowMs`: log time moved on to this moment. */
function answerAsk(entry: ActorEntry, ask: Ask, logNowMs: number, standing: Standing): Answer {
  const { definition } = entry;
  if (entry.damage !== null) return { type: "failed", sentence: entry.damage.detail };
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
    return { type: "answered", json: JSON.stringify(answer), ...standing, suspended: suspendedOf(entry) };
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

/** The shard that is asked, as its queries see it. */
export interface Asked {
  readonly epoch: number;
  readonly fold: Fold;
  readonly clock: LogClock;
  readonly confirmedCommit: number;
}

function standingOf({ epoch, fold }: Asked): Standing {
  const offsets = Object.entries(fold.positions).map(([topic, { offset }]) => [topic, offset]);
  return { epoch, positions: Object.fromEntries(offsets), nowMs: fold.turns.clockMs };
}

/** To what is asked of the shard itself. */
function answerOf(shard: Asked, value: unknown): Answer {
  return { type: "answered", json: JSON.stringify(value), ...standingOf(shard), suspended: null };
}

export class Queries {
  readonly #registry: Registry;
  readonly #answer: (queryId: number, answer: Answer) => void;
  #waiting: ShardQuery[] = [];
  #barriers: Barrier[] = [];
  /** Actors of queries that wait for nothing else, by `actorKey`. */
  readonly #wanted = new Map<string, Address>();
  /** Queries whose actors were taken ahead since the last claim. */
  #lookedAhead = new WeakSet<ShardQuery>();

  readonly #traces: Traces;

  constructor(registry: Registry, traces: Traces, answer: (queryId: number, answer: Answer) => void) {
    this.#registry = registry;
    this.#traces = traces;
    this.#answer = answer;
  }

  add(query: ShardQuery): void {
    this.#waiting.push(query);
  }

  get hasBarriers(): boolean {
    return this.#barriers.length > 0;
  }

  /** Answers what may be answered between two frames. `commit` will contain what is folded by now, or does. */
  answerReady(shard: Asked, commit: number, nowMs: number): void {
    for (const query of this.#takeReady(shard)) {
      const { request, queryId } = query;
      if (request.type === "barrier") {
        this.#barriers.push({ query, commit });
      } else if (request.type === "records") {
        this.#answer(queryId, answerOf(shard, Object.fromEntries(shard.fold.sequences.lastRecords)));
      } else if (this.#isKnown(request.kind) && shard.fold.table.find(request) === undefined) {
        const { kind, id } = request;
        this.#wanted.set(actorKey(request), { kind, id });
        this.#waiting.push(query);
      } else this.#answer(queryId, this.#answerOf(shard, request, nowMs));
    }
    this.answerBarriers(shard);
  }

  #takeReady({ fold }: Asked): ShardQuery[] {
    if (this.#waiting.length === 0) return [];
    const end = fold.position.offset + 1;
    const ready = this.#waiting.filter((query) => query.folded <= end);
    if (ready.length > 0) this.#waiting = this.#waiting.filter((query) => query.folded > end);
    return ready;
  }

  #isKnown(kind: string): boolean {
    return this.#registry.indexOf(kind) >= 0;
  }

  #answerOf(shard: Asked, ask: ActorRequest, nowMs: number): Answer {
    const { fold, clock } = shard;
    const entry = fold.table.find(ask);
    if (!this.#isKnown(ask.kind)) {
      return { type: "unknown", sentence: `There are no actors of the kind "${ask.kind}"` };
    }
    if (entry === undefined || entry.isNew) return { type: "absent" };
    entry.used = Math.max(entry.used, 1);
    if (ask.type === "trace") return this.#traceOf(shard, entry, ask.limit);
    return answerAsk(entry, ask, Math.max(fold.turns.clockMs, clock.logNowMs(nowMs)), standingOf(shard));
  }

  #traceOf(shard: Asked, entry: ActorEntry, limit: number): Answer {
    const trace = this.#traces.request(entry, shard.fold.turns.clockMs);
    const answer: TraceAnswer = { sinceMs: trace.sinceMs, messages: trace.last(limit) };
    const standing = standingOf(shard);
    return { type: "answered", json: JSON.stringify(answer), ...standing, suspended: suspendedOf(entry) };
  }

  /** Answers the barriers whose commit is confirmed. */
  answerBarriers(shard: Asked): void {
    if (this.#barriers.length === 0) return;
    const isMet = ({ commit }: Barrier) => commit <= shard.confirmedCommit;
    const met = this.#barriers.filter(isMet);
    this.#barriers = this.#barriers.filter((barrier) => !isMet(barrier));
    for (const { query } of met) {
      this.#answer(query.queryId, answerOf(shard, null));
    }
  }

  /** The claim's memory is gone: what waited for it waits anew. */
  renew(): void {
    this.#lookedAhead = new WeakSet();
    this.#renewBarriers();
  }

  #renewBarriers(): void {
    this.#waiting.push(...this.#barriers.map(({ query }) => query));
    this.#barriers = [];
  }

  /** Gives everything that waits the same answer. */
  giveUp(answer: Answer): void {
    this.#renewBarriers();
    for (const { queryId } of this.#waiting) this.#answer(queryId, answer);
    this.#waiting = [];
  }

  /** Actors to load for queries alone. */
  wantedActors(actors: ActorTable): Address[] {
    for (const [key, address] of this.#wanted) {
      if (actors.find(address) !== undefined) this.#wanted.delete(key);
    }
    return [...this.#wanted.values()];
  }

  /**
   * At most so many actors of queries that wait for frames, each query's once in a claim: loaded with what those frames
   * need, so that it is not waited for behind them. One that is not found may be made by them.
   */
  takeAhead(actors: ActorTable, atMost: number): Address[] {
    const ahead: Address[] = [];
    for (const query of this.#waiting) {
      const { request } = query;
      if (ahead.length >= atMost) break;
      if (!("kind" in request) || this.#lookedAhead.has(query)) continue;
      this.#lookedAhead.add(query);
      if (this.#wanted.size > 0 && this.#wanted.has(actorKey(request))) continue;
      if (this.#isKnown(request.kind) && actors.find(request) === undefined) {
        ahead.push({ kind: request.kind, id: request.id });
      }
    }
    return ahead;
  }

  /** The actor need no longer be loaded for queries. */
  forgetWanted(address: Address): void {
    // Most loads are the fold's, by thousands after a takeover: no key is made for each of their actors.
    if (this.#wanted.size > 0) this.#wanted.delete(actorKey(address));
  }

  /** These actors were asked of the store for queries: those that were not found do not exist. */
  found(shard: Asked, actors: readonly Address[]): void {
    const absent = new Set<string>();
    for (const address of actors) {
      this.forgetWanted(address);
      if (shard.fold.table.find(address) === undefined) absent.add(actorKey(address));
    }
    if (absent.size === 0) return;
    for (const query of this.#takeReady(shard)) {
      const { request, queryId } = query;
      if ("kind" in request && absent.has(actorKey(request))) {
        this.#answer(queryId, { type: "absent" });
      } else this.#waiting.push(query);
    }
  }
}
