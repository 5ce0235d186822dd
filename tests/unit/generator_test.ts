import assert from "node:assert/strict";
import fc from "fast-check";
import { historyAgesMs } from "../../actors/simulate/history_plan.ts";
import { Layout } from "../../actors/simulate/layout.ts";
import type { Plan } from "../../actors/simulate/plan.ts";
import { channelsOf, type Reading, readingText } from "../../actors/simulate/reading.ts";
import { type Stream, streamOf } from "../../actors/simulate/stream.ts";

const hourMs = 3_600_000;

const plan: Plan = {
  seed: 1,
  sensors: 300,
  originMs: Date.UTC(2026, 0, 15, 12, 34, 56, 789),
  ratePerSecond: 1000,
  bodyReadings: 50,
  historyMs: 12 * hourMs,
  panelRatio: 0.5,
  lateRatio: 0,
  outOfOrderRatio: 0,
  duplicateRatio: 0,
};

const anyPlan: fc.Arbitrary<Plan> = fc.record({
  seed: fc.nat(),
  sensors: fc.integer({ min: 1, max: 500 }),
  originMs: fc.integer({ min: Date.UTC(2020, 0), max: Date.UTC(2040, 0) }),
  ratePerSecond: fc.integer({ min: 1, max: 100_000 }),
  bodyReadings: fc.integer({ min: 1, max: 300 }),
  historyMs: fc.constantFrom(hourMs, 12 * hourMs, 24 * hourMs),
  panelRatio: fc.double({ min: 0, max: 1, noNaN: true }),
  lateRatio: fc.constantFrom(0, 0.1),
  outOfOrderRatio: fc.constantFrom(0, 0.2),
  duplicateRatio: fc.constantFrom(0, 0.3),
});

/** Every reading of the first `rounds` bodies of each lane, in the order of sending. */
function readingsOf(stream: Stream, rounds: number): Reading[] {
  const readings: Reading[] = [];
  for (let round = 0; round < rounds; round++) {
    for (let lane = 0; lane < stream.layout.lanes; lane++) {
      for (const { sensor, step } of stream.items(lane, round)) readings.push(stream.reading(sensor, step));
    }
  }
  return readings;
}

function bySensor(readings: readonly Reading[]): Map<string, Reading[]> {
  return Map.groupBy(readings, ({ id }) => id);
}

/** How many readings come after a newer one of their sensor. */
function olderThanBefore(readings: readonly Reading[]): number {
  let count = 0;
  for (const own of bySensor(readings).values()) {
    count += own.filter(({ tsMs }, index) => index > 0 && tsMs < own[index - 1]!.tsMs).length;
  }
  return count;
}

Deno.test("streamOf() sends the same text when the plan is the same", () => {
  fc.assert(fc.property(anyPlan, fc.constantFrom("history", "live"), fc.nat(5), (plan, name, round) => {
    const lane = round % Math.min(64, plan.sensors);
    const [first, second] = [streamOf(plan, name), streamOf(plan, name)];
    // Asked in another order: nothing is remembered from body to body.
    const later = second.body(lane, round + 1);
    assert.deepEqual(first.body(lane, round), second.body(lane, round));
    assert.deepEqual(first.body(lane, round + 1), later);
  }));
});

Deno.test("streamOf() sends other values and keys when the seed is another", () => {
  const [one, two] = [streamOf(plan, "live").body(0, 0), streamOf({ ...plan, seed: 2 }, "live").body(0, 0)];
  assert.notEqual(one.text, two.text);
  assert.notEqual(one.key, two.key);
});

Deno.test("Reading holds only multiples of 1/8, and its text says the same", () => {
  fc.assert(fc.property(anyPlan, fc.constantFrom("history", "live"), fc.nat(499), (plan, name, number) => {
    const reading = streamOf(plan, name).reading(number % plan.sensors, number % 12);
    const parsed = JSON.parse(readingText(reading));
    assert.equal(parsed.id, reading.id);
    assert.equal(parsed.ts, reading.tsMs);
    assert.ok(Number.isSafeInteger(parsed.ts));
    for (const [channel, value] of channelsOf(reading)) {
      assert.ok(Number.isInteger(value * 8), `${channel} is ${value}`);
      const said = (parsed.values ?? parsed)[channel];
      assert.equal(Number(typeof said === "string" ? JSON.parse(said) : said), value);
    }
  }));
});

Deno.test("readingText() writes panels with strings sometimes and sensors with values", () => {
  const texts = readingsOf(streamOf(plan, "live"), 4).map(readingText);
  assert.ok(texts.some((text) => /"movement":"(true|false)".*"temperature":"[\d.]+"/.test(text)));
  assert.ok(texts.some((text) => /"movement":(true|false).*"temperature":[\d.]+,/.test(text)));
  assert.ok(texts.some((text) => /"values":\{"temperature":[\d.]+,"humidity":[\d.]+\}/.test(text)));
});

