/**
 * The spans of one shard, for the traced requests that wrote to its frames: `fold` of each frame, and `checkpoint` that
 * makes it durable beyond the log.
 *
 * 1. What is folded again after a takeover says so: `sensorium.replay`. A frame's checkpoint is that of its last fold, or
 *    one that was under way when the shard was taken over.
 * 2. It holds the contexts of `maxFollowedFrames` at most; the traces of further ones end with their folds.
 */

import { type Checkpoint, MAILBOX } from "../core/checkpoint.ts";
import type { Action } from "../core/shard_api.ts";
import { maxFollowedFrames } from "./limits.ts";
import type { Tracing } from "./tracing.ts";

/** What is folded and in no confirmed checkpoint yet. */
interface Followed {
  readonly offset: number;
  /** Of the fold's span. */
  readonly context: string;
}

export class FrameSpans {
  readonly #tracing: Tracing;
  readonly #shard: number;
  #followed: Followed[] = [];

  constructor(tracing: Tracing, shard: number) {
    this.#tracing = tracing;
    this.#shard = shard;
  }

  folded(fold: Extract<Action, { type: "folded" }>, isReplay: boolean): void {
    const { offset, contexts, messages, beganMs, endedMs } = fold;
    const attributes = {
      "sensorium.shard": this.#shard,
      "sensorium.offset": offset,
      "sensorium.messages": messages,
      ...(isReplay && { "sensorium.replay": true }),
    };
    // Frames are folded in order: what is past this one was folded before a takeover, and will be again.
    if (isReplay) this.#followed = this.#followed.filter((frame) => frame.offset < offset);
    for (const parent of contexts) {
      const context = this.#tracing.add(parent, "fold", beganMs, endedMs, attributes);
      if (this.#followed.length < maxFollowedFrames) this.#followed.push({ offset, context });
    }
  }

  committed(checkpoint: Checkpoint, startMs: number, endMs: number): void {
    if (this.#followed.length === 0) return;
    const { positions, commit, snapshots, history } = checkpoint;
    const offset = positions[MAILBOX]?.offset ?? -1;
    const attributes = {
      "sensorium.shard": this.#shard,
      "sensorium.commit": commit,
      "sensorium.actors": snapshots.ids.length,
      "sensorium.bytes": snapshots.hot.bytes.length + snapshots.cold.bytes.length + history.rows.bytes.length,
    };
    for (const frame of this.#followed) {
      if (frame.offset <= offset) {
        this.#tracing.add(frame.context, "checkpoint", startMs, endMs, attributes);
      }
    }
    this.#followed = this.#followed.filter((frame) => frame.offset > offset);
  }
}
