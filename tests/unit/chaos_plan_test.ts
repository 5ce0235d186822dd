/** The plan of a chaos run. The numbers are those of `tests/chaos/plan.ts`. */

import assert from "node:assert/strict";
import fc from "fast-check";
import {
  clusterFaultKinds,
  faultKinds,
  nodesFaultKinds,
  type PlanOptions,
  planRounds,
  type Round,
} from "../chaos/plan.ts";

const options: fc.Arbitrary<PlanOptions> = fc.record({
  kinds: fc.uniqueArray(
    fc.constantFrom(...new Set([...faultKinds, ...clusterFaultKinds, ...nodesFaultKinds])),
    { minLength: 1 },
  ),
  shards: fc.integer({ min: 1, max: 64 }),
  brokers: fc.integer({ min: 1, max: 3 }),
  maxAfterMs: fc.integer({ min: 100, max: 10_000 }),
  neighbours: fc.integer({ min: 1, max: 4 }),
  away: fc.constant({ stopMs: 3000, pauseMs: 2000, nodeMs: 4000 }),
});
const seeds = fc.integer({ min: 0, max: 999_999_999 });

function take(seed: number, from: PlanOptions, count: number): readonly Round[] {
  return planRounds(seed, from).take(count).toArray();
}

Deno.test("1: planRounds() gives the same rounds for the same seed, however many are taken", () => {
  fc.assert(fc.property(seeds, options, fc.nat(40), fc.nat(40), (seed, from, one, other) => {
    const [few, many] = [Math.min(one, other), Math.max(one, other)];
    assert.deepEqual(take(seed, from, many).slice(0, few), take(seed, from, few));
  }));
});

Deno.test("2: planRounds() gives each kind one of every so many rounds as there are kinds", () => {
  fc.assert(fc.property(seeds, options, fc.nat(5), (seed, from, deck) => {
    const count = from.kinds.length;
    const kinds = take(seed, from, (deck + 1) * count).slice(deck * count).map(({ fault }) => fault.kind);
    assert.deepEqual(kinds.toSorted(), from.kinds.toSorted());
  }));
});

Deno.test("planRounds() keeps pauses, durations and shards within their bounds", () => {
  fc.assert(fc.property(seeds, options, (seed, from) => {
    for (const { afterMs, fault } of take(seed, from, 40)) {
      assert.ok(afterMs >= 100 && afterMs <= from.maxAfterMs);
      // A launcher takes a node for hanging after 10 s.
      if ("forMs" in fault) assert.ok(fault.forMs >= 200 && fault.forMs <= 5000);
      if ("shard" in fault) assert.ok(fault.shard >= 0 && fault.shard < from.shards);
      if ("node" in fault) assert.ok(fault.node >= 0 && fault.node < from.neighbours);
      if ("broker" in fault) assert.ok(fault.broker >= 0 && fault.broker < from.brokers);
    }
  }));
});

Deno.test("planRounds() differs from seed to seed", () => {
  const from = {
    kinds: faultKinds,
    shards: 8,
    brokers: 1,
    maxAfterMs: 3000,
    neighbours: 2,
    away: { stopMs: 3000, pauseMs: 2000, nodeMs: 4000 },
  };
  const plans = Array.from({ length: 100 }, (_, seed) => JSON.stringify(take(seed, from, 8)));
  assert.equal(new Set(plans).size, plans.length);
});
