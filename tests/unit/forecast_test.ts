/** Forecasts: what they promise of any series, and what they make of those that have a shape. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { mstl } from "../../actors/analytics/decomposition/mstl.ts";
import type { Finding } from "../../actors/analytics/finding.ts";
import {
  continueAutoregression,
  fitAutoregression,
} from "../../actors/analytics/forecasts/autoregression.ts";
import { learnedPoints, originsFor } from "../../actors/analytics/forecasts/backtest.ts";
import {
  chooseForecaster,
  type Fitted,
  type Forecast,
  forecast,
  judgeForecast,
} from "../../actors/analytics/forecasts/forecast.ts";
import { withoutGlitches } from "../../actors/analytics/forecasts/glitches.ts";
import { holtWinters } from "../../actors/analytics/forecasts/holt_winters.ts";
import { errorModel } from "../../actors/analytics/forecasts/intervals.ts";
import { seasonSets } from "../../actors/analytics/forecasts/season_sets.ts";
import { ahead, damped, simple } from "../../actors/analytics/forecasts/smoothing.ts";

const minuteMs = 60_000;

function valueOf<T>(finding: Finding<T>): T {
  if (!finding.known) assert.fail(`it is not known: ${finding.reason}`);
  return finding.value;
}

function make(n: number, value: (t: number) => number): Float64Array {
  return Float64Array.from({ length: n }, (_, t) => value(t));
}

function seriesOf(values: Float64Array) {
  return { startMs: 0, stepMs: minuteMs, values };
}

function forecastOf(values: Float64Array, horizonSteps: number): Finding<Forecast> {
  const series = seriesOf(values);
  const fitted = chooseForecaster(series, { horizonSteps });
  return fitted.known ? forecast(fitted.value, series) : fitted;
}

/** Numbers without a pattern: the fractional parts of multiples of the golden ratio's square, scrambled. */
function noise(t: number): number {
  const mixed = Math.sin(t * 12.9898) * 43758.5453;
  return mixed - Math.floor(mixed) - 0.5;
}

function wave(t: number, period: number): number {
  return Math.sin(2 * Math.PI * t / period);
}

function assertNear(found: number, wanted: number, allowed: number, what: string): void {
  assert.ok(Math.abs(found - wanted) <= allowed, `${what}: ${found}, and ${wanted} is right`);
}

Deno.test("a forecast goes on with a season and a trend", () => {
  const truth = (t: number) => 100 + 0.1 * t + 10 * wave(t, 24);
  const { path, method } = valueOf(forecastOf(make(480, (t) => truth(t) + 0.2 * noise(t)), 48));
  for (const [h, value] of path.entries()) assertNear(value, truth(480 + h), 0.8, `${method}, step ${h}`);
});

Deno.test("a constant goes on, with intervals of no width", () => {
  const { path, lower95, upper95, max } = valueOf(forecastOf(make(100, () => 7), 10));
  assert.deepEqual([path, lower95, upper95], [path, path, path]);
  assert.deepEqual([new Set(path), max.upper95], [new Set([7]), 7]);
});

Deno.test("what cannot be forecast says what is missing", () => {
  const reasonOf = (values: Float64Array, steps: number) => {
    const found = forecastOf(values, steps);
    return found.known ? null : found.reason;
  };
  assert.equal(reasonOf(make(3, (t) => t), 10), "it has 3 points, and 30 are needed");
  assert.equal(reasonOf(make(0, (t) => t), 10), "it has 0 points, and 30 are needed");
  assert.match(
    reasonOf(make(50, (t) => t), 525_600) ?? "",
    /^525600 steps ahead are asked for, and 50 points/,
  );
  assert.match(reasonOf(make(50, (t) => t), 0) ?? "", /a horizon of 0 steps is none/);
  assert.match(reasonOf(make(50, (t) => (t % 2 === 0 ? 1e200 : -1e200)), 5) ?? "", /too large/);
});

function* numbersOf(value: unknown): Generator<number> {
  if (typeof value === "number") yield value;
  else if (typeof value === "object" && value !== null) {
    for (const each of Object.values(value)) yield* numbersOf(each);
  }
}

