/**
 * Drives one shard over frames in memory, as fast as it folds: its log is an array, its store forgets.
 *
 * The shard does all it does in a node; what a checkpoint hands over is dropped.
 */

import { type Claim, emptyMemory, type Loaded, MAILBOX } from "../../runtime/core/checkpoint.ts";
import { noRows } from "../../runtime/core/bytes.ts";
import { defaultShardLimits } from "../../runtime/core/limits.ts";
import type { LogFrame } from "../../runtime/core/log_frame.ts";
import type { Registry } from "../../runtime/core/registry.ts";
import { Shard } from "../../runtime/core/shard.ts";
import type { Action } from "../../runtime/core/shard_api.ts";

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
  keys: [],
};

/** A frame that is not in the log yet. */
export interface BenchFrame {
  readonly stampMs: number;
  readonly text: string;
}

export class ShardBench {
  readonly shard: Shard;
  #frames: LogFrame[] = [];
  #next = 0;
  #offset = 0;
  #creditBytes = 0;

  /** @param checkpoints whether it checkpoints as often as in a node, or not at all */
  constructor(registry: Registry, checkpoints: boolean) {
    const never = { checkpointIntervalMs: Infinity, foldBudgetMs: Infinity, maxUnconfirmedBytes: Infinity };
    // Nothing may be evicted: the store has forgotten it.
    const limits = { ...defaultShardLimits, ...(checkpoints ? {} : never), actorBytes: Infinity };
    this.shard = new Shard({ shard: 0, shardCount: 1, registry, limits });
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
    const target = this.shard.counters.frames + frames.length;
    const now = () => performance.now();
    while (this.shard.counters.frames < target) {
      for (const action of this.shard.takeActions()) this.#perform(action);
      this.#deliver();
      this.shard.run(now, sliceMs);
    }
  }

  #deliver(): void {
    const batch: LogFrame[] = [];
    while (this.#creditBytes > 0 && this.#next < this.#frames.length) {
      const frame = this.#frames[this.#next++]!;
      this.#creditBytes -= frame.text.length;
      batch.push(frame);
    }
    if (batch.length > 0) this.shard.deliver(firstClaim.epoch, batch, performance.now());
  }

  #perform(action: Action): void {
    const { shard } = this;
    switch (action.type) {
      case "claim":
        if (shard.counters.claims > 1) throw new Error("The shard claimed itself again: a turn threw");
        shard.started(firstClaim, performance.now());
        return;
      case "grant":
        this.#creditBytes += action.bytes;
        return;
      case "load":
        shard.loaded(action.epoch, nothingStored);
        return;
      case "due":
        shard.dueLoaded(action.epoch, []);
        return;
      case "commit":
        shard.committed(firstClaim.epoch, action.checkpoint.commit, "committed", performance.now());
        return;
      // The next frame moves the clock as well as a tick would.
      case "tick":
      case "subscribe":
      case "trim":
        return;
      case "append":
      case "answer":
        throw new Error(`The bench's actors ask for nothing, and here is "${action.type}"`);
      case "refuse":
        throw new Error(`The shard refuses: ${action.sentence}`);
    }
  }
}
