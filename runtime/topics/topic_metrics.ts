/**
 * Metrics of foreign topics: of those that are read into the mailbox, and the lag of all. The labels are the topics'
 * names and known reasons.
 *
 * 1. They outlive their readers: nothing goes down when one begins anew.
 */

import { Counter, Gauge, type Registry } from "../prom_client.ts";

/** Of a dead letter for records that were removed before they were read. */
export const removedReason = "removed";

/** Null: it is not known now, and left out. */
type Lag = () => number | null | Promise<number | null>;

export class TopicMetrics {
  readonly #records: Counter<"topic">;
  readonly #refused: Counter<"topic" | "reason">;
  readonly #reasons: ReadonlySet<string>;
  readonly #lags = new Map<string, Lag>();

  /**
   * @param topics those that are read into the mailbox
   * @param reasons why the topics' readers refuse records; any other is counted as "other"
   */
  constructor(registry: Registry, topics: Iterable<string>, reasons: readonly string[]) {
    const registers = [registry];
    this.#reasons = new Set([...reasons, removedReason]);
    this.#records = new Counter({
      name: "sensorium_topic_records_total",
      help:
        "Records of a foreign topic that were read into the mailbox, those that were read again included.",
      labelNames: ["topic"],
      registers,
    });
    this.#refused = new Counter({
      name: "sensorium_topic_records_refused_total",
      help:
        "Records of a foreign topic, or items of them, that are dead letters because they are no message.",
      labelNames: ["topic", "reason"],
      registers,
    });
    const lags = this.#lags;
    new Gauge({
      name: "sensorium_topic_lag_records",
      help:
        "Records of a foreign topic that are not in the mailbox yet, as of the last seconds; or, where it is folded " +
        "directly, in no confirmed checkpoint of this node's shards.",
      labelNames: ["topic"],
      registers,
      async collect() {
        await Promise.all(Array.from(lags, async ([topic, read]) => {
          const lag = await read();
          if (lag === null) this.remove({ topic });
          else this.set({ topic }, lag);
        }));
      },
    });
    // A rate needs its zero.
    for (const topic of topics) {
      this.#records.inc({ topic }, 0);
      for (const reason of this.#reasons) this.#refused.inc({ topic, reason }, 0);
    }
  }

  /** `lag` is asked with every scrape, until another is named. */
  watch(topic: string, lag: Lag): void {
    this.#lags.set(topic, lag);
  }

  read(topic: string, records: number): void {
    this.#records.inc({ topic }, records);
  }

  refused(topic: string, refusals: ReadonlyMap<string, number>): void {
    for (const [reason, count] of refusals) {
      this.#refused.inc({ topic, reason: this.#reasons.has(reason) ? reason : "other" }, count);
    }
  }
}
