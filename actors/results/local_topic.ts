/**
 * The topic of a node on its folder: a log of its own beside the mailboxes', trimmed below what is stored.
 *
 * 1. `store` resolves when what it has stored survives a power cut: only then the log is trimmed below it.
 * 2. Where the log does not have what is stored next, tables or log are others than they were: an older file was put
 *    back by hand, or the log was removed. Storing goes on with the oldest record there is, and says so; what is stored
 *    of it already, by its id, is left as it is.
 */

import { RemoteLog } from "../../runtime/log/remote_log.ts";
import type { LogFrame } from "../../runtime/core/log_frame.ts";
import type { LogExtent, Subscription } from "../../runtime/log/port.ts";
import { type LogThread, startLogThread } from "../../runtime/log/start_log_thread.ts";
import { batchOf } from "./batch.ts";
import type { ResultReader, ResultTopic } from "./feed.ts";
import { heldUnits, storedAtOnce } from "./limits.ts";
import type { Place } from "./tables.ts";

const shard = 0;

const utf8 = new TextEncoder();

const whole = new Intl.NumberFormat("en-US");

function leapSentence(name: string, stored: number, { begin, end }: LogExtent): string {
  if (stored > end) {
    return `Results of ${name} were stored up to offset ${stored}, and its log ends before ${end}: it is another log ` +
      "than it was, and what was not stored of the old one is missing. Storing goes on with the oldest record of the " +
      `new one, at offset ${begin}.`;
  }
  const missing = begin - stored;
  return `${whole.format(missing)} ${
    missing === 1 ? "record" : "records"
  } of ${name} cannot be stored: the tables ` +
    `are stored up to offset ${stored}, and the log begins at ${begin}. The tables are older than the log, as after ` +
    `results.sqlite was put back from a copy. Storing goes on at offset ${begin}.`;
}

export class LocalTopic implements ResultTopic {
  readonly #thread: LogThread;
  readonly #log: RemoteLog;
  readonly #name: string;
  readonly #report: (sentence: string) => void;

  private constructor(thread: LogThread, name: string, report: (sentence: string) => void) {
    this.#thread = thread;
    this.#log = new RemoteLog(thread.connect("results"));
    this.#name = name;
    this.#report = report;
  }

  /** @param report hears what a person should know */
  static async open(
    directory: string,
    name: string,
    report: (sentence: string) => void,
  ): Promise<LocalTopic> {
    const thread = startLogThread({ directory, shards: 1, report });
    await thread.ready;
    return new LocalTopic(thread, name, report);
  }

  async send(_series: string, text: string): Promise<void> {
    await this.#log.append([{ shard, text }]);
  }

  async read(reader: ResultReader, signal: AbortSignal): Promise<void> {
    const place = { topic: this.#name, part: shard };
    let next = await this.#begin(place, reader);
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

  /** Where reading begins: at what is stored next, or else with the oldest record. */
  async #begin(place: Place, reader: ResultReader): Promise<number> {
    const { begin, end } = await this.#log.extent(shard);
    const stored = await reader.position(place);
    if (stored === null || (stored >= begin && stored <= end)) return stored ?? begin;
    await reader.store({ place, from: stored, next: begin, results: [], refused: [] });
    this.#report(leapSentence(this.#name, stored, { begin, end }));
    return begin;
  }

  async close(): Promise<void> {
    await this.#log.close();
    await this.#thread.close();
  }
}
