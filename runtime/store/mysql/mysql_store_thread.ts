/** Entry of the thread that owns the one `MySqlStore` of a node; see `serve_store.ts`. */

import { workerData } from "node:worker_threads";
import { CallQueue } from "../call_queue.ts";
import { StoreError } from "../port.ts";
import { answer, type OwnedStore, serveStore } from "../serve_store.ts";
import { MySqlStore, type MySqlStoreOptions } from "./mysql_store.ts";

function owned(store: MySqlStore): OwnedStore {
  const refused = () => {
    const sentence =
      "Cannot hold a store on MySQL for a copy: it has no file; back its database up with the server's tools";
    return Promise.reject(new StoreError("refused", sentence));
  };
  return {
    store,
    // Its reads have connections of their own.
    queue: new CallQueue(store, { isConcurrent: true }),
    open: () => store.open(),
    bindLog: (log) => store.bindLog(log),
    boundLog: () => store.boundLog(),
    hold: refused,
    release: refused,
  };
}

const options: MySqlStoreOptions = workerData;
void serveStore(() =>
  owned(new MySqlStore(options, (waitingFor) => answer({ type: "waiting", for: waitingFor })))
);
