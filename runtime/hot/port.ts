/**
 * Port `HotState`: the latest answers, for reads that may be a little old.
 *
 * 1. Nothing here is the truth: an entry may vanish at any time.
 * 2. An entry never goes back: a put with a lower (epoch, position, records, time) than the stored one changes nothing.
 * 3. What cannot be reached says so soon, with a `HotError`: nobody waits for it, and nothing is kept for later.
 */

import type { Address } from "../core/actor.ts";
import { MAILBOX } from "../core/checkpoint.ts";

export interface HotEntry {
  /** See `hotKey`. */
  readonly key: string;
  readonly epoch: number;
  /** The last offset of the mailbox that the answer reflects. */
  readonly position: number;
  /** How far the shard was in the foreign topics that it folds directly: they move no position. */
  readonly records: number;
  /** Epoch milliseconds of the answer. */
  readonly atMs: number;
  /** The answer as JSON text. */
  readonly json: string;
  /** Single values of the answer, for programs that show no JSON; `get` does not give them back. */
  readonly fields?: Readonly<Record<string, string | number>>;
}

export interface HotState {
  /** Resolves with how many were taken: the others are older than what is there. */
  put(entries: readonly HotEntry[]): Promise<number>;
  get(key: string): Promise<HotEntry | null>;
  close(): Promise<void>;
}

/** The state cannot be reached now. Whoever made the adapter hears of it from there, once. */
export class HotError extends Error {
  override readonly name = "HotError";
}

/** What an answer reflects, of the offset that its shard had folded last by topic. */
export function standingOf(
  positions: Readonly<Record<string, number>>,
): Pick<HotEntry, "position" | "records"> {
  const { [MAILBOX]: position = -1, ...topics } = positions;
  const records = Object.values(topics).reduce((sum, offset) => sum + offset + 1, 0);
  return { position, records };
}

/** Of guarantee 2, the first that differs decides. */
const order = ["epoch", "position", "records", "atMs"] as const;

export function isOlder(entry: HotEntry, stored: HotEntry): boolean {
  const first = order.find((name) => entry[name] !== stored[name]);
  return first !== undefined && entry[first] < stored[first];
}

/** The key of what an actor answers to a query without arguments. */
export function hotKey({ kind, id }: Address, query: string): string {
  return `${kind}/${id}?${query}`;
}
