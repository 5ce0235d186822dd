/**
 * Which items of a body their actors' rate lets in.
 *
 * 1. Without an idempotency key each item is judged by itself, in order.
 * 2. A keyed body is taken or put off as a whole: which of its items are refused may not depend on the clock, as a
 *    repeat must become the same messages. It is taken when none of its actors has to wait, whatever it holds; then they
 *    wait the longer before the next.
 */

import { hashId } from "../../runtime/core/id_hash.ts";
import { rateProblem, waitSeconds } from "./rate_problem.ts";
import type { RateLimiter } from "./rate_limiter.ts";

export interface ItemGate {
  /** Null, or why the item is refused. */
  refusal(id: string): string | null;
  /** Called when all items were judged. Throws a problem when the body has to wait. */
  end(): void;
}

export const openGate: ItemGate = { refusal: () => null, end: () => {} };

export function itemGate(limiter: RateLimiter, isKeyed: boolean, nowMs: number): ItemGate {
  return isKeyed ? bodyByBody(limiter, nowMs) : oneByOne(limiter, nowMs);
}

function oneByOne(limiter: RateLimiter, nowMs: number): ItemGate {
  return {
    refusal: (id) => {
      const key = hashId(id);
      return limiter.take(key, nowMs) ? null : sentence(id, limiter, limiter.waitMs(key, nowMs));
    },
    end: () => {},
  };
}

function bodyByBody(limiter: RateLimiter, nowMs: number): ItemGate {
  const keys: number[] = [];
  let longestMs = 0;
  let slowest = "";
  return {
    refusal: (id) => {
      const key = hashId(id);
      const waitMs = limiter.waitMs(key, nowMs);
      if (waitMs > longestMs) [longestMs, slowest] = [waitMs, id];
      keys.push(key);
      return null;
    },
    end: () => {
      if (longestMs > 0) {
        const detail = `${sentence(slowest, limiter, longestMs)}. A body under a key is taken as a whole: ` +
          "nothing of this one was.";
        throw rateProblem(detail, longestMs);
      }
      for (const key of keys) limiter.charge(key, 1, nowMs);
    },
  };
}

const shownIdLength = 100;

function sentence(id: string, { rate: { perSecond } }: RateLimiter, waitMs: number): string {
  const shown = id.length <= shownIdLength ? id : `${id.slice(0, shownIdLength)}…`;
  return `"${shown}" sends more than ${perSecond} a second; send again in ${waitSeconds(waitMs)} s`;
}
