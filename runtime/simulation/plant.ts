/**
 * A bug to be found: it stands between a shard and its surroundings and spoils what passes. No switch for a bug is in
 * the core.
 */

import type { Checkpoint, Loaded } from "../core/checkpoint.ts";
import type { LogFrame } from "../core/log_frame.ts";
import type { Intensity } from "../core/restart_policy.ts";
import type { Action } from "../core/shard_api.ts";

/** Rows of actors, by `kind/id`, that a thread still has of a shard when it loses it. */
export type Attic = Map<string, { readonly hot: Uint8Array; readonly cold: Uint8Array | null }>;

/** One per running shard, so it may remember; and one for all that they have in common. */
export interface Plant {
  actions(actions: readonly Action[]): readonly Action[];
  frames(frames: readonly LogFrame[]): readonly LogFrame[];
  loaded(loaded: Loaded): Loaded;
  /** What the store gets of a commit; the shard's row has the epoch `rowEpoch`. */
  stored(checkpoint: Checkpoint, rowEpoch: number): Checkpoint;
  /** By which the hosts' supervisor goes. */
  intensity(intensity: Intensity): Intensity;
  /** Whether a claim takes the shard for held, the coordinator having said so or not. */
  held(isHeld: boolean): boolean;
  /** After which epoch a claim may take the shard, having read this one; null: after any. */
  after(epoch: number): number | null;
  /** Below which offset a strict answer waits for all frames: the log has said `end`, and delivered up to `delivered`. */
  end(end: number, delivered: number): number;
}

export const honest: Plant = {
  actions: (actions) => actions,
  frames: (frames) => frames,
  loaded: (loaded) => loaded,
  stored: (checkpoint) => checkpoint,
  intensity: (intensity) => intensity,
  held: (isHeld) => isHeld,
  after: (epoch) => epoch,
  end: (end) => end,
};
