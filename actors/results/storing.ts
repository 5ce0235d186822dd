/**
 * Stores what comes in the topic, and removes what is too old, for as long as it runs.
 *
 * 1. What fails is told once and tried again, with growing pauses; what was stored is not stored again.
 */

import { errorMessage } from "../../runtime/core/errors.ts";
import { backoffMs } from "../../runtime/node/retry.ts";
import { pause } from "../pause.ts";
import type { ResultTopic } from "./feed.ts";
import { deletionIntervalMs } from "./limits.ts";
import type { ResultBatch, ResultTables } from "./tables.ts";

export interface StoringOptions {
  readonly topic: ResultTopic;
  readonly tables: ResultTables;
  readonly retentionMs: number;
  readonly signal: AbortSignal;
  nowMs(): number;
  onStored(batch: ResultBatch): void;
  warn(sentence: string): void;
  info(sentence: string): void;
}

async function again(
  what: string,
  attempt: () => Promise<void>,
  { signal, warn, info }: StoringOptions,
): Promise<void> {
  for (let failures = 0; !signal.aborted;) {
    try {
      await attempt();
      if (failures > 0) info(`${what}: it works again.`);
      failures = 0;
    } catch (thrown) {
      failures++;
      if (failures === 1) warn(`${what}: ${errorMessage(thrown).replace(/\.$/, "")}. Trying again.`);
      await pause(backoffMs(failures), signal);
    }
  }
}

async function removeOld({ tables, retentionMs, nowMs, signal }: StoringOptions): Promise<void> {
  while (!signal.aborted && await tables.removeBefore(nowMs() - retentionMs));
  await pause(deletionIntervalMs, signal);
}

/** Resolves once `signal` is aborted and nothing is under way. */
export async function runStoring(options: StoringOptions): Promise<void> {
  const { topic, tables, signal, onStored } = options;
  const reader = {
    position: (place: Parameters<ResultTables["position"]>[0]) => tables.position(place),
    async store(batch: ResultBatch) {
      await tables.store(batch);
      onStored(batch);
    },
  };
  await Promise.all([
    again("Cannot store results", () => topic.read(reader, signal), options),
    again("Cannot remove old results", () => removeOld(options), options),
  ]);
}
