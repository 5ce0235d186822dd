/** Makes threads for shards; `thread_maker.ts` starts it. */

import { parentPort } from "node:worker_threads";
import { errorMessage, invariant } from "../core/errors.ts";
import { type HostWorker, makeHostWorker } from "./host_worker.ts";
import type { FromMaker, ToMaker } from "./thread_maker_protocol.ts";

invariant(parentPort !== null, "A thread of its own");
const port = parentPort;
const made = new Map<number, HostWorker>();

function tell(message: FromMaker): void {
  port.postMessage(message);
}

function make({ id, start, heapMiB }: Extract<ToMaker, { type: "make" }>): void {
  const worker = makeHostWorker(start, heapMiB);
  made.set(id, worker);
  worker.onEnd((reason) => {
    if (made.delete(id)) tell({ type: "ended", id, reason });
  });
  tell({ type: "made", id, threadId: worker.threadId });
}

port.on("message", (message: ToMaker) => {
  if (message.type === "terminate") return void made.get(message.id)?.terminate();
  try {
    make(message);
  } catch (thrown) {
    tell({ type: "ended", id: message.id, reason: `it could not be made: ${errorMessage(thrown)}` });
  }
});
