import assert from "node:assert/strict";
import fc from "fast-check";
import type { Plan } from "../../actors/simulate/plan.ts";
import type { StreamLedger } from "../../actors/simulate/ledger.ts";
import type { SensorAnswer } from "../verify/answer.ts";
import { compare } from "../verify/compare.ts";
import { expectationOf, type Point } from "../verify/expectation.ts";

const points: readonly Point[] = [1, 2, 4].map((value, index) => ({ tsMs: index * 10, value }));
const expected = new Map([["temperature", points]]);

function answer(): SensorAnswer {
  const all = { from: 0, to: 30, count: 3, min: 1, max: 4, mean: 7 / 3 };
  const deviations = { stdSample: Math.sqrt(7 / 3), stdPopulation: Math.sqrt(14 / 9) };
  return {
    id: "sensor-1",
    total: { temperature: { count: 3, sum: 7 } },
    channels: { temperature: { "1h": { ...all, ...deviations } } },
  };
}

Deno.test("compare() is content when everything is equal, and counts readings at `from`, not at `to`", () => {
  assert.deepEqual(compare(expected, answer()), { lost: 0, twice: 0, wrong: [] });
  const half = answer();
  half.channels.temperature!["1h"] = {
    from: 0,
    to: 20,
    count: 2,
    min: 1,
    max: 2,
    mean: 1.5,
    stdSample: Math.sqrt(0.5),
    stdPopulation: 0.5,
  };
  assert.deepEqual(compare(expected, half).wrong, []);
});

Deno.test("compare() names each field that differs", () => {
  const cases: [keyof SensorAnswer["channels"][string][string], number][] = [
    ["count", 2],
    ["min", 0.875],
    ["max", 4.125],
    ["mean", 2.3333],
    ["stdSample", 1.5],
    ["stdPopulation", 1.25],
  ];
  for (const [field, value] of cases) {
    const wrong = answer();
    wrong.channels.temperature!["1h"]![field] = value;
    const verdict = compare(expected, wrong);
    assert.equal(verdict.wrong.length, 1);
    assert.ok(verdict.wrong[0]!.includes(`${field} is ${value}`), `found ${verdict.wrong[0]}`);
  }
});

Deno.test("compare() counts what is lost and what is there twice by the totals", () => {
  const change = (count: number, sum: number) => {
    const changed = answer();
    changed.total.temperature = { count, sum };
    return compare(expected, changed);
  };
  assert.deepEqual([change(2, 3).lost, change(2, 3).twice], [1, 0]);
  assert.deepEqual([change(5, 15).lost, change(5, 15).twice], [0, 2]);
  assert.equal(change(3, 8).wrong.length, 1);
});

Deno.test("compare() takes a sensor or channel that is missing as lost, one that was never sent as twice", () => {
  assert.equal(compare(expected, null).lost, 3);
  assert.equal(compare(new Map(), null).wrong.length, 0);
  assert.equal(compare(expected, { ...answer(), total: {}, channels: {} }).lost, 3);
  assert.equal(compare(new Map(), answer()).twice, 3);
});

const plan: Plan = {
  seed: 3,
  sensors: 100,
  originMs: Date.UTC(2026, 0, 15, 12),
  ratePerSecond: 1000,
  bodyReadings: 10,
  historyMs: 3_600_000,
  panelRatio: 0.5,
  lateRatio: 0.1,
  outOfOrderRatio: 0.1,
  duplicateRatio: 0.1,
};

function readingCount(ledger: Partial<StreamLedger>): number {
  const whole = { plan, stream: "live", settled: [], refused: [], unanswered: [], rejected: [] } as const;
  const expectation = expectationOf([{ ...whole, ...ledger }]);
  return expectation.ids.reduce(
    (sum, id) => sum + (expectation.channels(id).get("temperature")?.length ?? 0),
    0,
  );
}

Deno.test("expectationOf() expects each reading of a settled body once, whatever was repeated", () => {
  fc.assert(fc.property(fc.array(fc.nat(20), { minLength: 64, maxLength: 64 }), (settled) => {
    assert.equal(readingCount({ settled }), 10 * settled.reduce((sum, bodies) => sum + bodies, 0));
  }));
});

Deno.test("expectationOf() leaves out refused bodies, rejected items and the sensors of unanswered bodies", () => {
  const settled = new Array<number>(64).fill(3);
  assert.equal(readingCount({ settled }), 1920);
  assert.equal(readingCount({ settled, refused: [{ lane: 5, body: 1 }] }), 1910);
  assert.equal(readingCount({ settled, rejected: [{ lane: 5, body: 0, index: 3 }] }), 1919);
  // Lane 5 holds the sensors 5 and 69 and nothing else: all its readings go.
  assert.equal(readingCount({ settled, unanswered: [{ lane: 5, body: 2 }] }), 1890);
  assert.throws(() => expectationOf([]), /the ledger holds no stream/);
});
