/** A node for tests; see `../testkit.ts`. */

import type { Address, Json, ServiceOutcome } from "../core/actor.ts";
import { actorKey } from "../core/actor_table.ts";
import type { StoredDeadLetter } from "../core/checkpoint.ts";
import type { Control } from "../core/control.ts";
import type { ShardLimits } from "../core/limits.ts";
import type { AnyDefinition } from "../core/registry.ts";
import { controlPiece } from "../node/control.ts";
import type { Suspended } from "../node/engine.ts";
import type { AnswerOf } from "./answer_types.ts";
import { defaultShards, firstMs, testShardLimits } from "./limits.ts";
import { MemoryNode } from "./memory_node.ts";
import { expectReplays } from "./plain_fold.ts";
import type { Received } from "./probe.ts";
import { checkMessage, definitionOf, piecesOf } from "./requests.ts";

/** Definitions as a list, or made anew for every start of a host, as a thread imports its module anew. */
export type Definitions<D extends AnyDefinition> = readonly D[] | (() => readonly D[]);

export interface TestNodeOptions<D extends AnyDefinition> {
  readonly definitions: Definitions<D>;
  /** 2 by default, so that some messages go from shard to shard. */
  readonly shards?: number;
  /** Of the order in which shards take turns, on which no actor may depend. */
  readonly seed?: number;
  /** As in production, but for those given, and effects that leave at once. */
  readonly limits?: Partial<ShardLimits>;
  /** Log time at the start, epoch milliseconds; 2026-01-01 by default. */
  readonly startMs?: number;
}

/** What an actor asked a service. */
export interface ServiceRequest {
  readonly id: string;
  readonly service: string;
  readonly from: Address;
  readonly body: Json;
  /** Log time. */
  readonly dueMs: number;
}

export function defining(definitions: Definitions<AnyDefinition>): () => readonly AnyDefinition[] {
  return typeof definitions === "function" ? definitions : () => definitions;
}

/**
 * A node in this thread: the real shards on a log and a store in memory, under a clock that stands still until it is
 * moved. It needs no permission.
 *
 * 1. Nothing happens by itself, and the same calls give the same run.
 * 2. What was sent is durable at once; it is folded by `run`, `advance` and whatever reads.
 * 3. `run` saves what must be saved before messages go from shard to shard; the rest is saved a second of log time
 *    after it was folded. What is not saved is folded anew after a death.
 * 4. Its errors are sentences, thrown.
 *
 * ```ts
 * import { TestNode } from "../runtime/testkit.ts";
 * const node = new TestNode({ definitions: [counter] });
 * node.send({ kind: "counter", id: "a" }, { add: 2 });
 * node.killHost();
 * assert.deepEqual(node.ask({ kind: "counter", id: "a" }, "state"), { count: 2 });
 * ```
 */
export class TestNode<D extends AnyDefinition = AnyDefinition> {
  readonly #node: MemoryNode;

