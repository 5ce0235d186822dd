/**
 * Of which partitions of foreign topics the shards remember how far they are folded: they remember only so many, and
 * forget none. Pure.
 */

import { maxSourcePartitions } from "../core/limits.ts";
import { partitionName } from "../core/sequence.ts";

export class RememberedPartitions {
  readonly #max: number;
  readonly #names = new Set<string>();

  constructor(max = maxSourcePartitions) {
    this.#max = max;
  }

  /** The shards remember these. */
  add(names: Iterable<string>): void {
    for (const name of names) this.#names.add(name);
  }

  /**
   * Null when a topic of so many partitions may be read, and from then on they count; else why it may not.
   *
   * @param mark counts with them as one: see `topic_generation.ts`
   */
  admit(topic: string, partitions: number, mark: string | null = null): string | null {
    const names = Array.from({ length: partitions }, (_, partition) => partitionName(topic, partition));
    if (mark !== null) names.push(partitionName(mark, 0));
    const all = new Set([...this.#names, ...names]);
    if (all.size <= this.#max) {
      this.add(names);
      return null;
    }
    const others = all.size - names.length;
    const remembered = others === 0
      ? ""
      : `, and ${others} of other topics, or of earlier ones of this name, are or were read`;
    return `it has ${partitions} partitions${remembered}; ${this.#max} altogether are the most. ` +
      "Use a topic with fewer partitions";
  }
}
