/** Threads for shards that are none: a test plays them, by the ports that they were started with. */

import { defaultShardLimits } from "../../runtime/core/limits.ts";
import { AbandonedThreads } from "../../runtime/node/abandoned.ts";
import { HostLife, type ThreadCare } from "../../runtime/node/host_life.ts";
import type { HostThreadStart } from "../../runtime/node/host_protocol.ts";
import type { HostWorker } from "../../runtime/node/host_worker.ts";
import { Watchdog } from "../../runtime/node/watchdog.ts";

export class MadeUpThreads {
  readonly starts: HostThreadStart[] = [];
  readonly care: ThreadCare = {
    watchdog: new Watchdog(),
    abandoned: new AbandonedThreads({
      clock: { nowMs: () => 0 },
      residentBytes: () => 0,
      onWorn: () => {},
      report: () => {},
    }),
    putLast: () => {},
  };
  #terminated = 0;

  take(startMs?: number): HostLife {
    const settings = {
      shardCount: 1,
      node: null,
      definitionsUrl: "",
      limits: defaultShardLimits,
      topics: {},
      heapMiB: 64,
      isTraced: false,
      isPublishing: false,
    };
    return new HostLife(settings, this.care, (start) => this.#worker(start), startMs);
  }

  #worker(start: HostThreadStart): HostWorker {
    this.starts.push(start);
    return {
      threadId: null,
      onEnd: () => {},
      terminate: () => {
        this.#terminated++;
        start.main.close();
        return Promise.resolve();
      },
    };
  }

  get terminated(): number {
    return this.#terminated;
  }
}