function assertSound(found: Forecast, fitted: Fitted, what: string): void {
  for (const number of numbersOf([found, fitted])) assert.ok(Number.isFinite(number), `${what}: ${number}`);
  for (const [h, value] of found.path.entries()) {
    const inOrder = [found.lower95[h]!, found.lower80[h]!, value, found.upper80[h]!, found.upper95[h]!];
    assert.deepEqual(inOrder.toSorted((a, b) => a - b), inOrder, `${what}: step ${h}`);
  }
  for (const { lower95, lower80, value, upper80, upper95 } of [found.max, found.min, found.avg]) {
    const inOrder = [lower95, lower80, value, upper80, upper95];
    assert.deepEqual(inOrder.toSorted((a, b) => a - b), inOrder, what);
  }
}

const anyValue = fc.oneof(
  fc.double({ min: -1e6, max: 1e6, noNaN: true }),
  fc.constantFrom(0, 1, NaN, Infinity, 1e15, -1e140, 5e-324),
  fc.integer({ min: -3, max: 3 }),
);

Deno.test("a forecast of any series is finite, in order, plain JSON, and the same again", () => {
  const lists = fc.array(anyValue, { minLength: 25, maxLength: 90 });
  fc.assert(
    fc.property(lists, fc.integer({ min: 1, max: 30 }), (list, horizonSteps) => {
      const series = seriesOf(Float64Array.from(list));
      const fitted = chooseForecaster(series, { horizonSteps });
      if (!fitted.known) return;
      const found = forecast(fitted.value, series);
      if (!found.known) return;
      assertSound(found.value, fitted.value, JSON.stringify(list));
      assert.deepEqual(forecast(JSON.parse(JSON.stringify(fitted.value)), series), found);
    }),
    { numRuns: 60 },
  );
});

Deno.test("a forecast of a series of which one origin alone shows errors has finite intervals", () => {
  const values = make(36, (t) => (t === 8 ? -1e140 : t === 23 ? 2.722312378772631e-162 : 0));
  values[7] = NaN;
  const series = seriesOf(values);
  const fitted = valueOf(chooseForecaster(series, { horizonSteps: 6 }));
  assertSound(valueOf(forecast(fitted, series)), fitted, "one value among zeros");
});

Deno.test("a forecast moves and grows with its series", () => {
  // Some values below zero: nothing competes by logarithms, which would not.
  const values = make(200, (t) => 3 * wave(t, 20) + noise(t));
  const { path } = valueOf(forecastOf(values, 20));
  const moved = valueOf(forecastOf(values.map((value) => 8 * value - 1024), 20));
  for (const [h, value] of moved.path.entries()) assertNear(value, 8 * path[h]! - 1024, 1e-6, `step ${h}`);
});

Deno.test("methods that fail give way, and are counted", () => {
  const series = seriesOf(make(100, (t) => noise(t)));
  const fitted = valueOf(chooseForecaster(series, { horizonSteps: 5 }));
  const broken = { type: "decomposed", periods: [], isLog: true, continuation: "theta" } as const;
  const alone = valueOf(forecast({ ...fitted, members: [{ candidate: broken, weight: 1 }] }, series));
  assert.deepEqual([alone.fallbacks, new Set(alone.path)], [["theta"], new Set([series.values.at(-1)!])]);
  const last = { type: "last-value" } as const;
  const members = [{ candidate: broken, weight: 0.5 }, { candidate: last, weight: 0.5 }];
  const both = valueOf(forecast({ ...fitted, members }, series));
  assert.deepEqual([both.fallbacks, both.path], [["theta"], alone.path]);
});

Deno.test("measures are of the horizon that is forecast, and there are none where it is too long to be tried", () => {
  const series = seriesOf(make(300, (t) => noise(t)));
  const short = valueOf(forecastOf(series.values, 60));
  assert.equal(short.testedSteps, 60);
  assertNear(short.coverage80!, 0.8, 0.1, "coverage");
  assert.ok(short.mase! > 0);
  const { path, testedSteps, mase, coverage80, coverage95 } = valueOf(forecastOf(series.values, 200));
  assert.deepEqual([path.length, testedSteps], [200, 75]);
  assert.deepEqual([mase, coverage80, coverage95], [null, null, null]);
});

interface Tested {
  readonly points: number;
  readonly errors: number;
  readonly isMeasured: boolean;
}

