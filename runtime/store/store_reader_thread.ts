/**
 * Entry of the thread that reads the embedded store: owns the one `SqliteReader` and answers any number of ports.
 *
 *     in:  { type: "open" }             the file is there
 *          { type: "connect", port }    serve this port; many may be connected, before it is open too
 *          { type: "close" }            close the file and end
 *
 * and the call `memory`. It runs no actor code, and is ended between two calls: a thread ended inside a transaction would
 * keep the write-ahead log from beginning anew as long as the process lives.
 */

import process from "node:process";
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import type { Address } from "../core/actor.ts";
import { serve } from "../rpc.ts";
import { threadMemory } from "../thread_memory.ts";
import type { DeadLetterFilter, RowRange } from "./port.ts";
import { SqliteReader } from "./sqlite_reader.ts";
import type { StoreReaderData, StoreReaderRequest } from "./start_store_reader.ts";

const owner = parentPort;
if (owner === null) {
  throw new Error("store_reader_thread.ts runs as a worker thread: see start_store_reader.ts.");
}

const { path }: StoreReaderData = workerData;
const opened = Promise.withResolvers<SqliteReader>();
// What stands in the way ends the thread, and each call that waits for it.
opened.promise.catch(() => {});

async function read<T>(call: (reader: SqliteReader) => Promise<T>): Promise<T> {
  return await call(await opened.promise);
}

function connect(port: MessagePort): void {
  serve(port, {
    epoch: (shard: number) => read((reader) => reader.epoch(shard)),
    rows: () => read((reader) => reader.rows()),
    load: (shard: number, keys: readonly Address[]) => read((reader) => reader.load(shard, keys)),
    due: (shard: number, afterMs: number, limit: number) =>
      read((reader) => reader.due(shard, afterMs, limit)),
    list: (kind: string, after: string | null, limit: number) =>
      read((reader) => reader.list(kind, after, limit)),
    history: (actor: Address, range: RowRange) => read((reader) => reader.history(actor, range)),
    deadLetters: (filter: DeadLetterFilter) => read((reader) => reader.deadLetters(filter)),
    deadLetter: (id: string) => read((reader) => reader.deadLetter(id)),
  });
}

async function close(): Promise<void> {
  (await opened.promise).close();
  process.exit(0);
}

owner.on("message", (request: StoreReaderRequest) => {
  switch (request.type) {
    case "open":
      return opened.resolve(new SqliteReader(path));
    case "connect":
      return connect(request.port);
    case "close":
      return void close();
  }
});
serve(owner, { memory: () => threadMemory() });
