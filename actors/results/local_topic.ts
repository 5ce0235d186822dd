/** The topic of a node on its folder: a log of its own beside the mailboxes', trimmed below what is stored. */

import { RemoteLog } from "../../runtime/log/remote_log.ts";
import type { LogFrame } from "../../runtime/core/log_frame.ts";
import type { Subscription } from "../../runtime/log/port.ts";
import { type LogThread, startLogThread } from "../../runtime/log/start_log_thread.ts";
import { batchOf } from "./batch.ts";
import type { ResultReader, ResultTopic } from "./feed.ts";
import { heldUnits, storedAtOnce } from "./limits.ts";

const shard = 0;

const utf8 = new TextEncoder();

export class LocalTopic implements ResultTopic {
  readonly #thread: LogThread;
  readonly #log: RemoteLog;
  readonly #name: string;

  private constructor(thread: LogThread, name: string) {
    this.#thread = thread;
    this.#log = new RemoteLog(thread.connect("results"));
    this.#name = name;
  }

  /** @param report hears what a person should know */
  static async open(
    directory: string,
    name: string,
    report: (sentence: string) => void,
  ): Promise<LocalTopic> {
    const thread = startLogThread({ directory, shards: 1, report });
    await thread.ready;
    return new LocalTopic(thread, name);
  }

  async send(_series: string, text: string): Promise<void> {
    await this.#log.append([{ shard, text }]);
  }

  async read(reader: ResultReader, signal: AbortSignal): Promise<void> {
    const place = { topic: this.#name, part: shard };
    let next = await reader.position(place) ?? (await this.#log.extent(shard)).begin;
    const waiting: LogFrame[] = [];
    let wake = Promise.withResolvers<void>();
    const failed = Promise.withResolvers<never>();
    failed.promise.catch(() => {});
    const stop = () => wake.resolve();
    signal.addEventListener("abort", stop);
    const deliver = (frames: readonly LogFrame[]) => {
      waiting.push(...frames);
      wake.resolve();
    };
    const subscription: Subscription = await this.#log.subscribe(shard, next, deliver, failed.reject);
    subscription.grant(heldUnits);
    try {
      while (!signal.aborted) {
        if (waiting.length === 0) {
          await Promise.race([wake.promise, failed.promise]);
          wake = Promise.withResolvers();
          continue;
        }
        const frames = waiting.splice(0, storedAtOnce);
        const records = frames.map(({ offset, text }) => ({ position: offset, value: utf8.encode(text) }));
        const after = records.at(-1)!.position + 1;
        await reader.store(batchOf(place, next, after, records));
        next = after;
        subscription.grant(frames.reduce((sum, { text }) => sum + text.length, 0));
        await this.#log.trim(shard, next);
      }
    } finally {
      signal.removeEventListener("abort", stop);
      subscription.close();
    }
  }

  async close(): Promise<void> {
    await this.#log.close();
    await this.#thread.close();
  }
}
