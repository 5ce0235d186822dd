/** What a run plays on: nodes, what they stand on, and the faults that can befall them. */

import type { Client } from "./client.ts";
import type { Fault, FaultKind } from "./plan.ts";
import type { ForeignTopics } from "./topic_load.ts";

/** On the clock of `performance.now`. */
export interface Injection {
  /** Where the recovery begins: when the fault came, or when it was over where nothing can recover before. */
  readonly fromMs: number;
  /** What the recovery may take. */
  readonly limitMs: number;
  /** Ends what still lasts after the recovery; resolves when all nodes are there again. */
  heal?(): Promise<void>;
  /** What must hold besides, then. */
  check(): Promise<void>;
}

/**
 * Throws when the fault did not do what it should have. Resolves to how many threads died besides: on a machine with far
 * more to do than it can, the watchdog may take a thread that gets no processor for one that hangs.
 */
export type Damage = (fault: Fault) => Promise<number>;

export interface Scene {
  /** Those that are possible here. */
  readonly kinds: readonly FaultKind[];
  /** Where requests are taken. */
  readonly urls: readonly [URL, ...URL[]];
  /** Of the load. */
  readonly ratePerSecond: number;
  /** Null: there is no Kafka. */
  readonly topics: ForeignTopics | null;
  readonly client: Client;
  /** Where the data are. */
  readonly folder: string;
  /** What they are on, in the report's words. */
  readonly ground: string;
  /** What cannot be played here, as a sentence; null when there is nothing of the kind. */
  readonly missing: string | null;
  /** Whether no thread may be condemned without cause. */
  readonly isStrict: boolean;
  /** What the nodes wrote last. */
  readonly output: string;
  /** Of the largest node's process, as often as it was looked at. */
  readonly peakBytes: number;

  /** Looks at what is there before a fault. */
  watch(): Promise<Damage>;
  /** Resolves when the fault is there, or over where nothing can recover before. */
  inject(fault: Fault, round: number): Promise<Injection>;
  /** Resolves when every shard takes a reading, and a strict query counts it. */
  recovered(): Promise<void>;
  /** Resolves when nothing is left of the fault. */
  settled(): Promise<void>;
  /** The data remain when `isKept`. */
  close(isKept: boolean): Promise<void>;
}
