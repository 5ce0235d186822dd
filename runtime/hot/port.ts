/**
 * Port `HotState`: the latest answers, for reads that may be a little old.
 *
 * 1. Nothing here is the truth: an entry may vanish at any time.
 * 2. An entry never goes back: a put with a lower (epoch, position) than the stored one changes nothing.
 */

export interface HotEntry {
  readonly key: string;
  readonly epoch: number;
  readonly position: number;
  /** Epoch milliseconds of the answer. */
  readonly atMs: number;
  /** The answer as JSON text. */
  readonly json: string;
}

export interface HotState {
  put(entries: readonly HotEntry[]): Promise<void>;
  get(key: string): Promise<HotEntry | null>;
  close(): Promise<void>;
}
