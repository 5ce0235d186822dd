/**
 * Numbers by which repeats of frames are dropped.
 *
 * 1. A gateway's numbers ascend per (start, shard), gaps allowed: a number not above the last is a repeat.
 * 2. A shard's numbers are dense per (source, target): last + 1 is folded, lower ones are repeats, a higher one is
 *    a broken invariant.
 * 3. A gateway start is forgotten `retentionMs` of log time after its last frame; the verdict depends on log time
 *    alone, so every replay gives the same.
 */

import type { ShardMemory } from "./checkpoint.ts";
import type { Origin } from "./frame.ts";
import { InvariantError } from "./errors.ts";

interface GatewayNumber {
  n: number;
  atMs: number;
}

export class Sequences {
  readonly #retentionMs: number;
  readonly #gateways: Map<string, GatewayNumber>;
  readonly #inbox: Map<number, number>;

  constructor(memory: ShardMemory, retentionMs: number) {
    this.#retentionMs = retentionMs;
    this.#gateways = new Map(
      Object.entries(memory.gateways).map(([start, { n, atMs }]) => [start, { n, atMs }]),
    );
    this.#inbox = new Map(Object.entries(memory.inbox).map(([source, n]) => [Number(source), n]));
  }

  /** True when the frame is new; it is then remembered. Throws an `InvariantError` on a gap of rule 2. */
  accept(origin: Origin, nowMs: number): boolean {
    switch (origin.type) {
      case "gateway":
        return this.#acceptGateway(origin.start, origin.n, nowMs);
      case "shard":
        return this.#acceptShard(origin.shard, origin.n);
      case "tick":
        return true;
    }
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
  memory(nowMs: number): Pick<ShardMemory, "gateways" | "inbox"> {
    for (const [start, { atMs }] of this.#gateways) {
      if (nowMs - atMs > this.#retentionMs) this.#gateways.delete(start);
    }
    const gateways = [...this.#gateways].map(([start, { n, atMs }]) => [start, { n, atMs }]);
    return { gateways: Object.fromEntries(gateways), inbox: Object.fromEntries(this.#inbox) };
  }
}
