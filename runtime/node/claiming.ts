/**
 * How a shard is taken over: its epoch is read, then whether it is this node's is asked, then it is claimed after that
 * epoch.
 *
 * 1. Who was cut off or stood still between any two steps, and whose shard is another's by then, takes it from nobody: it is
 *    told that the shard is not its own, or the epoch has gone on.
 * 2. No step begins once the claim is not wanted any more.
 */

import type { HostDeath } from "../core/attempts.ts";
import type { Claim } from "../core/checkpoint.ts";
import type { MailboxLog } from "../log/port.ts";
import type { Store } from "../store/port.ts";
import { firstClaimPauseMs, lastClaimPauseMs } from "./limits.ts";
import { backoffMs } from "./retry.ts";

export interface Claiming {
  readonly log: Pick<MailboxLog, "holds">;
  readonly store: Pick<Store, "epoch" | "claim">;
  /** A readable name for the shard's row. */
  readonly owner: string;
}

/** The nodes have not agreed yet whose the shard is, or it is another's. */
class NotHeld extends Error {
  readonly code = "not_held";
}

/** Throws "not_held" or "raced" when it is to be begun again; see `isUnsettled`. */
export async function claimHeld(
  { log, store, owner }: Claiming,
  shard: number,
  death: HostDeath | null,
  isWanted: () => boolean,
): Promise<Claim> {
  const epoch = await store.epoch(shard);
  if (!isWanted() || !await log.holds(shard) || !isWanted()) {
    throw new NotHeld(`Shard ${shard} is not this node's to claim now`);
  }
  return await store.claim(shard, owner, death, epoch);
}

/** Whether a claim that ended so is to be begun again, until it is not wanted: nothing failed. */
export function isUnsettled(code: string): boolean {
  return code === "not_held" || code === "raced";
}

export function claimPauseMs(attempts: number): number {
  return backoffMs(attempts, firstClaimPauseMs, lastClaimPauseMs);
}
