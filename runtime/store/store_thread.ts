/** Entry of the thread that owns the one `SqliteStore` of a node; see `serve_store.ts`. */

import { workerData } from "node:worker_threads";
import { CallQueue } from "./call_queue.ts";
import { newSecret } from "./secret.ts";
import { type OwnedStore, serveStore } from "./serve_store.ts";
import { SqliteStore, type SqliteStoreOptions } from "./sqlite_store.ts";

function owned(store: SqliteStore): OwnedStore {
  const queue = new CallQueue(store);
  return {
    store,
    queue,
    // A file has one node, which is alone in knowing it.
    open: () => Promise.resolve({ ...store.opening, secret: newSecret() }),
    bindLog: (log) => store.bindLog(log),
    boundLog: () => store.boundLog(),
    hold: () => queue.call(() => store.hold()),
    release: () => queue.call(() => store.release()),
  };
}

const options: SqliteStoreOptions = workerData;
void serveStore(() => owned(new SqliteStore(options)));
