/**
 * Numbers by which repeats of frames are dropped.
 *
 * 1. A gateway's numbers ascend per (start, shard), gaps allowed: a number not above the last is a repeat.
 * 2. A shard's numbers are dense per (source, target): last + 1 is folded, lower ones are repeats, a higher one is
 *    a broken invariant.
 * 3. A foreign topic's offsets never descend within a frame, and ascend from frame to frame of what was not read
 *    before: those up to the last are repeats, wherever a reader that began anew cut them. So each record is
 *    folded once, if only every reader hands over nothing before what lies below it is durable.
 * 4. A gateway start is forgotten `retentionMs` of log time after its last frame; the verdict depends on log time
 *    alone, so every replay gives the same.
 */

import type { ShardMemory } from "./checkpoint.ts";
import type { Origin, SourceOrigin } from "./frame.ts";
import { InvariantError } from "./errors.ts";
import { maxSourcePartitions } from "./limits.ts";

/** A topic's name has no slash. */
export function partitionName(topic: string, partition: number): string {
  return `${topic}/${partition}`;
}

interface GatewayNumber {
  n: number;
  atMs: number;
}

export class Sequences {
  readonly #retentionMs: number;
  readonly #gateways: Map<string, GatewayNumber>;
  readonly #inbox: Map<number, number>;
  /** By `partitionName`, the last offset folded. */
  readonly #sources: Map<string, number>;

  constructor(memory: ShardMemory, retentionMs: number) {
    this.#retentionMs = retentionMs;
    this.#gateways = new Map(
      Object.entries(memory.gateways).map(([start, { n, atMs }]) => [start, { n, atMs }]),
    );
    this.#inbox = new Map(Object.entries(memory.inbox).map(([source, n]) => [Number(source), n]));
    this.#sources = new Map(Object.entries(memory.sources));
  }

  /**
   * How many of a frame's first entries are repeats: none, some of a foreign topic's, or all (Infinity). The others are
   * remembered as folded. Throws an `InvariantError` on a gap of rule 2.
   */
  repeated(origin: Origin, nowMs: number): number {
    switch (origin.type) {
      case "gateway":
        return this.#acceptGateway(origin.start, origin.n, nowMs) ? 0 : Infinity;
      case "shard":
        return this.#acceptShard(origin.shard, origin.n) ? 0 : Infinity;
      case "tick":
        return 0;
      case "source":
        return this.#repeatedRecords(origin);
    }
  }

  #repeatedRecords({ topic, partition, offsets }: SourceOrigin): number {
    const name = partitionName(topic, partition);
    const last = this.#sources.get(name) ?? -1;
    const newest = offsets.at(-1) ?? -1;
    if (newest <= last) return Infinity;
    if (last < 0 && this.#sources.size >= maxSourcePartitions) {
      throw new InvariantError(
        `Records of ${name} came, and ${maxSourcePartitions} partitions of foreign topics are remembered already`,
      );
    }
    this.#sources.set(name, newest);
    return offsets[0]! > last ? 0 : offsets.findIndex((offset) => offset > last);
  }

  /** The offset of the last record folded of a foreign topic's partition; -1 for none. */
  lastRecord(name: string): number {
    return this.#sources.get(name) ?? -1;
  }

  /** By `partitionName`, the offset of the last record folded. */
  get lastRecords(): ReadonlyMap<string, number> {
    return this.#sources;
  }

  /** Records up to this offset are folded, without a frame of the mailbox. */
  foldedRecords(name: string, offset: number): void {
    if (offset > this.lastRecord(name)) this.#sources.set(name, offset);
  }

  #acceptGateway(start: string, n: number, nowMs: number): boolean {
    const last = this.#gateways.get(start);
    if (last === undefined || nowMs - last.atMs > this.#retentionMs) {
      this.#gateways.set(start, { n, atMs: nowMs });
      return true;
    }
    if (n <= last.n) return false;
    last.n = n;
    last.atMs = nowMs;
    return true;
  }

  #acceptShard(source: number, n: number): boolean {
    const last = this.#inbox.get(source) ?? 0;
    if (n <= last) return false;
    if (n !== last + 1) {
      throw new InvariantError(
        `Frame ${n} of shard ${source} came after its frame ${last}: those between are missing`,
      );
    }
    this.#inbox.set(source, n);
    return true;
  }

  /** What a checkpoint remembers of this. */
  memory(nowMs: number): Pick<ShardMemory, "gateways" | "inbox" | "sources"> {
    for (const [start, { atMs }] of this.#gateways) {
      if (nowMs - atMs > this.#retentionMs) this.#gateways.delete(start);
    }
    const gateways = [...this.#gateways].map(([start, { n, atMs }]) => [start, { n, atMs }]);
    return {
      gateways: Object.fromEntries(gateways),
      inbox: Object.fromEntries(this.#inbox),
      sources: Object.fromEntries(this.#sources),
    };
  }
}
