/** Claims that come after an epoch: see "raced" of the port. */

import { StoreError } from "./port.ts";

/** Throws unless the shard has the epoch `after`; null: any will do. */
export function checkEpoch(shard: number, epoch: number, after: number | null): void {
  if (after === null || after === epoch) return;
  throw new StoreError(
    "raced",
    `Cannot claim shard ${shard} after its epoch ${after}: it was claimed since, and has ${epoch}`,
  );
}
