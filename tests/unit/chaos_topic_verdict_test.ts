import assert from "node:assert/strict";
import { compareTotals, together } from "../chaos/topic_verdict.ts";
import { isRight } from "../verify/verifier.ts";

const sent = new Map([["a", { count: 3, sum: 1.5 }], ["b", { count: 2, sum: 4 }]]);

Deno.test("compareTotals() finds nothing wrong where each record counts once", () => {
  const verification = compareTotals(sent, new Map([...sent].reverse()));
  assert.ok(isRight(verification));
  assert.deepEqual([verification.sensors, verification.values], [2, 5]);
});

const cases: readonly (readonly [string, ReadonlyMap<string, { count: number; sum: number }>, number[]])[] = [
  ["a record was lost", new Map([...sent, ["a", { count: 2, sum: 1 }]]), [1, 0, 1]],
  ["one counts twice", new Map([...sent, ["b", { count: 3, sum: 6 }]]), [0, 1, 1]],
  ["one was taken for another", new Map([...sent, ["a", { count: 3, sum: 1.625 }]]), [0, 0, 1]],
  ["a sensor is unknown", new Map([["b", { count: 2, sum: 4 }]]), [3, 0, 1]],
];

for (const [when, found, wrong] of cases) {
  Deno.test(`compareTotals() says so when ${when}`, () => {
    const verification = compareTotals(sent, found);
    assert.deepEqual([verification.lost, verification.twice, verification.wrongSensors], wrong);
    assert.equal(verification.examples.length, 1);
    assert.ok(!isRight(together(compareTotals(sent, sent), verification)));
  });
}
