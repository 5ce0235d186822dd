/** Makes one file of a store that was copied with its write-ahead log. */

import { DatabaseSync } from "node:sqlite";
import { translated } from "./sqlite_errors.ts";

/** The copy is whole and stands alone afterwards. Throws a `StoreError`. */
export function settleCopy(path: string): void {
  translated(`take over the write-ahead log of ${path}`, () => {
    const db = new DatabaseSync(path);
    try {
      db.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get();
    } finally {
      // The last connection that closes removes the log.
      db.close();
    }
  });
}
