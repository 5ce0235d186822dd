/**
 * Where the partitions begin and end, and trimming them.
 *
 * 1. Callers of `extents` who come within `extentGatherMs` share a request, which begins after the last of them came.
 * 2. Trims are gathered: at most one request in `trimIntervalMs`, never above the end, and one that fails is made
 *    again by the next.
 */

import type { Admin } from "kafkajs";
import { hasSettled } from "../../rpc.ts";
import { LogError, type LogExtent } from "../port.ts";
import { unavailable } from "./errors.ts";
import { closeDeadlineMs, extentGatherMs, trimIntervalMs } from "./limits.ts";
import type { KafkaSettings } from "./settings.ts";

/** Of each partition of a topic. */
export async function extentsOf(admin: Admin, topic: string): Promise<readonly LogExtent[]> {
  const extents: LogExtent[] = [];
  for (const { partition, low, high } of await admin.fetchTopicOffsets(topic)) {
    extents[partition] = { begin: Number(low), end: Number(high) };
  }
  return extents;
}

export interface OffsetsParts {
  readonly admin: Admin;
  readonly settings: KafkaSettings;
  readonly topic: string;
  /** The log holds nothing of the shard below `begin`. */
  begins(shard: number, begin: number): void;
}

export class MailboxOffsets {
  readonly #parts: OffsetsParts;
  #asking: Promise<readonly LogExtent[]> | null = null;
  readonly #trims = new Map<number, number>();
  #trimTimer: ReturnType<typeof setTimeout> | null = null;
  #trimming: Promise<void> = Promise.resolve();
  #lastTrimMs = -Infinity;
  #isClosed = false;

  constructor(parts: OffsetsParts) {
    this.#parts = parts;
  }

  async extent(shard: number): Promise<LogExtent> {
    const extents = await this.extents();
    const extent = extents[shard];
    if (extent === undefined) {
      throw new LogError("unavailable", `Kafka does not know the extent of shard ${shard}.`);
    }
    return extent;
  }

  /** Of every shard. */
  extents(): Promise<readonly LogExtent[]> {
    this.#asking ??= this.#ask();
    return this.#asking;
  }

  /** Resolves when it is noted. What is appended later stays, whatever `below` says. */
  async trim(shard: number, below: number): Promise<void> {
    const { begin, end } = await this.extent(shard);
    const until = Math.min(below, end);
    if (until <= begin || until <= (this.#trims.get(shard) ?? 0)) return;
    this.#trims.set(shard, until);
    this.#trimLater();
  }

  #trimLater(): void {
    if (this.#isClosed) return;
    const waitMs = Math.max(0, this.#lastTrimMs + trimIntervalMs - performance.now());
    this.#trimTimer ??= setTimeout(() => this.#trimming = this.#trimNow(), waitMs);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#trimTimer !== null) clearTimeout(this.#trimTimer);
    await hasSettled(Promise.allSettled([this.#trimming, this.#asking]), closeDeadlineMs);
    await hasSettled(this.#parts.admin.disconnect(), closeDeadlineMs);
  }

  async #ask(): Promise<readonly LogExtent[]> {
    await new Promise((resolve) => setTimeout(resolve, extentGatherMs));
    this.#asking = null;
    return await this.#fetch();
  }

  async #fetch(): Promise<readonly LogExtent[]> {
    const { admin, settings, topic, begins } = this.#parts;
    if (this.#isClosed) throw new LogError("closed", "The log is closed.");
    try {
      const extents = await extentsOf(admin, topic);
      for (const [partition, { begin }] of extents.entries()) begins(partition, begin);
      return extents;
    } catch (thrown) {
      throw unavailable(thrown, settings);
    }
  }

  async #trimNow(): Promise<void> {
    const { admin, topic, begins } = this.#parts;
    const trims = new Map(this.#trims);
    this.#lastTrimMs = performance.now();
    try {
      const partitions = [...trims].map(([partition, offset]) => ({ partition, offset: String(offset) }));
      await admin.deleteTopicRecords({ topic, partitions });
      for (const [shard, begin] of trims) {
        begins(shard, begin);
        if (this.#trims.get(shard) === begin) this.#trims.delete(shard);
      }
    } catch {
      // What is not trimmed takes space and nothing else; it is trimmed with the next.
    } finally {
      this.#trimTimer = null;
    }
    if (this.#trims.size > 0) this.#trimLater();
  }
}