function testedOf(values: Float64Array, stepMs: number, horizonSteps: number): Tested {
  const fitted = valueOf(chooseForecaster({ startMs: 0, stepMs, values }, { horizonSteps }));
  const { origins, testedSteps, mase } = fitted;
  const isMeasured = mase !== null && testedSteps === horizonSteps;
  return { points: values.length, errors: origins * testedSteps, isMeasured };
}

const horizons = [5, 10, 30, 48] as const;
const hourMs = 60 * minuteMs;
/** Where an hour of minutes, a season of 25 steps in the data, or a day and a week of hours, were seen twice or oftener. */
const cliffs = [
  ["an hour of minutes", minuteMs, 60, [60, 80, 119, 120, 121, 122, 130, 140, 160, 180, 200, 240, 300]],
  ["25 minutes", minuteMs, 25, [49, 50, 51, 52, 60, 70, 75, 90, 99, 100, 101, 119, 120, 121]],
  ["a day of hours", hourMs, 24, [47, 48, 49, 50, 58, 68, 78, 95, 96, 97, 120, 144, 192]],
  ["a week of hours", hourMs, 168, [200, 240, 335, 336, 337, 338, 346, 384, 430, 528, 529]],
] as const;

for (const [what, stepMs, period, lengths] of cliffs) {
  for (const [kind, strength] of [["noise", 0], ["a season", 1]] as const) {
    Deno.test(`chooseForecaster() of ${kind} has no fewer errors with more points, where ${what} may be a season`, () => {
      const value = (t: number) => 10 + strength * wave(t, period) + noise(t);
      for (const horizon of horizons) {
        const usable = lengths.filter((points) => points >= horizon);
        const tested = usable.map((points) => testedOf(make(points, value), stepMs, horizon));
        for (const [i, now] of tested.entries()) {
          const before = tested[i - 1] ?? { points: 0, errors: 1, isMeasured: false };
          const text = `horizon ${horizon}: ${JSON.stringify(before)}, then ${JSON.stringify(now)}`;
          assert.ok(now.errors >= before.errors, text);
          assert.ok(now.isMeasured || !before.isMeasured, text);
        }
      }
    });
  }
}

Deno.test("originsFor() has no fewer errors, and no fewer steps, with one more point, and learns from no fewer", () => {
  for (const horizon of [1, 2, 3, ...horizons, 180, 500]) {
    let before = { errors: 1, steps: 1, learned: 0 };
    for (let points = 30; points <= 3000; points++) {
      const { lengths, steps } = originsFor(points, horizon)!;
      const now = { errors: lengths.length * steps, steps, learned: learnedPoints(points, horizon) };
      const text = `horizon ${horizon}, ${points} points: ${JSON.stringify([before, now])}`;
      assert.ok(
        now.errors >= before.errors && now.steps >= before.steps && now.learned >= before.learned,
        text,
      );
      assert.ok(lengths.at(-1)! >= now.learned && lengths[0]! + steps === points, text);
      before = now;
    }
  }
});

for (const points of [36, 119, 120, 121, 122, 130, 140]) {
  Deno.test(`intervals of noise after ${points} points are as wide as it is, whatever luck the last errors were`, () => {
    for (let seed = 0; seed < 20; seed++) {
      const { lower95, upper95 } = valueOf(forecastOf(make(points, (t) => noise(t + 1000 * seed)), 10));
      for (const [h, upper] of upper95.entries()) {
        const width = upper - lower95[h]!;
        assert.ok(width > 0.5 && width < 3, `seed ${seed}, step ${h}: ${width} for noise from -0.5 to 0.5`);
      }
    }
  });
}

for (const points of [120, 121, 130, 160, 200, 240]) {
  Deno.test(`a season of the calendar seen ${points / 60} times goes on`, () => {
    const truth = (t: number) => 10 + 10 * noise(t % 60);
    const { path, method } = valueOf(forecastOf(make(points, (t) => truth(t) + 0.2 * noise(1000 + t)), 30));
    for (const [h, value] of path.entries()) {
      assertNear(value, truth(points + h), 0.5, `${method}, step ${h}`);
    }
  });
}

