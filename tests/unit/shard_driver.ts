/**
 * Drives one shard against a store and a log that are plain arrays, and answers at once: for tests. Its host can die:
 * all memory is gone then, and the next host claims the shard.
 */

import assert from "node:assert/strict";
import {
  type Checkpoint,
  type Claim,
  type CommitResult,
  type DuePage,
  emptyMemory,
  type Loaded,
  MAILBOX,
  type OpenRequest,
  type OutboxFrame,
  type Positions,
  type ShardMemory,
} from "../../runtime/core/checkpoint.ts";
import type { Address, Json, ServiceOutcome } from "../../runtime/core/actor.ts";
import { attemptsAtClaim, type HostDeath } from "../../runtime/core/attempts.ts";
import { joinBytes, packedRow, packRows } from "../../runtime/core/bytes.ts";
import { type Control, controlBody, controlType, replyBody } from "../../runtime/core/control.ts";
import { encodeFrame, type WireType } from "../../runtime/core/frame.ts";
import type { Published } from "../../runtime/core/publishing.ts";
import { defaultShardLimits, type PublishingLimits, type ShardLimits } from "../../runtime/core/limits.ts";
import type { LogFrame } from "../../runtime/core/log_frame.ts";
import { packRecords, type TopicRecord } from "../../runtime/log/pack_records.ts";
import type { Registry } from "../../runtime/core/registry.ts";
import { Shard } from "../../runtime/core/shard.ts";
import type { Action, Answer, ShardQuery } from "../../runtime/core/shard_api.ts";
import { readTurnBoard, TurnBoard, turnBoardBytes } from "../../runtime/node/turn_board.ts";

type Append = Extract<Action, { type: "append" }>;

interface StoredRow {
  readonly kind: string;
  readonly id: string;
  readonly dueMs: number | null;
  readonly hot: Uint8Array;
  readonly cold: Uint8Array | null;
}

export type ServiceCall = Extract<Action, { type: "request" }>;

/** A foreign topic's partition, as far as it was read. */
interface TopicLog {
  readonly records: TopicRecord[];
  /** Index of the next record to be delivered. */
  next: number;
}

export class ShardDriver {
  /** The present host's. */
  shard: Shard;
  readonly registry: Registry;
  readonly log: LogFrame[] = [];
  readonly rows = new Map<string, StoredRow>();
  readonly requestRows = new Map<number, OpenRequest>();
  readonly checkpoints: Checkpoint[] = [];
  readonly sent: OutboxFrame[] = [];
  /** Every request that left the shard, repeats included. */
  readonly requested: ServiceCall[] = [];
  readonly answers = new Map<number, Answer>();
  readonly refusals: string[] = [];
  nowMs = 0;
  /** Of each delivery of a foreign topic. */
  recordsAtOnce = Infinity;
  readonly topics = new Map<string, TopicLog>();
  /** Of one run; 0 folds one frame. */
  sliceMs = 1000;
  /** Commits are made only when this is false. */
  holdsCommits = false;
  /** Appends to other shards are acknowledged by themselves only when this is false. */
  holdsAppends = false;
  readonly heldAppends: Append[] = [];
  /** Hosts that died. */
  deaths = 0;
  readonly #makeShard: () => Shard;
  readonly #board = new SharedArrayBuffer(turnBoardBytes);
  #isDead = false;
  /** What the next claim tells of. */
  #death: HostDeath | null = null;
  #held: Checkpoint[] = [];
  #epoch = 0;
  #positions: Positions = {};
  #memory: ShardMemory = emptyMemory;
  #n = 0;
  #delivered = 0;

  /** What was told of traced frames. */
  readonly folded: Extract<Action, { type: "folded" }>[] = [];
  /** How many actors each load asked for. */
  readonly loads: number[] = [];

  readonly published: Published[] = [];

  constructor(
    registry: Registry,
    limits: Partial<ShardLimits> = {},
    shard = 0,
    shardCount = 1,
    publishing: PublishingLimits | null = null,
    topics: readonly string[] = [],
  ) {
    this.registry = registry;
    const options = {
      shard,
      shardCount,
      registry,
      topics,
      limits: { ...defaultShardLimits, ...limits },
      publishing: publishing === null ? null : { limits: publishing, nowMs: () => this.nowMs },
    };
    this.#makeShard = () => new Shard({ ...options, witness: new TurnBoard(this.#board) });
    this.shard = this.#makeShard();
    for (const topic of topics) this.topics.set(topic, { records: [], next: 0 });
  }

  /** A record of a foreign topic comes. */
  appendRecord(topic: string, offset: number, key: string | null, value: string | null): void {
    const encode = (text: string | null) => text === null ? null : new TextEncoder().encode(text);
    this.topics.get(topic)?.records.push({ offset, key: encode(key), value: encode(value) });
  }

