/** Starts the Kafka log's thread and holds its owner's end: the composition root of a node calls this. */

import { Worker } from "node:worker_threads";
import type { Member } from "../../core/cluster.ts";
import { threadCloseDeadlineMs } from "../../rpc.ts";
import { type LogThread, ownLogThread } from "../start_log_thread.ts";
import type { KafkaLogThreadData } from "../thread_messages.ts";
import type { KafkaSettings } from "./settings.ts";

export interface KafkaLogThreadOptions {
  readonly settings: KafkaSettings;
  readonly shards: number;
  /** Foreign ones that are folded directly: none unless told otherwise. */
  readonly topics?: readonly string[];
  /** Identity of the log that must be there; without it, or null, any log will do, and a new one is made. */
  readonly expected?: string | null;
  readonly member: Member;
  /** Hears what a person should know while the log goes on. */
  readonly report: (sentence: string) => void;
  /** Hears what the log waits for, before it is ready and later; null when it works again. */
  readonly onWaiting: (sentence: string | null) => void;
}

/** Its `ready` waits for the brokers as long as it takes, and rejects as "refused" when waiting does not help. */
export function startKafkaLogThread(options: KafkaLogThreadOptions): LogThread {
  const { settings, shards, topics = [], expected = null, member, report, onWaiting } = options;
  const data: KafkaLogThreadData = { settings, shards, topics, expected, member };
  const worker = new Worker(new URL("./kafka_log_thread.ts", import.meta.url), { workerData: data });
  return ownLogThread(worker, {
    isShared: true,
    report,
    onWaiting,
    opening: (ready) => ready,
    closeDeadlineMs: threadCloseDeadlineMs,
    lateClose: `The log's thread did not close within ${threadCloseDeadlineMs} ms: Kafka does not answer.`,
  });
}
