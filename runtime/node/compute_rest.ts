/**
 * How long a compute thread rests behind a job, so that those who want the processors have them.
 *
 * That it is as nice as can be is not enough on a machine that is nearly full: whoever wakes up there is put on the
 * processor it had before, behind another, and not on the one where the nice thread is; and what that one leaves in
 * caches is not theirs. So of the processors' time a thread takes the square of the share that is free: all of it on an
 * idle machine, a quarter on one that is half idle, a twenty-fifth where a fifth is free.
 */

import { maxComputeRestMs } from "./limits.ts";

/**
 * @param usedMs the processor time that the job took
 * @param tookMs how long it ran for that
 * @param freeShare of all processors, from 0 to 1
 */
export function restMs(usedMs: number, tookMs: number, freeShare: number): number {
  // Used time comes in ticks, and is more than there was for a short job.
  const ownMs = Math.min(usedMs, tookMs);
  const withRestMs = ownMs === 0 ? 0 : ownMs / freeShare ** 2;
  return Math.min(maxComputeRestMs, Math.max(0, withRestMs - tookMs));
}
