/**
 * Asks on their way to the host, or the node, that has the shard.
 *
 * 1. A strict ask is answered when all that the log held after it was asked is folded, so that its answer reflects every
 *    append that was acknowledged before.
 * 2. An ask whose shard moves, or whose host or node dies, is made again until its deadline; then it throws an
 *    `EngineError` "timeout", which says what it was waiting for.
 * 3. What another node asks is answered here or not at all: an ask goes one hop.
 * 4. Asks under way are bounded.
 */

import { type Address } from "../core/actor.ts";
import { MAILBOX } from "../core/checkpoint.ts";
import { shardOf } from "../core/murmur2.ts";
import type { Answer, ShardQuery } from "../core/shard_api.ts";
import { LogError } from "../log/port.ts";
import type { Clock } from "./clock.ts";
import { type AskOptions, type AskResult, EngineError } from "./engine.ts";
import { maxAsks, movedPauseMs, refusedRetryS } from "./limits.ts";
import type { LogEnds } from "./log_ends.ts";
import type { NodeView } from "./node_view.ts";
import type { Question, Reply } from "./peer_protocol.ts";
import type { Peers, Way } from "./peers.ts";
import { errorCode } from "./retry.ts";
import type { ShardBoard } from "./shard_board.ts";
import { askSentence, askWaiting, awayWaiting } from "./waiting.ts";

type Request = ShardQuery["request"];

/** Without a reason, each `abort` makes an exception with its stack: a twelfth of what an ask costs this thread. */
const isAnswered = "it is answered";

/** What becomes of an ask. A shard that is refused answers nothing. */
type Outcome = AskResult | { readonly type: "refused"; readonly sentence: string };

export interface RouterParts {
  readonly clock: Clock;
  readonly board: ShardBoard;
  readonly ends: LogEnds;
  /** Tells who waits in vain what for. */
  readonly view: Pick<NodeView, "standing">;
  /** Null where there is no other node. */
  readonly peers: Pick<Peers, "ask"> | null;
  /** Whether the shard is this node's. */
  isOwn(shard: number): boolean;
  /** Calls the shard's host; fails with code "host_died" when that dies first, "refused" when the shard is. */
  call(shard: number, folded: number, request: Request): Promise<Answer>;
  /** Log time now, epoch milliseconds. */
  logNowMs(): number;
}

/** An ask under way. */
interface Asking {
  readonly shard: number;
  readonly request: Request;
  readonly isStrict: boolean;
  readonly isOfPeer: boolean;
  readonly deadlineMs: number;
  /** By the clock. */
  readonly endMs: number;
  /** Aborted when nobody waits any more. */
  readonly signal: AbortSignal;
  readonly way: Way;
  /** Below which everything must be folded; not yet the log's end. */
  readonly known: number;
  /** That end, once it was asked for. */
  end: number | null;
}

type Wanted = Pick<Asking, "shard" | "request" | "isStrict" | "deadlineMs">;

export class Router {
  readonly #parts: RouterParts;
  #underWay = 0;
  #isStopped = false;

  constructor(parts: RouterParts) {
    this.#parts = parts;
  }

  ask({ kind, id }: Address, query: string, args: unknown, options: AskOptions): Promise<AskResult> {
    return this.#askActor({ type: "ask", kind, id, query, arguments: args }, options);
  }

  /** The actor's last messages: a query that every kind has. */
  trace({ kind, id }: Address, limit: number, options: AskOptions): Promise<AskResult> {
    return this.#askActor({ type: "trace", kind, id, limit }, options);
  }

