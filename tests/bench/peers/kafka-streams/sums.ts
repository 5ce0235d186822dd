/** What a peer's panes add up to, and what they should: by sensor and channel. */

import { z } from "zod";
import type { StreamLedger } from "../../../../actors/simulate/ledger.ts";
import { expectationOf } from "../../../verify/expectation.ts";

/** By channel: count, sum, minimum, maximum. */
type Sums = Readonly<Record<string, readonly [count: number, sum: number, min: number, max: number]>>;

export const sensorSums = z.object({
  id: z.string(),
  channels: z.record(z.string(), z.tuple([z.number(), z.number(), z.number(), z.number()])),
});

/** Values are multiples of 1/8, so that sums in any order are exact. */
export function expectedSums(ledger: StreamLedger): ReadonlyMap<string, Sums> {
  const expectation = expectationOf([ledger]);
  return new Map(expectation.ids.map((id) => {
    const channels = Array.from(expectation.channels(id), ([channel, points]) => {
      let [sum, min, max] = [0, Infinity, -Infinity];
      for (const { value } of points) {
        [sum, min, max] = [sum + value, Math.min(min, value), Math.max(max, value)];
      }
      return [channel, [points.length, sum, min, max]] as const;
    });
    return [id, Object.fromEntries(channels)];
  }));
}

/** How many sensors are not as they should be. */
export function wrongSensors(
  expected: ReadonlyMap<string, Sums>,
  seen: ReadonlyMap<string, Sums>,
): number {
  const ids = new Set([...expected.keys(), ...seen.keys()]);
  return [...ids].filter((id) => !areEqual(expected.get(id) ?? {}, seen.get(id) ?? {})).length;
}

function areEqual(expected: Sums, seen: Sums): boolean {
  const channels = new Set([...Object.keys(expected), ...Object.keys(seen)]);
  return [...channels].every((channel) =>
    expected[channel]?.every((number, at) => number === seen[channel]?.[at]) ?? false
  );
}
