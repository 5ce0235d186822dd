/** A store belongs to one log: offsets of another would mean other frames. */

import { StoreError } from "./port.ts";

/** Throws unless the store is bound to `log`. */
export function checkBound(bound: string | null, log: string): void {
  if (bound === log) return;
  throw new StoreError(
    "refused",
    `Cannot fold the log ${log} into this store: ${bound ?? "none"} is folded into it already; ` +
      "name that log's cluster and prefix, or use another store",
  );
}
