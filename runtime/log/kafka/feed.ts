/** What the consumer knows of those who read a partition: it asks where to fetch, and hands over what came. */

import type { Buffer } from "node:buffer";

export interface FetchedMessage {
  readonly offset: string;
  readonly timestamp: string;
  readonly key: Uint8Array | null;
  readonly value: Buffer | null;
}

/** One partition's part of a fetch. */
export interface Fetched {
  /** The offset that was asked for. */
  readonly from: number;
  /** The offset after the last, control records included. */
  readonly next: number;
  readonly messages: readonly FetchedMessage[];
}

export interface Feed {
  /** The offset to fetch from; null when nothing is to be fetched. */
  wanted(): number | null;
  fetched(fetched: Fetched): void;
  /** The partition holds nothing below `begin`. */
  begins(begin: number): void;
  /** The partition ends before `end`. True: somebody waits behind it, so this is to be told again. */
  ends(end: number): boolean;
  /** Nobody reads any more, and nobody is told why: the log is being closed. */
  clear(): void;
}
