/**
 * Port `ResultTopic`: where results are put, and read from.
 *
 * 1. `send` resolves when the result is durable.
 * 2. `read` hands each partition's records over in order, one call at a time, from where `position` says; it resolves once
 *    `signal` is aborted, and throws when it cannot go on. `store` is repeated by nobody: what it throws ends the reading.
 */

import type { Place, ResultBatch } from "./tables.ts";

export interface ResultReader {
  /** Where to go on; null: with the oldest. */
  position(place: Place): Promise<number | null>;
  /** Resolves when it is durable. */
  store(batch: ResultBatch): Promise<void>;
}

export interface ResultTopic {
  send(series: string, text: string): Promise<void>;
  read(reader: ResultReader, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}
