/**
 * How long a compute thread rests behind a job, so that those who want the processors have them.
 *
 * That it is as nice as can be is not enough on a machine that is nearly full: beside it all others wait longer for a
 * processor, and use somewhat more of it for the same work (`deno task bench beside-analyses`). So of the processors' time
 * a thread takes the square of the share that is free: all of it on an idle machine, a quarter on one that is half idle,
 * a twenty-fifth where a fifth is free. A rest is bounded, as somebody may wait for the next job: long jobs take more.
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
