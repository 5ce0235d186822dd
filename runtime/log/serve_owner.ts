/** What the thread of any log does for its owner: it serves ports, and closes the log and itself. */

import process from "node:process";
import type { MessagePort } from "node:worker_threads";
import { type ServedLog, serveLog } from "./serve_log.ts";
import type { OwnerToLog } from "./thread_messages.ts";

/** A log that its thread opened, and closes. */
interface OwnedLog extends ServedLog {
  close(): Promise<void>;
}

/**
 * Returns what handles a message, for those that came earlier. `process.exit` in a worker ends the worker alone.
 */
export function serveOwner(owner: MessagePort, log: OwnedLog): (message: OwnerToLog) => void {
  const ends = new Set<() => void>();
  const named = new Map<string, () => void>();
  const connect = ({ port, client }: OwnerToLog & { readonly type: "connect" }) => {
    const end = serveLog(log, port);
    port.on("close", () => ends.delete(end));
    ends.add(end);
    if (client === undefined) return;
    named.get(client)?.();
    named.set(client, end);
  };
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  const close = async () => {
    // What came on other ports before the word to close is still to be read from them.
    await turn();
    await log.close();
    // The answers to what `close` committed leave before their ports close.
    await turn();
    for (const end of ends) end();
    process.exit(0);
  };
  const handle = (message: OwnerToLog) => {
    switch (message.type) {
      case "connect":
        return connect(message);
      case "close":
        return void close();
    }
  };
  owner.on("message", handle);
  return handle;
}
