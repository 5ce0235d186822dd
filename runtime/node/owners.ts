/**
 * Which node has which shard, as this one knows it.
 *
 * 1. A table is kept until somebody says that it proved wrong. However many say so at once, one is read, and no sooner
 *    than `tablePauseMs` after the one before.
 * 2. Nobody waits for it longer than his own deadline; a table that cannot be read is asked for again with the next wish.
 */

import type { ClusterNode, ClusterTable } from "../core/cluster.ts";
import type { Clock } from "./clock.ts";
import { tablePauseMs } from "./limits.ts";

export interface Seen {
  /** Counts the tables read: of two, the greater is the later. */
  readonly number: number;
  readonly table: ClusterTable;
}

export interface OwnersParts {
  readonly clock: Clock;
  /** What the nodes agree on now. */
  read(): Promise<ClusterTable>;
}

export class Owners {
  readonly #parts: OwnersParts;
  #kept: Seen | null = null;
  #reading: Promise<Seen> | null = null;
  #readMs = -Infinity;
  #number = 0;

  constructor(parts: OwnersParts) {
    this.#parts = parts;
  }

  /** A table later than the one of this number, which proved wrong; 0: any. Throws what `read` did. */
  async laterThan(number: number): Promise<Seen> {
    if (this.#kept !== null && this.#kept.number > number) return this.#kept;
    this.#reading ??= this.#read().finally(() => this.#reading = null);
    return await this.#reading;
  }

  async #read(): Promise<Seen> {
    const { clock, read } = this.#parts;
    const waitMs = this.#readMs + tablePauseMs - clock.nowMs();
    if (waitMs > 0) await clock.sleep(waitMs);
    this.#readMs = clock.nowMs();
    const table = await read();
    this.#number += 1;
    return this.#kept = { number: this.#number, table };
  }
}

/** Null when no node has the shard. */
export function ownerIn({ nodes, owners }: ClusterTable, shard: number): ClusterNode | null {
  const place = owners[shard] ?? null;
  return place === null ? null : nodes[place] ?? null;
}
