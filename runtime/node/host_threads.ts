/**
 * The threads that a node has for shards, as it makes them.
 *
 * 1. Those of the node's start are made before there is anything to fold: they load the actors while log and store are
 *    opened. Each of them is given out once, before any other is made.
 * 2. Later ones are made by another thread (`thread_maker.ts`): everybody waits for what holds the main thread.
 */

import process from "node:process";
import { errorMessage } from "../core/errors.ts";
import { AbandonedThreads } from "./abandoned.ts";
import { machineClock } from "./clock.ts";
import { HostLife, type HostSettings, type ThreadCare } from "./host_life.ts";
import type { Settled } from "./options.ts";
import { type MakeHostWorker, makeHostWorker } from "./host_worker.ts";
import { ThreadMaker } from "./thread_maker.ts";
import { putLast } from "./thread_priority.ts";
import { Watchdog } from "./watchdog.ts";

export class HostThreads {
  readonly care: ThreadCare;
  readonly #settings: HostSettings;
  readonly #maker = new ThreadMaker();
  #early: HostLife[] = [];

  constructor(settings: Settled) {
    this.#settings = hostSettings(settings);
    this.care = {
      watchdog: new Watchdog(),
      abandoned: new AbandonedThreads({
        clock: machineClock,
        residentBytes: () => process.memoryUsage().rss,
        onWorn: settings.onWorn,
        report: settings.report,
      }),
      putLast: (name, threadId) => {
        putLast(threadId).catch((thrown: unknown) =>
          settings.report({
            level: "warn",
            component: name,
            event: "thread-priority",
            message: `The thread of ${name}, which hangs, keeps its priority: ${errorMessage(thrown)}`,
          })
        );
      },
    };
  }

  /** Makes so many before they are needed. */
  prepare(count: number): void {
    this.#early = Array.from({ length: count }, () => this.#make(makeHostWorker));
  }

  /** One that is early, or else a new one; warm or not yet. */
  take(): HostLife {
    return this.#early.shift() ?? this.#make(this.#maker.make);
  }

  #make(makeWorker: MakeHostWorker): HostLife {
    return new HostLife(this.#settings, this.care, makeWorker);
  }

  /** Ends those that nobody took. */
  async close(): Promise<void> {
    for (const life of this.#early) life.die("it is not wanted any more");
    this.#early = [];
    this.care.abandoned.close();
    await this.#maker.close();
  }
}

function hostSettings(settings: Settled): HostSettings {
  const { shards: shardCount, definitionsUrl, limits, topics, isTraced, hostHeapMiB: heapMiB } = settings;
  const isPublishing = settings.onPublished !== null;
  const node = settings.servers === null ? null : settings.member.name;
  return { shardCount, node, definitionsUrl, limits, topics, isTraced, isPublishing, heapMiB };
}
