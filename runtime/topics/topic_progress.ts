/**
 * How far a foreign topic is read, over all lives of its reader, and what is strange about it. Pure.
 *
 * 1. `readTo` of a partition only grows: the shards drop what comes below it, as repeats.
 * 2. A topic that begins below what was read of it, or ends there, was made anew, or Kafka forgot how far it was read.
 *    That is said once.
 */

import { partitionName } from "../core/sequence.ts";

/** Where a partition begins, and the offset after its last record. */
export interface Extent {
  readonly partition: number;
  readonly begin: number;
  readonly end: number;
}

export class TopicProgress {
  readonly #topic: string;
  readonly #readTo = new Map<number, number>();
  readonly #extents = new Map<number, Extent>();
  #isTold = false;

  constructor(topic: string) {
    this.#topic = topic;
  }

  /** Everything below is durable. */
  read(partition: number, below: number): void {
    if (below > this.readTo(partition)) this.#readTo.set(partition, below);
  }

  readTo(partition: number): number {
    return this.#readTo.get(partition) ?? 0;
  }

  /** Where the partition begins and ends by now. */
  seen(extent: Extent): void {
    this.#extents.set(extent.partition, extent);
  }

  /** It ends there by now, or later. */
  seenEnd(partition: number, end: number): void {
    const { begin } = this.#extents.get(partition) ?? { begin: 0 };
    this.#extents.set(partition, { partition, begin, end });
  }

  /** Records of these partitions that are not durable yet. */
  lag(partitions: Iterable<number>): number {
    let lag = 0;
    for (const partition of partitions) {
      const { begin, end } = this.#extents.get(partition) ?? { begin: 0, end: 0 };
      lag += Math.max(0, end - Math.max(begin, this.readTo(partition)));
    }
    return lag;
  }

  /** What there is to say of a partition that ends there. */
  strangeEnd({ partition, end }: Extent): string | null {
    return this.#strange(partition, end, `ends at ${end}`, "the topic was made anew, or lost records");
  }

  /** What there is to say of a partition that is read from there, as Kafka says. */
  strangeBegin(partition: number, from: number): string | null {
    return this.#strange(
      partition,
      from,
      `is read from offset ${from} again`,
      "the topic was made anew, or its group's offsets were reset or have expired",
    );
  }

  #strange(partition: number, at: number, found: string, why: string): string | null {
    const readTo = this.readTo(partition);
    if (at >= readTo || this.#isTold) return null;
    this.#isTold = true;
    return `${partitionName(this.#topic, partition)} was read up to offset ${readTo} and ${found}: ${why}. ` +
      `What it has below offset ${readTo} may count as read already: if that is wrong, use a topic of another name.`;
  }
}