  constructor({ definitions, shards = defaultShards, seed, limits, startMs }: TestNodeOptions<D>) {
    if (!Number.isSafeInteger(shards) || shards < 1) {
      throw new Error(
        `Cannot make a node of ${shards} shards: it has 1 at least, and a whole number of them`,
      );
    }
    this.#node = new MemoryNode({
      define: defining(definitions),
      shards,
      seed: seed ?? 1,
      limits: { ...testShardLimits, ...limits },
      startMs: startMs ?? firstMs,
    });
  }

  /** Log time, epoch milliseconds. */
  get nowMs(): number {
    return this.#node.nowMs;
  }

  /**
   * Puts a message into the log. Throws when the kind is unknown or refuses it.
   *
   * @param options.key an idempotency key: the same message under the same key is folded once
   */
  send(to: Address, message: Json, { key }: { readonly key?: string } = {}): void {
    checkMessage(this.#node.registry, to, message);
    this.#node.append(piecesOf(this.#node, [{ to, message }], key ?? null));
  }

  /** Folds, commits and delivers from shard to shard until nothing is left to do at this moment. */
  run(): void {
    this.#node.settle();
  }

  /** Moves the clock on by whole milliseconds: timers fire when they are due, one after another, and checkpoints are made. */
  advance(durationMs: number): void {
    if (!Number.isSafeInteger(durationMs) || durationMs < 0) {
      throw new Error(`Cannot move the clock by ${durationMs} ms: it goes forward, by whole milliseconds`);
    }
    this.#node.advance(durationMs);
  }

  /**
   * The answer to a query, which reflects everything sent before. Throws when there is none: an actor that has never
   * had a message, a query that is unknown or throws, arguments that it refuses.
   */
  ask<const K extends string, const Q extends string>(
    target: { readonly kind: K; readonly id: string },
    query: Q,
    args: unknown = {},
  ): AnswerOf<D, K, Q> {
    definitionOf(this.#node.registry, "ask", target);
    const answer = this.#node.ask(target, query, args);
    switch (answer.type) {
      case "answered":
        return JSON.parse(answer.json);
      case "absent":
        throw new Error(`Cannot ask ${actorKey(target)}: it has never had a message`);
      case "unknown":
      case "invalid":
      case "failed":
        throw new Error(`Cannot ask ${actorKey(target)}: ${answer.sentence}`);
      case "moved":
        throw new Error(`Cannot ask ${actorKey(target)}: its shard stopped`);
      default:
        return answer satisfies never;
    }
  }

  /** What the actor of a kind made by `probe` was sent so far, in order. */
  received(target: Address): readonly Received[] {
    const { queries } = definitionOf(this.#node.registry, "look at", target);
    if (queries["received"] === undefined) {
      throw new Error(`Cannot look at what ${actorKey(target)} received: "${target.kind}" is no probe`);
    }
    const answer = this.#node.ask(target, "received", {});
    return answer.type === "answered" ? JSON.parse(answer.json) : [];
  }

  /**
   * The actor's next turn throws at its end, and does so in every replay: its message becomes a dead letter, and its
   * shard folds anew from the last checkpoint.
   */
  crashActor(target: Address): void {
    definitionOf(this.#node.registry, "crash", target);
    this.#node.faults.crash(target);
  }

  /** The host dies now: what its shards had in memory is gone, and another host takes them over. */
  killHost(): void {
    this.#node.killHost();
  }

  /** The host dies at the end of the actor's next turn, and so do its successors, `times` in all; five bury the message. */
  killHostInTurn(target: Address, times = 1): void {
    definitionOf(this.#node.registry, "kill the host of", target);
    this.#node.faults.kill(target, times);
  }

  /**
   * The process dies and is started again: what it had in memory is gone, log and store are there.
   *
   * @param definitions those of a newer program, say, which must read what the older one left
   */
  loseNode(definitions?: Definitions<AnyDefinition>): void {
    if (definitions !== undefined) this.#node.define = defining(definitions);
    this.#node.lose();
  }

  /** The dead letters so far, oldest first. Makes a checkpoint: letters are listed when they are saved. */
  deadLetters(): readonly StoredDeadLetter[] {
    return this.#node.deadLetters();
  }

  /** Throws a sentence that lists the dead letters when there are any. */
  expectNoDeadLetters(): void {
    const letters = this.deadLetters();
    if (letters.length === 0) return;
    const listed = letters.map(({ kind, actorId, reason, detail, message }) =>
      `${kind}/${actorId}, ${reason} (${detail}): ${message}`
    );
    throw new Error(
      `Expected no dead letters, found ${letters.length}:\n  ${listed.join("\n  ")}`,
    );
  }

  /**
   * Throws unless the node is what a plain fold of its log makes of it: every state and timer, all that was sent from
   * shard to shard, and all dead letters. A host that was killed in the same turn five times is not told to the fold.
   */
  expectReplays(): void {
    expectReplays(this.#node);
  }

  /** Actors that threw too often and take no messages until they are resumed. */
  suspended(): readonly Suspended[] {
    return this.#node.suspended();
  }

  /** Ends an actor's suspension: "resume" folds the messages that wait for it, "discard" makes dead letters of them. */
  resume(target: Address, control: Control = "resume"): void {
    definitionOf(this.#node.registry, "resume", target);
    this.#node.append([controlPiece(target, control, null, this.#node.shardCount)]);
  }

  /** What actors asked services and nobody has replied to yet, in the order of asking; past its deadline, none is. */
  requests(): readonly ServiceRequest[] {
    this.run();
    const open = [...this.#node.requests].filter(([, { dueMs }]) => dueMs > this.#node.nowMs);
    return open.map(([id, { from, service, body, dueMs }]) => ({
      id,
      service,
      from,
      body: JSON.parse(body),
      dueMs,
    }));
  }

  /** Replies to one of `requests` as its service would. The reply is durable at once. */
  reply({ id }: Pick<ServiceRequest, "id">, outcome: ServiceOutcome): void {
    const request = this.#node.requests.get(id);
    if (request === undefined) {
      throw new Error(`Cannot reply to request ${id}: nobody asked it, or it has its reply`);
    }
    this.#node.reply(id, request, outcome);
  }
}
