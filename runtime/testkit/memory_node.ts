/**
 * A node in one thread: its host's shards, a log, a store, a gateway, and a clock that is moved by hand.
 *
 * 1. Nothing happens by itself, and every choice is drawn from one generator: the same calls give the same run.
 * 2. Log and store survive whatever dies; what a host had in memory does not.
 */

import type { Address, ServiceOutcome } from "../core/actor.ts";
import type { HostDeath } from "../core/attempts.ts";
import type { StoredDeadLetter } from "../core/checkpoint.ts";
import { joinFrame } from "../core/frame.ts";
import type { ShardLimits } from "../core/limits.ts";
import { shardOf } from "../core/murmur2.ts";
import { type AnyDefinition, Registry } from "../core/registry.ts";
import type { Answer } from "../core/shard_api.ts";
import { MemoryLogCore } from "../log/memory_log_core.ts";
import { replyPiece } from "../node/control.ts";
import type { ShardRequest } from "../node/host_protocol.ts";
import type { Piece } from "../node/batch.ts";
import type { Suspended } from "../node/engine.ts";
import { readTurnBoard, turnBoardBytes } from "../node/turn_board.ts";
import { Prng } from "../simulation/prng.ts";
import { MemoryStoreCore } from "../store/memory_store_core.ts";
import { asEver, DrivenShard, type Host, type Manner } from "./driven_shard.ts";
import { Faults } from "./faults.ts";
import { maxAsks, maxCheckpoints, maxFramesAtOnce, maxHappenings } from "./limits.ts";

export interface MemoryNodeOptions {
  /** Called whenever a host starts, as a thread imports its module anew. */
  readonly define: () => readonly AnyDefinition[];
  readonly shards: number;
  readonly seed: number;
  readonly limits: ShardLimits;
  readonly startMs: number;
}

export class MemoryNode {
  readonly random: Prng;
  readonly faults = new Faults(() => this.#die());
  readonly log: MemoryLogCore;
  readonly store: MemoryStoreCore;
  /** Log time, and the hosts' monotonic clock. */
  nowMs: number;
  /** Hosts that died. */
  deaths = 0;
  define: MemoryNodeOptions["define"];
  registry: Registry;
  readonly limits: ShardLimits;
  readonly #board = new SharedArrayBuffer(turnBoardBytes);
  #shards: readonly DrivenShard[] = [];
  /** What dead hosts had asked for, on its way. */
  #strays: (() => unknown)[] = [];
  /** In which turn the host dies; null while it lives. */
  #dying: { readonly shard: number; readonly death: HostDeath | null } | null = null;
  /** What services were asked and have not replied to, by id. */
  readonly requests = new Map<string, ShardRequest>();
  readonly #replied = new Set<string>();
  readonly #answers = new Map<number, Answer>();
  #lastQueryId = 0;
  /** Appended so far. */
  #frames = 0;
  #gateways = 1;
  /** By shard, the gateway's last number. */
  #numbers: number[];

  constructor({ define, shards, seed, limits, startMs }: MemoryNodeOptions) {
    this.random = new Prng(seed);
    this.define = define;
    this.limits = limits;
    this.nowMs = startMs;
    this.log = new MemoryLogCore(shards);
    this.store = new MemoryStoreCore(shards, () => this.nowMs);
    this.#numbers = new Array<number>(shards).fill(0);
    this.registry = this.#start();
  }

  get shardCount(): number {
    return this.log.shards;
  }

  #start(dead: { readonly shard: number; readonly death: HostDeath | null } | null = null): Registry {
    const registry = new Registry(this.define());
    const host: Host = {
      registry: new Registry(registry.definitions.map((definition) => this.faults.within(definition))),
      shardCount: this.shardCount,
      limits: this.limits,
      log: {
        append: (shard, text) => this.#append(shard, text),
        read: (shard, from, maxBytes) => this.log.read(shard, from, maxBytes),
      },
      store: this.store,
      board: this.#board,
      nowMs: () => this.nowMs,
      isDying: () => this.#dying !== null,
      answered: (queryId, answer) => this.#answers.set(queryId, answer),
      requested: (request) => {
        const id = `${request.shard}.${request.n}`;
        if (!this.#replied.has(id)) this.requests.set(id, request);
      },
    };
    this.#shards = this.#numbers.map((_, shard) =>
      new DrivenShard(host, shard, dead?.shard === shard ? dead.death : null)
    );
    return registry;
  }

