/**
 * The log's thread: owns the files, serves any number of clients. `start_log_thread.ts` starts it.
 * `process.exit` in a worker ends the worker alone.
 */

import process from "node:process";
import { parentPort, workerData } from "node:worker_threads";
import { serve, toWireError } from "../rpc.ts";
import { threadMemory } from "../thread_memory.ts";
import { serveOwner } from "./serve_owner.ts";
import { SqliteLog } from "./sqlite_log.ts";
import type { LogThreadData, LogToOwner, OwnerCalls } from "./thread_messages.ts";

const owner = parentPort;
if (owner === null) throw new Error("log_thread.ts runs as a worker thread: start it by startLogThread().");

const post = (message: LogToOwner) => owner.postMessage(message);

try {
  const { directory, shards, expected, limits }: LogThreadData = workerData;
  const report = (sentence: string) => post({ type: "report", sentence });
  const log = new SqliteLog({ directory, shards, expected, limits, clock: Date.now, report });
  const extents = await Promise.all(Array.from({ length: shards }, (_, shard) => log.extent(shard)));
  serveOwner(owner, log);
  const ownerCalls: OwnerCalls = {
    hold: () => Promise.try(() => log.held.hold()),
    seal: () => log.held.seal(),
    release: () => Promise.try(() => log.held.release()),
    memory: () => Promise.resolve(threadMemory()),
  };
  serve(owner, { ...ownerCalls });
  post({ type: "ready", opening: { identity: log.identity, extents, warning: null } });
} catch (thrown) {
  post({ type: "failed", ...toWireError(thrown) });
  process.exit(1);
}
