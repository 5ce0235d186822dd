/** Drives one shard against a store and a log that are plain arrays, and answers at once: for tests and benches. */

import {
  type Checkpoint,
  type Claim,
  emptyMemory,
  type Loaded,
  MAILBOX,
  type OutboxFrame,
  type Positions,
  type ShardMemory,
} from "../../runtime/core/checkpoint.ts";
import type { Address, Json } from "../../runtime/core/actor.ts";
import { packedRow, packRows } from "../../runtime/core/bytes.ts";
import { encodeFrame } from "../../runtime/core/frame.ts";
import { defaultShardLimits, type ShardLimits } from "../../runtime/core/limits.ts";
import type { LogFrame } from "../../runtime/core/log_frame.ts";
import type { Registry } from "../../runtime/core/registry.ts";
import { Shard } from "../../runtime/core/shard.ts";
import type { Action, Answer } from "../../runtime/core/shard_api.ts";

interface StoredRow {
  readonly kind: string;
  readonly id: string;
  readonly dueMs: number | null;
  readonly hot: Uint8Array;
  readonly cold: Uint8Array | null;
}

export class ShardDriver {
  readonly shard: Shard;
  readonly registry: Registry;
  readonly log: LogFrame[] = [];
  readonly rows = new Map<string, StoredRow>();
  readonly checkpoints: Checkpoint[] = [];
  readonly sent: OutboxFrame[] = [];
  readonly answers = new Map<number, Answer>();
  readonly refusals: string[] = [];
  nowMs = 0;
  /** Of one run; 0 folds one frame. */
  sliceMs = 1000;
  #epoch = 0;
  #positions: Positions = {};
  #memory: ShardMemory = emptyMemory;
  #n = 0;
  #delivered = 0;

  constructor(registry: Registry, limits: Partial<ShardLimits> = {}, shard = 0, shardCount = 1) {
    this.registry = registry;
    this.shard = new Shard({ shard, shardCount, registry, limits: { ...defaultShardLimits, ...limits } });
  }

  /** Appends one frame of [kind, id, message] and stamps it. */
  append(
    stampMs: number,
    ...messages: readonly (readonly [kind: string, id: string, message: Json])[]
  ): void {
    const entries = messages.flatMap(([kind, id, message]) => [this.registry.indexOf(kind), id, message]);
    const origin = { type: "gateway", start: "test", n: ++this.#n } as const;
    this.appendText(stampMs, encodeFrame({ origin, types: this.registry.wireTypes, entries }));
  }

  appendText(stampMs: number, text: string): void {
    this.log.push({ topic: MAILBOX, shard: this.shard.shard, offset: this.log.length, stampMs, text });
  }

  start(): void {
    this.shard.begin();
    this.settle();
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
      const more = this.shard.run(() => this.nowMs, this.sliceMs);
      idle = actions.length > 0 || more ? 0 : idle + 1;
    }
  }

  /** Everything folded so far goes into a confirmed checkpoint. */
  checkpoint(): void {
    this.shard.hurry();
    this.settle();
  }

  ask(kind: string, id: string, query = "state", args: unknown = {}): unknown {
    const queryId = this.answers.size + 1;
    this.shard.query({
      queryId,
      folded: this.log.length,
      request: { type: "ask", kind, id, query, arguments: args },
    });
    this.settle();
    const answer = this.answers.get(queryId);
    return answer?.type === "answered" ? JSON.parse(answer.json) : answer?.type;
  }

  #perform(action: Action): void {
    switch (action.type) {
      case "claim":
        this.shard.started(this.#claim(), this.nowMs);
        return;
      case "subscribe":
        this.#delivered = action.from;
        return;
      case "load":
        this.shard.loaded(action.epoch, this.#load(action.keys));
        return;
      case "due":
        this.shard.dueLoaded(action.epoch, this.#due(action.afterMs, action.limit));
        return;
      case "commit":
        this.#commit(action.checkpoint);
        this.shard.committed(action.checkpoint.epoch, action.checkpoint.commit, "committed", this.nowMs);
        return;
      case "append":
        this.sent.push(action);
        this.shard.appended(action.epoch, action.target, action.n, this.nowMs);
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
      case "grant":
      case "trim":
        return;
    }
  }

  #claim(): Claim {
    const commit = this.checkpoints.length;
    return {
      shard: this.shard.shard,
      epoch: ++this.#epoch,
      commit,
      positions: this.#positions,
      memory: this.#memory,
      outbox: [],
      keys: this.checkpoints.flatMap(({ keys }) => keys ?? []),
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

  #due(afterMs: number, limit: number) {
    return [...this.rows.values()]
      .flatMap(({ kind, id, dueMs }) => dueMs !== null && dueMs > afterMs ? [{ kind, id, dueMs }] : [])
      .sort((a, b) => a.dueMs - b.dueMs)
      .slice(0, limit);
  }

  #commit(checkpoint: Checkpoint): void {
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
    this.#positions = checkpoint.positions;
    this.#memory = checkpoint.memory;
    this.checkpoints.push(checkpoint);
  }
}
