/**
 * Drives one shard over frames in memory, as fast as it folds: its log is an array, its store forgets, or is one in
 * memory.
 *
 * The shard does all it does in a node; what a checkpoint hands over is dropped where the store forgets.
 */

import { type Claim, emptyMemory, type Loaded, MAILBOX } from "../../runtime/core/checkpoint.ts";
import { noRows } from "../../runtime/core/bytes.ts";
import { defaultShardLimits } from "../../runtime/core/limits.ts";
import type { LogFrame } from "../../runtime/core/log_frame.ts";
import type { Registry } from "../../runtime/core/registry.ts";
import { Shard } from "../../runtime/core/shard.ts";
import type { Action } from "../../runtime/core/shard_api.ts";
import { TurnBoard, turnBoardBytes } from "../../runtime/node/turn_board.ts";
import type { MemoryStoreCore } from "../../runtime/store/memory_store_core.ts";

const sliceMs = 20;
const nothingStored: Loaded = {
  epoch: 1,
  kinds: [],
  ids: [],
  dueMs: [],
  hot: noRows,
  coldOf: [],
  cold: noRows,
};
const firstClaim: Claim = {
  shard: 0,
  epoch: 1,
  commit: 0,
  positions: {},
  memory: emptyMemory,
  outbox: [],
  requests: [],
  keys: new Uint8Array(0),
};

/** A frame that is not in the log yet. */
export interface BenchFrame {
  readonly stampMs: number;
  readonly text: string;
}

export class ShardBench {
  readonly shard: Shard;
  readonly #store: MemoryStoreCore | null;
  #epoch = firstClaim.epoch;
  #frames: readonly LogFrame[] = [];
  /** Index into `#frames`. */
  #next = 0;
  #offset = 0;
  #creditBytes = 0;

  /**
   * @param checkpoints whether it checkpoints as often as in a node, or not at all
   * @param store null: one that forgets
   */
  constructor(registry: Registry, checkpoints: boolean, store: MemoryStoreCore | null = null) {
    const never = { checkpointIntervalMs: Infinity, foldBudgetMs: Infinity, maxUnconfirmedBytes: Infinity };
    // Nothing may be evicted where the store has forgotten it.
    const limits = { ...defaultShardLimits, ...(checkpoints ? {} : never), actorBytes: Infinity };
    const witness = new TurnBoard(new SharedArrayBuffer(turnBoardBytes));
    this.shard = new Shard({ shard: 0, shardCount: 1, registry, limits, witness });
    this.#store = store;
    this.shard.begin();
  }

  /** Folds all frames. */
  fold(frames: readonly BenchFrame[]): void {
    this.#frames = frames.map(({ stampMs, text }) => ({
      topic: MAILBOX,
      shard: 0,
      offset: this.#offset++,
      stampMs,
      text,
    }));
    this.#next = 0;
    while (this.shard.gauges().folded + 1 < this.#offset) this.#step();
  }

  /** Commits what was folded, so that the frames of the next `fold` are all that a claim may have to fold again. */
  save(): void {
    const commits = this.shard.counters.checkpoints;
    this.shard.hurry();
    while (this.shard.counters.checkpoints === commits) this.#step();
  }

  #step(): void {
    for (const action of this.shard.takeActions()) this.#perform(action);
    this.#deliver();
    this.shard.run(() => performance.now(), sliceMs);
  }

  #deliver(): void {
    const batch: LogFrame[] = [];
    while (this.#creditBytes > 0 && this.#next < this.#frames.length) {
      const frame = this.#frames[this.#next++]!;
      this.#creditBytes -= frame.text.length;
      batch.push(frame);
    }
    if (batch.length > 0) this.shard.deliver(this.#epoch, batch, performance.now());
  }

  #claim(): Claim {
    const claim = this.#store?.claimNow(0, "bench");
    if (claim === undefined && this.shard.counters.claims > 0) {
      throw new Error("The shard claimed itself again: a turn threw");
    }
    this.#epoch = claim?.epoch ?? firstClaim.epoch;
    return claim ?? firstClaim;
  }

  #perform(action: Action): void {
    const { shard } = this;
    switch (action.type) {
      case "claim":
        shard.started(this.#claim(), performance.now());
        return;
      case "subscribe":
        this.#creditBytes = 0;
        this.#next = action.from - (this.#offset - this.#frames.length);
        if (this.#next < 0) throw new Error(`The bench has forgotten frame ${action.from}`);
        return;
      case "grant":
        this.#creditBytes += action.bytes;
        return;
      case "load":
        shard.loaded(action.epoch, this.#store?.loadNow(0, action.keys) ?? nothingStored);
        return;
      case "due":
        shard.dueLoaded(action.epoch, { epoch: action.epoch, actors: [] });
        return;
      case "commit": {
        const { checkpoint } = action;
        const [result = "committed"] = this.#store?.commitNow([checkpoint]) ?? [];
        shard.committed(checkpoint.epoch, checkpoint.commit, result, performance.now());
        return;
      }
      // The next frame moves the clock as well as a tick would.
      case "tick":
      case "trim":
      case "folded":
        return;
      case "append":
      case "answer":
        throw new Error(`The bench's actors ask for nothing, and here is "${action.type}"`);
      case "refuse":
        throw new Error(`The shard refuses: ${action.sentence}`);
    }
  }
}
