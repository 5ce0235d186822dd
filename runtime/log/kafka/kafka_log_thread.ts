/**
 * The Kafka log's thread: owns the connections, serves any number of clients. `start_kafka_log_thread.ts` starts it.
 *
 * 1. While the brokers cannot be reached it is not ready, says what it waits for, and keeps the ports it is given.
 */

import process from "node:process";
import { parentPort, workerData } from "node:worker_threads";
import type { Agreement } from "../../core/cluster.ts";
import { serve, toWireError } from "../../rpc.ts";
import { threadMemory } from "../../thread_memory.ts";
import { LogError } from "../port.ts";
import { serveOwner } from "../serve_owner.ts";
import type {
  KafkaLogThreadData,
  LogToOwner,
  MemberCalls,
  OwnerCalls,
  OwnerToLog,
} from "../thread_messages.ts";
import { KafkaLog } from "./kafka_log.ts";

const owner = parentPort;
if (owner === null) {
  throw new Error("kafka_log_thread.ts runs as a worker thread: start it by startKafkaLogThread().");
}

const post = (message: LogToOwner) => owner.postMessage(message);

const early: OwnerToLog[] = [];
const keep = (message: OwnerToLog) => {
  if (message.type === "close") process.exit(0);
  early.push(message);
};
owner.on("message", keep);

const noFiles = () =>
  Promise.reject(new LogError("refused", "The log is on Kafka: it has no files to hold."));
const ownerCalls: OwnerCalls = {
  hold: noFiles,
  seal: noFiles,
  release: noFiles,
  memory: () => Promise.resolve(threadMemory()),
};

let log: KafkaLog | null = null;
const members = (): MemberCalls => {
  if (log === null) throw new LogError("unavailable", "The log is not open yet: it waits for Kafka.");
  return log.members;
};
const memberCalls: MemberCalls = {
  join: () => Promise.try(() => members().join()),
  table: () => Promise.try(() => members().table()),
  evict: (name) => Promise.try(() => members().evict(name)),
};

try {
  const { settings, shards, topics, expected, member }: KafkaLogThreadData = workerData;
  const onWaiting = (sentence: string | null) => post({ type: "waiting", for: sentence });
  const report = (sentence: string) => post({ type: "report", sentence });
  const onAgreed = (agreement: Agreement) => post({ type: "agreed", agreement });
  serve(owner, { ...ownerCalls, ...memberCalls });
  log = await KafkaLog.open({ settings, shards, topics, expected, member, onAgreed, onWaiting, report });
  owner.off("message", keep);
  const handle = serveOwner(owner, log);
  early.forEach(handle);
  const { identity, opened: extents, warning } = log;
  post({ type: "ready", opening: { identity, extents, warning } });
} catch (thrown) {
  post({ type: "failed", ...toWireError(thrown) });
  process.exit(1);
}