  async #askActor(
    request: Extract<Request, { type: "ask" | "trace" }>,
    { consistency, deadlineMs }: AskOptions,
  ): Promise<AskResult> {
    const shard = shardOf(request.id, this.#parts.board.shardCount);
    const isStrict = consistency === "strict";
    const outcome = await this.#send({ shard, request, isStrict, deadlineMs });
    if (outcome.type === "refused") throw refusedError(outcome.sentence);
    return isStrict ? { ...outcome, ageMs: 0 } : outcome;
  }

  /** What another node asks. Settles when `signal` is aborted, with anything. */
  async answer(
    { shard, folded, request, isStrict, deadlineMs }: Question,
    signal: AbortSignal,
  ): Promise<Reply> {
    try {
      return await this.#send({ shard, request, isStrict, deadlineMs }, { folded, signal });
    } catch (thrown) {
      if (!(thrown instanceof EngineError)) throw thrown;
      const { code, message: sentence, retryAfterS, waiting } = thrown;
      if (code === "keys_full" || code === "log_full" || waiting?.type === "send") throw thrown;
      return { type: "error", code, sentence, retryAfterS, waiting };
    }
  }

  /**
   * Resolves when everything appended to the shards so far is folded and in a confirmed checkpoint; without `shards`, to
   * all of them that are not refused.
   */
  async flush(deadlineMs: number, shards?: readonly number[]): Promise<void> {
    await Promise.all((shards ?? this.#allShards()).map(async (shard) => {
      const flushed = await this.#askShard("flush", shard, { type: "barrier" }, deadlineMs);
      if (flushed.type === "refused" && shards !== undefined) throw refusedError(flushed.sentence);
    }));
  }

  /**
   * By partition, the last record that any of the shards has folded of a foreign topic. Throws while one is refused, which
   * might know what no other does.
   */
  async lastRecords(deadlineMs: number): Promise<ReadonlyMap<string, number>> {
    const last = new Map<string, number>();
    await Promise.all(
      this.#allShards().map(async (shard) => {
        const answer = await this.#askShard("ask", shard, { type: "records" }, deadlineMs);
        if (answer.type === "refused") {
          const { sentence } = answer;
          throw refusedError(
            `What was read before is not known while shard ${shard} is refused: ${sentence}`,
          );
        }
        for (const [name, offset] of Object.entries<number>(JSON.parse(answer.json))) {
          last.set(name, Math.max(offset, last.get(name) ?? offset));
        }
      }),
    );
    return last;
  }

  #allShards(): number[] {
    return Array.from({ length: this.#parts.board.shardCount }, (_, shard) => shard);
  }

  /** What the shard itself answers, once it has folded everything appended to it so far. */
  async #askShard(
    what: string,
    shard: number,
    request: Request,
    deadlineMs: number,
  ): Promise<Extract<Outcome, { type: "answered" | "refused" }>> {
    const outcome = await this.#send({ shard, request, isStrict: true, deadlineMs });
    if (outcome.type === "answered" || outcome.type === "refused") return outcome;
    const found = "sentence" in outcome ? outcome.sentence : `it answered "${outcome.type}"`;
    throw new EngineError("unavailable", `Cannot ${what} shard ${shard}: ${found}`);
  }

  /** Refuses asks from now on, and those under way at their next turn. */
  stop(): void {
    this.#isStopped = true;
  }

  /** How old an answer of an own shard may be that did not wait for the log's end. */
  #ageMs(shard: number, answer: Answer): number {
    const { board, ends, logNowMs } = this.#parts;
    if (answer.type === "answered") {
      const { end, forMs } = ends.known(shard);
      const behindMs = Math.max(0, logNowMs() - answer.nowMs);
      const isCurrent = (answer.positions[MAILBOX] ?? -1) + 1 >= end;
      return isCurrent ? Math.min(forMs, behindMs) : behindMs;
    }
    const oldestMs = board.oldestWaitingMs(shard);
    return oldestMs === null ? 0 : Math.max(0, logNowMs() - oldestMs);
  }

  /** `peer`: what another node asks; it knows of appends that this one may not know of. */
  async #send(
    wanted: Wanted,
    peer: { readonly folded: number; readonly signal: AbortSignal } | null = null,
  ): Promise<Outcome> {
    if (this.#underWay >= maxAsks) {
      throw new EngineError("overloaded", `Cannot ask: ${this.#underWay} asks are under way already`);
    }
    this.#underWay += 1;
    const { clock, board } = this.#parts;
    const over = new AbortController();
    const asking: Asking = {
      ...wanted,
      isOfPeer: peer !== null,
      endMs: clock.nowMs() + wanted.deadlineMs,
      signal: over.signal,
      way: { wrongTable: 0, node: null, trouble: null },
      known: wanted.isStrict ? Math.max(board.end(wanted.shard), peer?.folded ?? 0) : 0,
      end: null,
    };
    let giveUp = () => {};
    const deadline = new Promise<never>((_, reject) => giveUp = () => reject(this.#timeout(asking)));
    const timer = setTimeout(giveUp, wanted.deadlineMs);
    peer?.signal.addEventListener("abort", giveUp);
    try {
      return await Promise.race([this.#repeat(asking), deadline]);
    } finally {
      clearTimeout(timer);
      peer?.signal.removeEventListener("abort", giveUp);
      over.abort(isAnswered);
      this.#underWay -= 1;
    }
  }

  /** Asks until there is an answer that is not "moved". */
  async #repeat(asking: Asking): Promise<Outcome> {
    const moved = { type: "moved", ageMs: 0 } as const;
    for (;;) {
      if (this.#isStopped) throw new EngineError("stopping", "Cannot ask: the node is stopping");
      const isHere = this.#isHere(asking.shard);
      if (!isHere && asking.isOfPeer) return moved;
      const outcome = await (isHere ? this.#askHost(asking) : this.#askPeer(asking));
      if (outcome !== null) return outcome;
      if (asking.signal.aborted) return moved;
      await this.#parts.clock.sleep(movedPauseMs);
    }
  }

  #isHere(shard: number): boolean {
    return this.#parts.peers === null || this.#parts.isOwn(shard);
  }

  /** Null: the shard moved, or its host died. */
  async #askHost(asking: Asking): Promise<Outcome | null> {
    const { shard, request } = asking;
    try {
      const answer = await this.#parts.call(shard, await this.#end(asking), request);
      return answer.type === "moved" ? null : { ...answer, ageMs: this.#ageMs(shard, answer) };
    } catch (thrown) {
      const code = errorCode(thrown);
      if (thrown instanceof Error && code === "refused") return { type: "refused", sentence: thrown.message };
      if (code !== "host_died") throw thrown;
      return null;
    }
  }

  /** Below which the shard must have folded everything. */
  async #end(asking: Asking): Promise<number> {
    if (!asking.isStrict) return asking.known;
    try {
      return asking.end ??= Math.max(asking.known, await this.#parts.ends.end(asking.shard));
    } catch (thrown) {
      if (!(thrown instanceof LogError)) throw thrown;
      const sentence =
        `Cannot learn what is to be folded: ${thrown.message.replace(/\.$/, "")}; with consistency ` +
        `"local" it is answered from what is folded.`;
      throw new EngineError("unavailable", sentence, 1, { cause: thrown });
    }
  }

  /** Null: no node answered. */
  async #askPeer({ known, ...asking }: Asking): Promise<Outcome | null> {
    const reply = await this.#parts.peers?.ask({ ...asking, folded: known }) ?? null;
    if (reply === null || reply.type !== "error") {
      return reply === null || reply.type === "moved" ? null : reply;
    }
    const { node } = asking.way;
    const { code, sentence, retryAfterS, waiting } = reply;
    throw new EngineError(code, `${sentence} (node ${node})`, retryAfterS, {
      ...waiting !== null && { waiting: { ...waiting, node } },
    });
  }

  #timeout({ shard, request, deadlineMs, way }: Asking): EngineError {
    const target = "kind" in request ? { kind: request.kind, id: request.id } : null;
    const isHere = this.#isHere(shard);
    const waiting = isHere
      ? askWaiting(target, this.#parts.view.standing(shard), deadlineMs)
      : awayWaiting(target, shard, way.node, deadlineMs);
    const trouble = isHere || way.trouble === null ? "" : `; ${way.node === null ? "" : "it "}${way.trouble}`;
    const advice = target === null ? "" : `, or with consistency "local"`;
    return new EngineError(
      "timeout",
      `${askSentence(waiting)}${trouble}. Ask again later${advice}`,
      1,
      { waiting },
    );
  }
}

function refusedError(sentence: string): EngineError {
  return new EngineError("unavailable", sentence, refusedRetryS);
}
