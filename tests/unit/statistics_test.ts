/** What is said of series of all kinds: of those with a season, and of nasty ones. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { describe, type Metadata } from "../../actors/analytics/statistics/metadata.ts";
import { findPeriods } from "../../actors/analytics/statistics/periods.ts";
import { periodogram } from "../../actors/analytics/statistics/periodogram.ts";
import { findTrend } from "../../actors/analytics/statistics/trend.ts";

/** Normal numbers of a seed: Marsaglia's polar method over a linear congruential generator (Knuth's MMIX). */
function noise(seed: number): () => number {
  let state = BigInt(seed) * 2862933555777941757n + 3037000493n;
  const uniform = () => {
    state = (state * 6364136223846793005n + 1442695040888963407n) & 0xffffffffffffffffn;
    return (Number(state >> 11n) + 0.5) / 2 ** 53;
  };
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}

function make(n: number, value: (t: number) => number): Float64Array {
  return Float64Array.from({ length: n }, (_, t) => value(t));
}

function seriesOf(values: Float64Array) {
  return { startMs: 0, stepMs: 60_000, values };
}

function wave(t: number, period: number): number {
  return Math.sin(2 * Math.PI * t / period);
}

const periodsOf = (values: Float64Array) => findPeriods(values).map(({ period }) => period);

Deno.test("findPeriods() finds the season that is there", () => {
  const random = noise(1);
  assert.deepEqual(periodsOf(make(480, (t) => wave(t, 24) + 0.5 * random())), [24]);
  assert.deepEqual(periodsOf(make(1440, (t) => 5 + 0.01 * t + 3 * wave(t, 60) + random())), [60]);
  // A short peak at each hour: its power is in many frequencies.
  assert.deepEqual(periodsOf(make(1440, (t) => (t % 60 < 5 ? 10 : 0) + random())), [60]);
  assert.deepEqual(periodsOf(make(365, (t) => 2 * wave(t, 7) + random())), [7]);
});

Deno.test("findPeriods() tells a day and the week that it is part of", () => {
  const random = noise(2);
  const weekend = (t: number) => Math.floor(t / 24) % 7 >= 5 ? 0.4 : 1;
  assert.deepEqual(periodsOf(make(960, (t) => weekend(t) * (3 + 3 * wave(t, 24)) + 0.3 * random())), [
    24,
    168,
  ]);
});

Deno.test("findPeriods() finds none in noise, walks and lines, but for one in so many", () => {
  let found = 0;
  for (let seed = 1; seed <= 60; seed++) {
    const random = noise(seed);
    let [walk, memory] = [0, 0];
    found += findPeriods(make(720, () => random())).length;
    found += findPeriods(make(720, () => walk += random())).length;
    found += findPeriods(make(720, () => memory = 0.7 * memory + random())).length;
  }
  assert.ok(found <= 3, `${found} seasons in 180 series without one`);
  assert.deepEqual(periodsOf(make(500, (t) => 3 * t)), []);
  assert.deepEqual(periodsOf(make(500, () => 3)), []);
});

Deno.test("periodogram() is that of the definition, for any length", () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: -9, max: 9, noNaN: true }), { minLength: 2, maxLength: 70 }),
      (list) => {
        const x = Float64Array.from(list);
        for (const [k, found] of periodogram(x).entries()) {
          let [re, im] = [0, 0];
          for (const [t, value] of list.entries()) {
            re += value * Math.cos(2 * Math.PI * k * t / list.length);
            im += value * Math.sin(2 * Math.PI * k * t / list.length);
          }
          const wanted = (re * re + im * im) / list.length;
          assert.ok(Math.abs(found - wanted) <= 1e-9 * (1 + wanted), `${found} ≠ ${wanted} at ${k}`);
        }
      },
    ),
  );
});

Deno.test("findTrend() tells a slope from chance, and is not drawn away by outliers", () => {
  const random = noise(3);
  const rising = findTrend(make(1000, (t) => 0.01 * t + random() + (t === 500 ? 1e6 : 0)));
  assert.ok(rising.known && rising.value.direction === "rising");
  assert.ok(Math.abs(rising.value.slope - 0.01) < 0.001, `${rising.value.slope}`);
  const falling = findTrend(make(100, (t) => -t + random()));
  assert.ok(falling.known && falling.value.direction === "falling");
  let sure = 0;
  for (let seed = 1; seed <= 100; seed++) {
    const chance = noise(seed);
    const found = findTrend(make(200, () => chance()));
    if (found.known && found.value.direction !== "none") sure++;
  }
  assert.ok(sure <= 12, `${sure} trends in 100 series of noise; 5 are expected`);
});