Deno.test("errorModel() makes no interval of few errors alone", () => {
  const lucky = (origins: number, steps: number) =>
    Array.from({ length: origins }, () => new Float64Array(steps).fill(1e-6));
  for (const [origins, steps] of [[1, 1], [2, 5], [1, 18], [9, 2]] as const) {
    const { scales, factors } = errorModel(lucky(origins, steps), 10, 3);
    assert.ok(Math.min(...scales) >= 3, `${origins} x ${steps}: ${scales}`);
    assert.ok(
      factors[80] >= 1.28 && factors[95] >= 1.95,
      `${origins} x ${steps}: ${JSON.stringify(factors)}`,
    );
  }
  for (const [origins, steps] of [[19, 1], [2, 10]] as const) {
    assertNear(errorModel(lucky(origins, steps), 10, 3).scales[0]!, 1e-6, 1e-12, `${origins} x ${steps}`);
  }
});

/** With other values some steps before the end; 1 is the last one. */
function withValues(values: Float64Array, ago: readonly number[], value: number): Float64Array {
  const changed = values.slice();
  for (const steps of ago) changed[changed.length - steps] = value;
  return changed;
}

for (const ago of [[1], [5], [500], [5, 6], [5, 300], [5, 7, 9]]) {
  Deno.test(`a forecast does not follow glitches ${ago.join(", ")} steps ago`, () => {
    const values = make(1440, (t) => 6 * noise(t));
    for (const size of [1e9, -1e9]) {
      const { path, lower95, upper95 } = valueOf(forecastOf(withValues(values, ago, size), 10));
      for (const [h, value] of path.entries()) {
        assertNear(value, 0, 3, `${size}, step ${h}`);
        assert.ok(lower95[h]! < -1.5 && upper95[h]! > 1.5, `${lower95[h]} to ${upper95[h]}`);
      }
    }
  });
}

Deno.test("a forecast of a constant goes on after a glitch", () => {
  const { path } = valueOf(forecastOf(withValues(make(1440, () => 7), [5], 1e9), 10));
  assert.deepEqual(new Set(path), new Set([7]));
});

for (const steps of [2, 3, 10, 60]) {
  Deno.test(`a forecast follows a level that is ${steps} values old`, () => {
    const values = make(1440, (t) => 6 * noise(t) + (t < 1440 - steps ? 0 : 1000));
    const { path } = valueOf(forecastOf(values, 10));
    for (const [h, value] of path.entries()) assertNear(value, 1000, 10, `step ${h}`);
  });
}

Deno.test("withoutGlitches() leaves what is a habit, a season's or a new level", () => {
  const base = make(1440, (t) => noise(t));
  const weekly = (t: number) => (t % 168 === 50 ? 1000 : 0);
  const hour = 60 * minuteMs;
  const left: readonly (readonly [string, Float64Array, number])[] = [
    ["noise", base, minuteMs],
    ["three alike", withValues(base, [5, 300, 800], 1e9), minuteMs],
    ["a peak each hour", base.map((value, t) => value + (t % 60 === 50 ? 1000 : 0)), minuteMs],
    ["a peak each week, seen twice", make(336, (t) => noise(t) + weekly(t)), hour],
    ["a level", base.map((value, t) => value + (t > 700 ? 1000 : 0)), minuteMs],
    ["a constant", make(100, (t) => t === 50 ? 1 : 0), minuteMs],
  ];
  for (const [what, values, stepMs] of left) assert.deepEqual(withoutGlitches(values, stepMs), values, what);
  const one = withoutGlitches(withValues(base, [1, 300], 1e9), minuteMs);
  assertNear(one[1140]!, (base[1139]! + base[1141]!) / 2, 1e-12, "between its neighbours");
  assert.equal(one[1439], base[1438]);
});

Deno.test("a forecast begins behind the last step, also where the newest have no value, and is less sure then", () => {
  const sine = (t: number) => 100 * Math.sin(2 * Math.PI * t / 24);
  const values = make(240, (t) => t < 237 ? sine(t) + noise(t) : NaN);
  const late = valueOf(forecastOf(values, 6));
  assert.equal(late.startMs, 240 * minuteMs);
  assert.equal(late.path.length, 6);
  for (const [h, value] of late.path.entries()) {
    assert.ok(Math.abs(value - sine(240 + h)) < 3, `step ${h}: ${value}`);
  }
  const width = ({ lower95, upper95 }: Forecast, h: number) => upper95[h]! - lower95[h]!;
  const known = valueOf(forecastOf(values.slice(0, 237), 6));
  assert.equal(known.startMs, 237 * minuteMs);
  assert.deepEqual(late.path.slice(0, 3), known.path.slice(3), "the same times");
  for (let h = 0; h < 3; h++) assertNear(width(late, h), width(known, h + 3), 1e-9, `step ${h}`);
  assert.ok(width(late, 5) >= width(late, 2));
  const fewer = forecastOf(values, 3);
  assert.ok(!fewer.known);
  assert.equal(fewer.reason, "its last 3 steps have no value, and 3 are to be forecast");
});

