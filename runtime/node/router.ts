/**
 * Asks on their way to the host that owns the shard.
 *
 * 1. A strict ask carries the log's end as the node knows it, so that its answer reflects every append that was
 *    acknowledged before.
 * 2. An ask whose shard moves, or whose host dies, is made again until its deadline; then it throws an
 *    `EngineError` "timeout", which says what it was waiting for.
 * 3. Asks under way are bounded.
 */

import { type Address } from "../core/actor.ts";
import { MAILBOX } from "../core/checkpoint.ts";
import { shardOf } from "../core/murmur2.ts";
import type { Answer, ShardQuery } from "../core/shard_api.ts";
import type { Clock } from "./clock.ts";
import { type AskOptions, type AskResult, EngineError } from "./engine.ts";
import { maxAsks, movedPauseMs } from "./limits.ts";
import type { NodeView } from "./node_view.ts";
import { errorCode } from "./retry.ts";
import type { ShardBoard } from "./shard_board.ts";
import { askSentence, askWaiting } from "./waiting.ts";

type Question = Extract<ShardQuery["request"], { type: "ask" | "trace" }>;

export interface RouterParts {
  readonly clock: Clock;
  readonly board: ShardBoard;
  /** Tells who waits in vain what for. */
  readonly view: Pick<NodeView, "standing">;
  /** Calls the shard's host; fails with code "host_died" when that dies first, "refused" when the shard is. */
  call(shard: number, folded: number, request: ShardQuery["request"]): Promise<Answer>;
  /** Log time now, epoch milliseconds. */
  logNowMs(): number;
}

export class Router {
  readonly #parts: RouterParts;
  #underWay = 0;
  #isStopped = false;

  constructor(parts: RouterParts) {
    this.#parts = parts;
  }

  ask({ kind, id }: Address, query: string, args: unknown, options: AskOptions): Promise<AskResult> {
    return this.#ask({ type: "ask", kind, id, query, arguments: args }, options);
  }

  /** The actor's last messages: a query that every kind has. */
  trace({ kind, id }: Address, limit: number, options: AskOptions): Promise<AskResult> {
    return this.#ask({ type: "trace", kind, id, limit }, options);
  }

  async #ask(request: Question, { consistency, deadlineMs }: AskOptions): Promise<AskResult> {
    const { board } = this.#parts;
    const shard = shardOf(request.id, board.shardCount);
    const isStrict = consistency === "strict";
    const folded = isStrict ? board.end(shard) : 0;
    const answer = await this.#send(shard, folded, request, deadlineMs);
    return { ...answer, ageMs: isStrict ? 0 : this.#ageMs(shard, answer) };
  }

  /** Resolves when everything appended to the shards so far is folded and in a confirmed checkpoint. */
  async flush(deadlineMs: number, shards: readonly number[]): Promise<void> {
    await Promise.all(shards.map((shard) => this.#askShard("flush", shard, { type: "barrier" }, deadlineMs)));
  }

  /** By partition, the last record that any of the shards has folded of a foreign topic. */
  async lastRecords(deadlineMs: number, shards: readonly number[]): Promise<ReadonlyMap<string, number>> {
    const last = new Map<string, number>();
    await Promise.all(shards.map(async (shard) => {
      const json = await this.#askShard("ask", shard, { type: "records" }, deadlineMs);
      for (const [name, offset] of Object.entries<number>(JSON.parse(json))) {
        last.set(name, Math.max(offset, last.get(name) ?? offset));
      }
    }));
    return last;
  }

  /** What the shard itself answers, once it has folded everything appended to it so far. */
  async #askShard(
    what: string,
    shard: number,
    request: ShardQuery["request"],
    deadlineMs: number,
  ): Promise<string> {
    const answer = await this.#send(shard, this.#parts.board.end(shard), request, deadlineMs);
    if (answer.type === "answered") return answer.json;
    const found = "sentence" in answer ? answer.sentence : `it answered "${answer.type}"`;
    throw new EngineError("unavailable", `Cannot ${what} shard ${shard}: ${found}`);
  }

  /** Refuses asks from now on, and those under way at their next turn. */
  stop(): void {
    this.#isStopped = true;
  }

  /** How old an answer may be that did not wait for the log's end. */
  #ageMs(shard: number, answer: Answer): number {
    const { board, logNowMs } = this.#parts;
    if (answer.type === "answered") {
      const isCurrent = (answer.positions[MAILBOX] ?? -1) + 1 >= board.end(shard);
      return isCurrent ? 0 : Math.max(0, logNowMs() - answer.nowMs);
    }
    const oldestMs = board.oldestWaitingMs(shard);
    return oldestMs === null ? 0 : Math.max(0, logNowMs() - oldestMs);
  }

  async #send(
    shard: number,
    folded: number,
    request: ShardQuery["request"],
    deadlineMs: number,
  ): Promise<Answer> {
    if (this.#underWay >= maxAsks) {
      throw new EngineError("overloaded", `Cannot ask: ${this.#underWay} asks are under way already`);
    }
    this.#underWay += 1;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const isOver = { now: false };
    const deadline = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        isOver.now = true;
        reject(this.#timeout(shard, request, deadlineMs));
      }, deadlineMs);
    });
    try {
      return await Promise.race([this.#repeat(shard, folded, request, isOver), deadline]);
    } finally {
      clearTimeout(timer);
      this.#underWay -= 1;
    }
  }

  /** Asks until there is an answer that is not "moved". */
  async #repeat(
    shard: number,
    folded: number,
    request: ShardQuery["request"],
    isOver: { readonly now: boolean },
  ): Promise<Answer> {
    for (;;) {
      if (this.#isStopped) throw new EngineError("stopping", "Cannot ask: the node is stopping");
      try {
        const answer = await this.#parts.call(shard, folded, request);
        if (answer.type !== "moved" || isOver.now) return answer;
      } catch (thrown) {
        const code = errorCode(thrown);
        if (thrown instanceof Error && code === "refused") {
          throw new EngineError("unavailable", thrown.message, 30, { cause: thrown });
        }
        if (code !== "host_died") throw thrown;
      }
      if (isOver.now) return { type: "moved" };
      await this.#parts.clock.sleep(movedPauseMs);
    }
  }

  #timeout(shard: number, request: ShardQuery["request"], waitedMs: number): EngineError {
    const target = "kind" in request ? { kind: request.kind, id: request.id } : null;
    const waiting = askWaiting(target, this.#parts.view.standing(shard), waitedMs);
    const advice = target === null ? "" : `, or with consistency "local"`;
    return new EngineError("timeout", `${askSentence(waiting)}. Ask again later${advice}`, 1, { waiting });
  }
}
