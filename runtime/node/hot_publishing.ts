/**
 * What a node's confirmed checkpoints tell, on its way to a hot state that others read too.
 *
 * 1. It is put in the order in which it was told, newest first of each key, and shed when the state is slow.
 * 2. What the server refuses before `follow` is for whoever starts the node: `refused` resolves, and nothing is reported.
 * 3. When the state may have lost what it had, all actors in memory are published again.
 */

import type { Published } from "../core/publishing.ts";
import { type HotEntry, hotKey, type HotState, standingOf } from "../hot/port.ts";
import { PublishQueue } from "../hot/publish_queue.ts";
import { RedisHotState } from "../hot/redis/redis_hot.ts";
import type { RedisSettings } from "../hot/redis/settings.ts";
import { Counter, type Registry } from "../prom_client.ts";
import type { Clock } from "./clock.ts";
import type { Report } from "./notice.ts";
import { Trouble } from "./trouble.ts";

export interface HotPublishingParts {
  readonly settings: RedisSettings;
  readonly clock: Pick<Clock, "nowMs">;
  readonly report: Report;
  /** Where `sensorium_published_total` goes. */
  readonly registry: Registry;
}

export class HotPublishing {
  readonly hot: HotState;
  readonly #redis: RedisHotState;
  readonly #queue: PublishQueue;
  #publishAll: (() => void) | null = null;
  readonly #refused = Promise.withResolvers<string>();

  /** Connects in the background: it throws nothing, and nobody has to wait for it. */
  constructor({ settings, clock, report, registry }: HotPublishingParts) {
    const outcomes = new Counter({
      name: "sensorium_published_total",
      help: "Answers of confirmed checkpoints on their way to the hot state, by what became of them.",
      labelNames: ["outcome"],
      registers: [registry],
    });
    const trouble = new Trouble({
      clock,
      component: "redis",
      event: "redis-unavailable",
      end: "Redis is back: cached reads are answered from it again.",
      report,
    });
    const told = {
      failed: (code: string, sentence: string) => {
        if (code === "refused" && this.#publishAll === null) this.#refused.resolve(sentence);
        else trouble.failed(code, sentence);
      },
      succeeded: () => trouble.succeeded(),
    };
    this.#redis = new RedisHotState({ settings, trouble: told, onLost: () => this.#publishAll?.() });
    this.hot = this.#redis;
    this.#queue = new PublishQueue(this.hot, (outcome, entries) => outcomes.inc({ outcome }, entries));
  }

  /** Resolves with a sentence; see guarantee 2. */
  get refused(): Promise<string> {
    return this.#refused.promise;
  }

  /** For `EngineOptions.onPublished`. */
  readonly onPublished = ({ epoch, positions, atMs, answers }: Published): void => {
    const standing = standingOf(positions);
    this.#queue.add(answers.map((answer): HotEntry => ({
      key: hotKey(answer, answer.query),
      epoch,
      ...standing,
      atMs,
      json: answer.json,
      fields: answer.fields,
    })));
  };

  /**
   * From now on, `publishAll` is called when Redis may have lost what it had; and as soon as it can be reached. What came
   * before was not put: it belonged to no store.
   */
  follow(engine: { publishAll(): void; readonly storeIdentity: string }): void {
    this.#publishAll = () => engine.publishAll();
    this.#redis.belongTo(engine.storeIdentity);
  }

  async close(): Promise<void> {
    this.#publishAll = null;
    await this.hot.close();
  }
}