Deno.test("judgeForecast() compares with what came, as far as it has come", () => {
  const { startMs, ...rest } = valueOf(forecastOf(make(60, (t) => noise(t)), 4));
  const earlier: Forecast = {
    ...rest,
    startMs,
    path: [1, 2, 3, 4],
    lower80: [0, 1, 2, 3],
    upper80: [2, 3, 4, 5],
    lower95: [-1, 0, 1, 2],
    upper95: [3, 4, 5, 6],
  };
  const values = [1, 4, NaN];
  const actual = { startMs: startMs - minuteMs, stepMs: minuteMs, values: Float64Array.of(9, ...values) };
  assert.deepEqual(judgeForecast(earlier, actual), { steps: 2, meanError: 1, inside80: 0.5, inside95: 1 });
  assert.equal(judgeForecast(earlier, { ...actual, values: Float64Array.of(9) }), null);
});

Deno.test("mstl() takes a series apart, and its parts add up", () => {
  const values = make(700, (t) => 50 + 5 * wave(t, 24) + 3 * wave(t, 168) + noise(t));
  const { trend, seasonals, remainder } = mstl(values, [24, 168]);
  for (const [t, value] of values.entries()) {
    assertNear(trend[t]! + seasonals[0]![t]! + seasonals[1]![t]! + remainder[t]!, value, 1e-9, `at ${t}`);
  }
  assertNear(Math.max(...seasonals[0]!.subarray(200, 500)), 5, 0.8, "the day");
  assertNear(Math.max(...seasonals[1]!.subarray(200, 500)), 3, 0.8, "the week");
});

Deno.test("fitAutoregression() finds the coefficient that made the series", () => {
  let last = 0;
  const values = make(2000, (t) => last = 0.8 * last + noise(t));
  const model = fitAutoregression(values, 10);
  assertNear(model.coefficients[0]!, 0.8, 0.06, "coefficient");
  const path = continueAutoregression(model, values, 500);
  assertNear(path[499]!, model.mean, 1e-3, "far ahead");
});

Deno.test("smoothing follows a level, and a trend that dies away", () => {
  const jump = simple(make(60, (t) => (t < 30 ? 0 : 10)));
  assertNear(ahead(jump, 3)[2]!, 10, 0.01, "the new level");
  const path = ahead(damped(make(100, (t) => 2 * t)), 5);
  assert.ok(path[0]! > 198 && path[4]! > path[0]!, `${path}`);
});

Deno.test("holtWinters() goes on with the season", () => {
  const values = make(120, (t) => 10 + t % 12);
  for (const [h, value] of holtWinters(values, 12, 24).entries()) {
    assertNear(value, 10 + (120 + h) % 12, 1e-6, `step ${h}`);
  }
});

Deno.test("originsFor() leaves enough to learn from before each origin, and none where there is too little", () => {
  assert.deepEqual(originsFor(700, 48), { lengths: [652, 604, 556, 508], steps: 48 });
  assert.deepEqual(originsFor(240, 30), { lengths: [210, 180, 150, 120], steps: 30 });
  assert.deepEqual(originsFor(60, 30), { lengths: [45, 30], steps: 15 });
  assert.equal(originsFor(100, 1)?.lengths.length, 19);
  assert.equal(originsFor(20, 5), null);
});

Deno.test("seasonSets() has what was found first, then the calendar's", () => {
  const hour = 60 * minuteMs;
  assert.deepEqual(seasonSets([], hour, 700), [[], [24], [24, 168]]);
  assert.deepEqual(seasonSets([24], hour, 700), [[24], [24, 168]]);
  assert.deepEqual(seasonSets([24, 168], hour, 200), [[24]]);
  assert.deepEqual(seasonSets([], minuteMs, 1440), [[], [60]]);
  assert.deepEqual(seasonSets([7], 1000, 50), [[7]]);
});
