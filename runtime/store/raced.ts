/** Claims that come after an epoch: see "raced" of the port. */

import { StoreError } from "./port.ts";

/** Null when the shard has the epoch `after`; of which null means: any will do. */
export function raceOf(shard: number, epoch: number, after: number | null): StoreError | null {
  if (after === null || after === epoch) return null;
  return new StoreError(
    "raced",
    `Cannot claim shard ${shard} after its epoch ${after}: it was claimed since, and has ${epoch}`,
  );
}
