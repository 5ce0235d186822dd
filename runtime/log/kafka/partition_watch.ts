/**
 * Whether each topic still has a partition for each shard, looked at while the log is open: what somebody adds to one is
 * read by nobody, and whoever writes spreads ids over more partitions than there are shards.
 *
 * 1. Of each topic a sentence is told once. The log goes on: what its own partitions hold is as right as before.
 */

import type { Admin } from "kafkajs";
import { partitionsLookMs } from "./limits.ts";
import { keyedProblem, mailboxProblem, partitionsOf } from "./topic.ts";

export interface PartitionWatchParts {
  readonly admin: Admin;
  readonly mailbox: string;
  /** Foreign ones. */
  readonly topics: readonly string[];
  readonly shards: number;
  /** Hears what a person should know. */
  report(sentence: string): void;
}

export class PartitionWatch {
  readonly #parts: PartitionWatchParts;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #told = new Set<string>();
  #isLooking = false;
  #isClosed = false;

  constructor(parts: PartitionWatchParts, everyMs = partitionsLookMs) {
    this.#parts = parts;
    this.#timer = setInterval(() => void this.#look(), everyMs);
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      const { admin, mailbox, topics } = this.#parts;
      const all = [mailbox, ...topics];
      const counts = (await partitionsOf(admin, all)).map(({ length }) => length);
      for (const [index, topic] of all.entries()) this.#judge(topic, counts[index]!);
    } catch {
      // Kafka is away: others say so, and the next look tells more.
    } finally {
      this.#isLooking = false;
    }
  }

  #judge(topic: string, partitions: number): void {
    const { mailbox, shards, report } = this.#parts;
    if (this.#told.has(topic)) return;
    const problem = (topic === mailbox ? mailboxProblem : keyedProblem)(topic, partitions, shards);
    if (problem === null || this.#isClosed) return;
    this.#told.add(topic);
    report(problem);
  }
}