  /** Appends one frame of [kind, id, message] and stamps it. */
  append(
    stampMs: number,
    ...messages: readonly (readonly [kind: string, id: string, message: Json])[]
  ): void {
    const entries = messages.flatMap(([kind, id, message]) => [this.registry.indexOf(kind), id, message]);
    this.appendEntries(stampMs, this.registry.wireTypes, entries);
  }

  appendControl(stampMs: number, kind: string, id: string, control: Control): void {
    this.appendEntries(stampMs, [controlType(kind)], [0, id, controlBody(control)]);
  }

  /** What a service replied to request `n` of the actor. */
  appendReply(stampMs: number, { kind, id }: Address, request: number, outcome: ServiceOutcome): void {
    this.appendEntries(stampMs, [controlType(kind)], [0, id, replyBody({ request, outcome })]);
  }

  appendEntries(stampMs: number, types: readonly WireType[], entries: readonly unknown[]): void {
    const origin = { type: "gateway", start: "test", n: ++this.#n } as const;
    this.appendText(stampMs, encodeFrame({ origin, types, entries }));
  }

  appendText(stampMs: number, text: string): void {
    this.log.push({ topic: MAILBOX, shard: this.shard.shard, offset: this.log.length, stampMs, text });
  }

  start(): void {
    this.shard.begin();
    this.settle();
  }

  /**
   * To be called in a turn: its host dies there. A thread's death is told to the next claim, with the turn; after that
   * of a process nobody knows in which turn it was.
   */
  die(what: "thread" | "process"): never {
    this.#isDead = true;
    this.#death = what === "thread" ? readTurnBoard(this.#board, [...this.topics.keys()]).death : null;
    throw new Error("The host dies here");
  }

  /** Another host takes the shard over, from the store. */
  takeOver(): void {
    this.#isDead = false;
    this.#held = [];
    this.shard = this.#makeShard();
    this.shard.begin(this.#death);
    this.#death = null;
  }

  /** Performs all actions, and runs, until nothing is left to do. */
  settle(): void {
    for (let idle = 0; idle < 2;) {
      const actions = this.shard.takeActions();
      for (const action of actions) this.#perform(action);
      if (this.#delivered < this.log.length && this.#epoch > 0) {
        this.shard.deliver(this.#epoch, this.log.slice(this.#delivered), this.nowMs);
        this.#delivered = this.log.length;
      }
      const delivered = this.#deliverRecords();
      const more = this.#run() || delivered;
      idle = actions.length > 0 || more ? 0 : idle + 1;
    }
  }

  #deliverRecords(): boolean {
    let isAny = false;
    for (const [topic, log] of this.topics) {
      const records = log.records.slice(log.next, log.next + this.recordsAtOnce);
      const last = records.at(-1);
      if (last === undefined || this.#epoch === 0) continue;
      const around = { topic, shard: this.shard.shard, next: last.offset + 1, removed: null };
      this.shard.deliver(this.#epoch, [packRecords(around, records)], this.nowMs);
      log.next += records.length;
      isAny = true;
    }
    return isAny;
  }

  /** True: there is more to do. */
  #run(): boolean {
    // The slice is the host's.
    new TurnBoard(this.#board).enterSlice(this.shard.shard);
    const more = this.shard.run(() => this.nowMs, this.sliceMs);
    if (!this.#isDead) return more;
    this.deaths++;
    this.takeOver();
    return true;
  }

  /** Everything folded so far goes into a confirmed checkpoint. */
  checkpoint(): void {
    this.shard.hurry();
    this.settle();
  }

  ask(kind: string, id: string, query = "state", args: unknown = {}): unknown {
    const answer = this.request({ type: "ask", kind, id, query, arguments: args });
    return answer?.type === "answered" ? JSON.parse(answer.json) : answer?.type;
  }

  request(request: ShardQuery["request"]): Answer | undefined {
    const queryId = this.answers.size + 1;
    // A host that dies takes its queries with it.
    for (let before = -1; before < this.deaths;) {
      before = this.deaths;
      this.shard.query({ queryId, folded: this.log.length, request });
      this.settle();
    }
    return this.answers.get(queryId);
  }

  #perform(action: Action): void {
    switch (action.type) {
      case "claim":
        // Nothing is delivered before the next subscription.
        for (const log of this.topics.values()) log.next = log.records.length;
        this.shard.started(this.#claim(action.death), this.nowMs);
        return;
      case "subscribe": {
        const log = this.topics.get(action.topic);
        if (log === undefined) this.#delivered = action.from;
        else {
          const next = log.records.findIndex(({ offset }) => offset >= action.from);
          log.next = next < 0 ? log.records.length : next;
        }
        return;
      }
      case "load":
        this.loads.push(action.keys.length);
        this.shard.loaded(action.epoch, this.#load(action.keys));
        return;
      case "due":
        this.shard.dueLoaded(action.epoch, this.#due(action.afterMs, action.limit));
        return;
      case "commit":
        this.#held.push(action.checkpoint);
        if (!this.holdsCommits) this.commitHeld();
        return;
      case "append":
        this.sent.push(action);
        if (this.holdsAppends) this.heldAppends.push(action);
        else this.acknowledge(action);
        return;
      case "request":
        assert.ok(this.requestRows.has(action.n), `request ${action.n} leaves after its commit`);
        this.requested.push(action);
        return;
      case "tick":
        this.appendText(Math.max(this.nowMs, this.log.at(-1)?.stampMs ?? 0), action.text);
        return;
      case "answer":
        this.answers.set(action.queryId, action.answer);
        return;
      case "refuse":
        this.refusals.push(action.sentence);
        return;
      case "folded":
        this.folded.push(action);
        return;
      case "published":
        this.published.push(action.published);
        return;
      case "grant":
      case "trim":
        return;
    }
  }

  #claim(death: HostDeath | null): Claim {
    const commit = this.checkpoints.length;
    const attempts = attemptsAtClaim(this.#memory.attempts, this.#epoch, death);
    this.#memory = { ...this.#memory, attempts };
    return {
      shard: this.shard.shard,
      epoch: ++this.#epoch,
      commit,
      positions: this.#positions,
      memory: this.#memory,
      outbox: [],
      requests: [...this.requestRows.values()].sort((a, b) => a.n - b.n),
      keys: joinBytes(this.checkpoints.flatMap(({ keys }) => keys?.hashes ?? [])),
    };
  }

  #load(keys: readonly Address[]): Loaded {
    const found = keys.flatMap(({ kind, id }) => this.rows.get(`${kind}/${id}`) ?? []);
    const colds = found.flatMap((row, index) => row.cold === null ? [] : [{ index, cold: row.cold }]);
    return {
      epoch: this.#epoch,
      kinds: found.map(({ kind }) => kind),
      ids: found.map(({ id }) => id),
      dueMs: found.map(({ dueMs }) => dueMs),
      hot: packRows(found.map(({ hot }) => hot)),
      coldOf: colds.map(({ index }) => index),
      cold: packRows(colds.map(({ cold }) => cold)),
    };
  }

  #due(afterMs: number, limit: number): DuePage {
    const actors = [...this.rows.values()]
      .flatMap(({ kind, id, dueMs }) => dueMs !== null && dueMs > afterMs ? [{ kind, id, dueMs }] : [])
      .sort((a, b) => a.dueMs - b.dueMs)
      .slice(0, limit);
    return { epoch: this.#epoch, actors };
  }

  /** Makes the commits that were held back. */
  commitHeld(): void {
    for (const checkpoint of this.#held.splice(0)) {
      const result = this.#commit(checkpoint);
      this.shard.committed(checkpoint.epoch, checkpoint.commit, result, this.nowMs);
    }
  }

  /** Tells the shard that the target's log has its frame. */
  acknowledge({ epoch, target, n }: Append): void {
    this.shard.appended(epoch, target, n, this.nowMs);
  }

  /** Makes the commits that were held back, but the host dies before it hears of it. */
  loseCommitAnswers(): void {
    this.commitUnanswered();
    this.takeOver();
  }

  /** Makes the commits that were held back; the shard does not hear of it. */
  commitUnanswered(): void {
    for (const checkpoint of this.#held.splice(0)) this.#commit(checkpoint);
  }

  get memory(): ShardMemory {
    return this.#memory;
  }

  #commit(checkpoint: Checkpoint): CommitResult {
    if (checkpoint.epoch !== this.#epoch) return "fenced";
    const { snapshots } = checkpoint;
    snapshots.ids.forEach((id, index) => {
      const kind = snapshots.kinds[index]!;
      const coldRow = snapshots.coldOf.indexOf(index);
      this.rows.set(`${kind}/${id}`, {
        kind,
        id,
        dueMs: snapshots.dueMs[index]!,
        hot: packedRow(snapshots.hot, index).slice(),
        cold: coldRow >= 0
          ? packedRow(snapshots.cold, coldRow).slice()
          : this.rows.get(`${kind}/${id}`)?.cold ?? null,
      });
    });
    for (const request of checkpoint.requests) this.requestRows.set(request.n, request);
    for (const n of checkpoint.requestsDone) this.requestRows.delete(n);
    this.#positions = checkpoint.positions;
    this.#memory = checkpoint.memory;
    this.checkpoints.push(checkpoint);
    return "committed";
  }
}
