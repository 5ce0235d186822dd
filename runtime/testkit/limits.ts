/** Limits and defaults of the test kit, each with its reason. */

import { defaultShardLimits, type ShardLimits } from "../core/limits.ts";

/** As in production, but what is sent to another shard leaves at once: `run` moves no clock. */
export const testShardLimits: ShardLimits = { ...defaultShardLimits, effectDelayMs: 0 };

/** When a test's log time begins: a fixed day, so that the times in its messages can be written down. */
export const firstMs = Date.UTC(2026, 0, 1);

export const defaultShards = 2;

/** Requests, answers, deliveries and slices of one `run`: half a second of work, and no test has as much. */
export const maxHappenings = 50_000;

/** Checkpoints, each after what the one before let go to other shards, until nothing more comes of them. */
export const maxCheckpoints = 1000;

/** How often a question is put again when the host dies with it: five deaths bury a message. */
export const maxAsks = 100;

export const defaultSeeds = 20;
export const defaultSteps = 100;

/** Frames that come together while a simulated shard is driven step by step. */
export const maxFramesAtOnce = 4;

/** How far a simulated clock moves at most: the longest timers that actors use with readings, and idle days. */
export const maxAdvanceMs = 86_400_000;

/** Requests that may be sent again: the last ones, as clients do. */
export const maxKeptRequests = 20;

/** Messages of one request: enough for a turn to go wrong in the middle of a frame. */
export const maxRequestMessages = 3;
