/** Asks actors, at the consistency that was wanted, and turns what they cannot answer into problems. */

import type { Address } from "../../runtime/core/actor.ts";
import { MAILBOX } from "../../runtime/core/checkpoint.ts";
import { errorMessage } from "../../runtime/core/errors.ts";
import type { TraceAnswer } from "../../runtime/core/queries.ts";
import { MemoryHotState } from "../../runtime/hot/memory_hot.ts";
import {
  type HotEntry,
  HotError,
  hotKey,
  type HotState,
  isOlder,
  standingOf,
} from "../../runtime/hot/port.ts";
import type { AskResult, Consistency, Engine } from "../../runtime/node/engine.ts";
import type { LogFailure } from "./failure.ts";
import type { HttpLimits } from "./limits.ts";
import { ProblemError } from "./problem.ts";

export interface ReaderOptions {
  readonly engine: Engine;
  /** What confirmed checkpoints publish, where others read it too; null: nowhere. */
  readonly published: Pick<HotState, "get"> | null;
  readonly limits: HttpLimits;
  readonly log: LogFailure;
}

/** Most of them go on as the text that they came as. */
export class ReadAnswer<Value = unknown> {
  constructor(
    readonly epoch: number,
    readonly position: Readonly<Record<string, number>>,
    /** What the query answered, as JSON text. */
    readonly json: string,
    /** Members that say how old the answer is; empty for a strict one. */
    readonly age: { readonly consistency?: "local" | "cached"; readonly ageMs?: number },
    /** Null while the actor takes its messages; absent from a cached answer. */
    readonly suspended?: Answered["suspended"],
  ) {}

  /** What the query answered. */
  get value(): Value {
    return JSON.parse(this.json);
  }
}

export class ActorReader {
  readonly #options: ReaderOptions;
  /**
   * Its own answers: no checkpoint may have confirmed what they reflect, so nobody else reads them. Their times are those of
   * a clock that nobody sets.
   */
  readonly #remembered = new MemoryHotState();

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  async read(
    target: Address,
    query: string,
    args: Readonly<Record<string, unknown>>,
    consistency: Consistency,
  ): Promise<ReadAnswer> {
    // With arguments there is no end of different answers, and hardly one is asked for twice.
    const key = consistency === "cached" && Object.keys(args).length === 0 ? hotKey(target, query) : null;
    const cached = key === null ? null : await this.#cached(key);
    if (cached !== null && cached !== "unreachable") return cached;
    // Nothing cached, or too old: what the thread knows is the next best.
    const asked = consistency === "cached" ? "local" : consistency;
    const { engine, limits } = this.#options;
    const result = await engine.ask(target, query, args, {
      consistency: asked,
      deadlineMs: limits.askDeadlineMs,
    });
    const answered = expectAnswer(result, target, query);
    // Only what is read from there is put there: a strict read pays nothing for it.
    if (key !== null && cached === null) await this.#remember(key, answered);
    return readAnswer(answered, asked);
  }

  /** The actor's last messages. */
  async trace(
    target: Address,
    limit: number,
    consistency: "strict" | "local",
  ): Promise<ReadAnswer<TraceAnswer>> {
    const { engine, limits } = this.#options;
    const result = await engine.trace(target, limit, { consistency, deadlineMs: limits.askDeadlineMs });
    const answered = expectAnswer(result, target, "trace");
    return readAnswer<TraceAnswer>(answered, consistency);
  }

  async #cached(key: string): Promise<ReadAnswer | "unreachable" | null> {
    const { published, limits, log } = this.#options;
    try {
      const shared = await published?.get(key) ?? null;
      const own = onTheWall(await this.#remembered.get(key));
      const entry = newerOf(shared, own);
      if (entry === null) return null;
      // Its own that is too old to be given holds off an older one all the same.
      const maxAgeMs = entry === own ? limits.maxRememberedAgeMs : limits.maxPublishedAgeMs;
      return ageOf(entry) <= maxAgeMs ? cachedAnswer(entry) : null;
    } catch (thrown) {
      if (!(thrown instanceof HotError)) {
        log(`Cannot read a cached answer; the actor is asked instead: ${errorMessage(thrown)}`, thrown);
      }
      return "unreachable";
    }
  }

  async #remember(key: string, { epoch, positions, json, ageMs }: Answered): Promise<void> {
    const atMs = performance.now() - ageMs;
    await this.#remembered.put([{ key, epoch, ...standingOf(positions), atMs, json }]);
  }
}

function ageOf({ atMs }: HotEntry): number {
  return Math.max(0, Date.now() - atMs);
}

/** Of a remembered one, which then compares with what was published. */
function onTheWall(entry: HotEntry | null): HotEntry | null {
  return entry === null ? null : { ...entry, atMs: Date.now() - (performance.now() - entry.atMs) };
}

/** So that whoever was told of the one is not told of an older one next. */
function newerOf(one: HotEntry | null, other: HotEntry | null): HotEntry | null {
  if (one === null || other === null) return one ?? other;
  return isOlder(one, other) ? other : one;
}

function cachedAnswer(entry: HotEntry): ReadAnswer {
  const { epoch, position, json } = entry;
  const age = { consistency: "cached", ageMs: ageOf(entry) } as const;
  return new ReadAnswer(epoch, { [MAILBOX]: position }, json, age);
}

type Answered = Extract<AskResult, { type: "answered" }>;

function readAnswer<Value>(answered: Answered, consistency: "strict" | "local"): ReadAnswer<Value> {
  const { epoch, positions, json, suspended, ageMs } = answered;
  return new ReadAnswer(
    epoch,
    positions,
    json,
    consistency === "strict" ? {} : { consistency, ageMs },
    suspended,
  );
}

function expectAnswer(result: AskResult, target: Address, query: string): Answered {
  switch (result.type) {
    case "answered":
      return result;
    case "absent":
      throw new ProblemError("unknown-actor", `${target.kind} "${target.id}" has never had a message.`);
    case "unknown":
      throw new ProblemError("unknown-query", result.sentence);
    case "invalid":
      throw new ProblemError("bad-query", result.sentence);
    case "failed":
      // The query is code of ours or of a user's own actor; it met a state it cannot read.
      throw new Error(`Query ${query} of ${target.kind} "${target.id}" failed: ${result.sentence}`);
    case "moved":
      throw new ProblemError("shard-moved", `The shard of ${target.kind} "${target.id}" is moving.`, {
        headers: { "retry-after": "1" },
      });
  }
}