Deno.test("describe() says in words what the numbers come to", () => {
  const random = noise(4);
  let walk = 0;
  assert.match(describe(seriesOf(make(1440, () => random()))).verdict, /^stationary; no season/);
  assert.match(describe(seriesOf(make(1440, () => walk += random()))).verdict, /^not stationary; no season/);
  const seasonal = make(480, (t) => 0.1 * t + 10 * wave(t, 24) + random());
  assert.match(describe(seriesOf(seasonal)).verdict, /season of 24 samples, strength 0\.9\d; rising/);
  seasonal.fill(NaN, 100, 103);
  const gappy = describe(seriesOf(seasonal));
  assert.match(gappy.verdict, /3 of 480 steps without a value$/);
  assert.deepEqual([gappy.filled, gappy.gaps.longest], [3, { startMs: 6_000_000, steps: 3 }]);
});

/** Every number there is, at any depth. */
function* numbersOf(value: unknown): Generator<number> {
  if (typeof value === "number") yield value;
  else if (typeof value === "object" && value !== null) {
    for (const each of Object.values(value)) yield* numbersOf(each);
  }
}

function assertSound(metadata: Metadata, what: string): void {
  for (const number of numbersOf(metadata)) assert.ok(Number.isFinite(number), `${what}: ${number}`);
  assert.deepEqual(JSON.parse(JSON.stringify(metadata)), withoutMinusZero(metadata), what);
}

/** JSON does not know it. */
function withoutMinusZero(value: unknown): unknown {
  if (typeof value === "number") return value + 0;
  if (Array.isArray(value)) return value.map(withoutMinusZero);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, withoutMinusZero(each)]));
}

Deno.test("describe() says what is missing, and never NaN", () => {
  const long = (value: (t: number) => number) => make(100, value);
  const cases: readonly (readonly [string, Float64Array, RegExp])[] = [
    ["nothing", make(0, () => 0), /not enough information because it has 0 points, and 30 are needed/],
    ["one point", make(1, () => 5), /^not enough information because it has 1 points, and 30 are needed/],
    ["three points", make(3, (t) => t), /it has 3 points/],
    ["no values", long(() => NaN), /it has 0 points.*100 of 100 steps without a value/],
    ["a constant", long(() => 0.1), /^constant$/],
    ["huge values", long((t) => t % 2 === 0 ? 1e300 : -1e300), /not enough information/],
    ["the smallest values", long((t) => (t * 7919 % 13) * 5e-324), /./],
    ["two values in turn", long((t) => t % 2), /./],
    ["one outlier", long((t) => t === 50 ? 1e15 : Math.sin(t)), /./],
    ["a line", long((t) => t), /./],
    ["infinities", long((t) => t % 10 === 0 ? Infinity : Math.sin(t * t)), /10 of 100 steps/],
    ["a long gap", long((t) => t > 40 && t < 95 ? NaN : t), /since its last gap of more than 30 steps/],
    [
      "a silent end",
      long((t) => t > 60 ? NaN : Math.sin(t * t)),
      /^(?!not enough).*39 of 100 steps without a value$/,
    ],
    ["every other point", long((t) => t % 2 === 0 ? NaN : t), /of its 99 steps have no value/],
  ];
  for (const [what, values, verdict] of cases) {
    const metadata = describe(seriesOf(values));
    assertSound(metadata, what);
    assert.match(metadata.verdict, verdict, what);
  }
});

Deno.test("describe() never says NaN of any series", () => {
  const value = fc.oneof(fc.double(), fc.constantFrom(0, 1, NaN), fc.integer({ min: -5, max: 5 }));
  fc.assert(fc.property(fc.array(value, { maxLength: 120 }), (list) => {
    assertSound(describe(seriesOf(Float64Array.from(list))), JSON.stringify(list));
  }));
});