  #append(shard: number, text: string): void {
    this.#frames++;
    this.log.appendNow([{ shard, text }], this.nowMs);
  }

  append(pieces: readonly Piece[]): void {
    for (const { shard, types, text } of pieces) {
      const n = this.#numbers[shard]! + 1;
      this.#numbers[shard] = n;
      const start = `gateway ${this.#gateways}`;
      this.#append(shard, joinFrame({ type: "gateway", start, n }, types, [text]));
    }
  }

  /** Replies to one of `requests`, which its shard may ask again before it has folded the reply. */
  reply(id: string, { from, n }: ShardRequest, outcome: ServiceOutcome): void {
    this.requests.delete(id);
    this.#replied.add(id);
    this.append([replyPiece(from, { request: n, outcome }, this.shardCount)]);
  }

  /** To be called in a turn. */
  #die(): never {
    const { shard, death } = readTurnBoard(this.#board);
    this.#dying = { shard, death };
    throw new Error("The host dies here");
  }

  /** The host dies, in the turn that it was in if it was in one; another one takes its shards over. */
  killHost(): void {
    const dead = this.#dying;
    this.#dying = null;
    this.deaths++;
    for (const shard of this.#shards) this.#strays.push(...shard.die());
    this.registry = this.#start(dead);
  }

  /** The process dies, its gateway with it. */
  lose(): void {
    this.#gateways++;
    this.#numbers.fill(0);
    this.killHost();
  }

  /** Goes on until nothing is left to do at this moment. */
  settle(): void {
    for (let happened = 0; happened < maxHappenings; happened++) {
      if (!this.#happen(() => 0, asEver)) return this.#checkRefusals();
    }
    throw this.#restless();
  }

  #restless(): Error {
    return new Error(
      `The node is still busy after a great many steps at one moment: do actors of different shards answer each ` +
        `other without end? A timer between two messages lets time pass`,
    );
  }

  /** Lets one thing happen, any one, perhaps wrongly. */
  stir(): void {
    const { random } = this;
    if (this.#strays.length > 0 && random.chance(0.1)) {
      this.#strays.splice(random.int(this.#strays.length), 1)[0]?.();
      for (const shard of this.#shards) shard.wake();
      return;
    }
    const manner: Manner = {
      frames: random.range(1, maxFramesAtOnce),
      sliceMs: random.int(2),
      goesWrong: random.chance(0.1),
    };
    this.#happen((waiting) => random.int(waiting), manner);
  }

  /** False when there is nothing to do. */
  #happen(choose: (waiting: number) => number, manner: Manner): boolean {
    const busy = this.#shards.filter(({ waiting, refusal }) => waiting > 0 && refusal === null);
    if (busy.length === 0) return false;
    const shard = this.random.pick(busy);
    shard.happen(choose(shard.waiting), manner);
    if (this.#dying !== null) this.killHost();
    return true;
  }

  #checkRefusals(): void {
    for (const { refusal } of this.#shards) if (refusal !== null) throw new Error(refusal);
  }

  /** Moves the clock on, and settles whenever something is due. */
  advance(durationMs: number): void {
    const endMs = this.nowMs + durationMs;
    this.settle();
    while (this.nowMs < endMs) {
      const wakeMs = Math.min(...this.#shards.map((shard) => shard.wakeAtMs()));
      this.moveClock(Math.min(endMs, Math.max(Math.ceil(wakeMs), this.nowMs + 1)) - this.nowMs);
      this.settle();
    }
  }

  moveClock(durationMs: number): void {
    this.nowMs += durationMs;
    for (const shard of this.#shards) shard.wake();
  }

  /** Everything there is to fold is folded and saved, and what comes of that too. */
  checkpoint(): void {
    this.settle();
    for (let made = 0; made < maxCheckpoints; made++) {
      const frames = this.#frames;
      for (const shard of this.#shards) shard.hurry();
      this.settle();
      // A checkpoint lets messages go to other shards, which fold them without another one.
      if (this.#frames === frames) return;
    }
    throw this.#restless();
  }

  ask({ kind, id }: Address, query: string, args: unknown): Answer {
    this.settle();
    const shard = shardOf(id, this.shardCount);
    const folded = this.log.extent(shard).end;
    for (let asked = 0; asked < maxAsks; asked++) {
      const queryId = ++this.#lastQueryId;
      this.#shards[shard]?.query({
        queryId,
        folded,
        request: { type: "ask", kind, id, query, arguments: args },
      });
      this.settle();
      const answer = this.#answers.get(queryId);
      this.#answers.delete(queryId);
      if (answer !== undefined && answer.type !== "moved") return answer;
    }
    throw new Error(`Nobody answered for ${kind}/${id}: its host died ${maxAsks} times with the question`);
  }

  /** Oldest first. */
  deadLetters(): readonly StoredDeadLetter[] {
    this.checkpoint();
    const { items } = this.store.deadLettersNow({ after: null, limit: Number.MAX_SAFE_INTEGER });
    // An id is made of the place, in numbers of any length.
    return [...items].sort((a, b) => a.atMs - b.atMs || a.id.localeCompare(b.id, "en", { numeric: true }));
  }

  suspended(): readonly Suspended[] {
    this.settle();
    return this.#shards.flatMap((shard) =>
      [...shard.gauges().suspended].map(([key, { sinceMs }]) => {
        // No kind has a slash.
        const slash = key.indexOf("/");
        return { kind: key.slice(0, slash), id: key.slice(slash + 1), sinceMs };
      })
    );
  }
}
