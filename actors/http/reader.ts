/** Asks actors, at the consistency that was wanted, and turns what they cannot answer into problems. */

import type { Address } from "../../runtime/core/actor.ts";
import { MAILBOX } from "../../runtime/core/checkpoint.ts";
import { errorMessage } from "../../runtime/core/errors.ts";
import type { TraceAnswer } from "../../runtime/core/queries.ts";
import { HotError, hotKey, type HotState, standingOf } from "../../runtime/hot/port.ts";
import type { AskResult, Consistency, Engine } from "../../runtime/node/engine.ts";
import type { LogFailure } from "./failure.ts";
import type { HttpLimits } from "./limits.ts";
import { ProblemError } from "./problem.ts";

export interface ReaderOptions {
  readonly engine: Engine;
  readonly hot: HotState;
  readonly limits: HttpLimits;
  readonly log: LogFailure;
}

export interface ReadAnswer<Value = unknown> {
  readonly epoch: number;
  readonly position: Readonly<Record<string, number>>;
  /** What the query answered. */
  readonly value: Value;
  /** Null while the actor takes its messages; absent from a cached answer. */
  readonly suspended?: Answered["suspended"];
  /** Members that say how old the answer is; empty for a strict one. */
  readonly age: { readonly consistency?: "local" | "cached"; readonly ageMs?: number };
}

export class ActorReader {
  readonly #options: ReaderOptions;

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
    if (key !== null && cached === null) this.#remember(key, answered);
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
    return { ...readAnswer(answered, consistency), value: JSON.parse(answered.json) };
  }

  async #cached(key: string): Promise<ReadAnswer | "unreachable" | null> {
    const { hot, limits, log } = this.#options;
    try {
      const entry = await hot.get(key);
      const ageMs = entry === null ? Infinity : Math.max(0, Date.now() - entry.atMs);
      if (entry === null || ageMs > limits.maxCachedAgeMs) return null;
      return {
        epoch: entry.epoch,
        position: { [MAILBOX]: entry.position },
        value: JSON.parse(entry.json),
        age: { consistency: "cached", ageMs },
      };
    } catch (thrown) {
      if (thrown instanceof HotError) return "unreachable";
      log(`Cannot read a cached answer; the actor is asked instead: ${errorMessage(thrown)}`, thrown);
      return null;
    }
  }

  #remember(key: string, { epoch, positions, json, ageMs }: Answered): void {
    const { hot, log } = this.#options;
    const entry = { key, epoch, ...standingOf(positions), atMs: Date.now() - ageMs, json };
    hot.put([entry]).catch((thrown: unknown) => {
      if (!(thrown instanceof HotError)) log(`Cannot cache an answer: ${errorMessage(thrown)}`, thrown);
    });
  }
}

type Answered = Extract<AskResult, { type: "answered" }>;

function readAnswer(answered: Answered, consistency: "strict" | "local"): ReadAnswer {
  const { epoch, positions: position, json, suspended, ageMs } = answered;
  const age = consistency === "strict" ? {} : { consistency, ageMs };
  return { epoch, position, value: JSON.parse(json), suspended, age };
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