Deno.test("streamOf() has heat, smoke, movement, and calm again in a day of panels", () => {
  const panels = { ...plan, panelRatio: 1, sensors: 200, historyMs: 24 * hourMs };
  const readings = readingsOf(streamOf(panels, "history"), 10_000 / 500 * 4)
    .filter((reading) => reading.type === "panel");
  const share = (is: (reading: (typeof readings)[number]) => boolean) =>
    readings.filter(is).length / readings.length;
  const shares = {
    heat: share(({ temperature, maxTemperature }) => temperature > maxTemperature),
    smoke: share(({ smoke }) => smoke),
    movement: share(({ movement }) => movement),
  };
  assert.ok(shares.heat > 0.0005 && shares.heat < 0.02, `heat ${shares.heat}`);
  assert.ok(shares.smoke > 0.0005 && shares.smoke < 0.02, `smoke ${shares.smoke}`);
  assert.ok(shares.movement > 0.05 && shares.movement < 0.3, `movement ${shares.movement}`);
});

Deno.test("historyAgesMs() plans one reading per pane", () => {
  const cases = [[0, 0], [1, 60], [3, 84], [12, 120], [24, 264]] as const;
  for (const [hours, readings] of cases) assert.equal(historyAgesMs(hours * hourMs).length, readings);
});

Deno.test("streamOf() back-fills 120 readings a sensor in 12 h, ascending, each in a pane of its own", () => {
  const stream = streamOf(plan, "history");
  assert.equal(stream.readings, 300 * 120);
  const sensors = bySensor(readingsOf(stream, stream.layout.bodiesIn(0)));
  assert.equal(sensors.size, 300);
  for (const readings of sensors.values()) {
    assert.equal(readings.length, 120);
    const timesMs = readings.map(({ tsMs }) => tsMs);
    const panes = timesMs.map((tsMs, index) =>
      Math.floor(tsMs / (index < 36 ? 15 : index < 60 ? 5 : 1) / 60_000)
    );
    for (const stretch of [panes.slice(0, 36), panes.slice(36, 60), panes.slice(60)]) {
      assert.ok(stretch.every((pane, index) => index === 0 || pane > stretch[index - 1]!));
    }
    assert.ok(timesMs.every((tsMs, index) => index === 0 || tsMs > timesMs[index - 1]!));
    assert.ok(timesMs.at(-1)! < plan.originMs);
  }
});

Deno.test("streamOf() keeps each sensor in time order when nothing else is asked for", () => {
  assert.equal(olderThanBefore(readingsOf(streamOf(plan, "live"), 30)), 0);
});

Deno.test("streamOf() is late, out of order and repeated about as often as asked", () => {
  const rounds = 60;
  const total = rounds * 64 * plan.bodyReadings;
  const late = olderThanBefore(readingsOf(streamOf({ ...plan, lateRatio: 0.1 }, "live"), rounds));
  assert.ok(late > 0.06 * total && late < 0.12 * total, `${late} late of ${total}`);
  const swapped = olderThanBefore(readingsOf(streamOf({ ...plan, outOfOrderRatio: 0.2 }, "live"), rounds));
  assert.ok(swapped > 0.07 * total && swapped < 0.13 * total, `${swapped} swapped of ${total}`);
  const repeated = readingsOf(streamOf({ ...plan, duplicateRatio: 0.3 }, "live"), rounds);
  const distinct = new Set(repeated.map(({ id, seq }) => `${id} ${seq}`));
  assert.equal(distinct.size, total);
  const extra = repeated.length - total;
  assert.ok(extra > 0.25 * total && extra < 0.35 * total, `${extra} repeated of ${total}`);
});

Deno.test("Layout puts every reading into one body, ascending for each sensor", () => {
  const shape = fc.record({
    sensors: fc.integer({ min: 1, max: 200 }),
    bodyReadings: fc.integer({ min: 1, max: 40 }),
    steps: fc.integer({ min: 1, max: 6 }),
  });
  fc.assert(fc.property(shape, ({ sensors, bodyReadings, steps }) => {
    const layout = new Layout(sensors, bodyReadings, steps);
    const next = new Array<number>(sensors).fill(0);
    for (let lane = 0; lane < layout.lanes; lane++) {
      for (let body = 0; body < layout.bodiesIn(lane); body++) {
        for (const slot of layout.slots(lane, body)) {
          assert.equal(slot.step, next[slot.sensor]!++);
          assert.equal(layout.laneOf(slot.sensor), lane);
          assert.equal(layout.bodyOf(slot), body);
        }
      }
    }
    assert.ok(next.every((count) => count === steps));
  }));
});
