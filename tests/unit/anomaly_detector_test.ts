import assert from "node:assert/strict";
import fc from "fast-check";
import { AnomalyDetector } from "../../actors/analytics/anomalies/anomaly_detector.ts";
import type { Why } from "../../actors/analytics/anomalies/score.ts";
import { FormatError } from "../../runtime/core/errors.ts";
import { dailyCurve, dayValues, detected, noise, scoresOf, startMs, stepMs } from "./anomaly_rig.ts";

const excursionWhys: readonly Why[] = [
  "far above its usual level",
  "far above its usual range",
  "sudden rise",
  "shifted up",
];

/** That there is one detection from `at` on, within `within` values, and why; before it, chance may have its say. */
function assertDetects(values: readonly number[], at: number, within: number, whys: readonly Why[]): void {
  const scores = scoresOf(values);
  const places = detected(scores).filter((place) => place >= at);
  assert.equal(places.length, 1, `detected at ${places}`);
  const [place = -1] = places;
  assert.ok(place <= at + within, `detected at ${place} instead of ${at}`);
  const { why } = scores[place]!;
  assert.ok(whys.includes(why), why);
}

Deno.test("update() says how many values are missing until there is a score", () => {
  const scores = scoresOf(noise(200).map((each, i) => i === 100 ? 1e6 : each));
  assert.equal(scores[0]!.missing, 150);
  assert.equal(scores[148]!.missing, 2);
  for (const { score, missing, isAnomaly, why } of scores.slice(0, 150)) {
    assert.ok(missing > 0);
    assert.deepEqual({ score, isAnomaly, why }, { score: 0, isAnomaly: false, why: "not enough values yet" });
  }
  assert.equal(scores[150]!.missing, 0);
});

Deno.test("update() detects a spike once", () => {
  const values = noise(2000);
  values[1500] = 15;
  assertDetects(values, 1500, 0, excursionWhys);
  values[1500] = -15;
  assertDetects(values, 1500, 0, ["far below its usual level", "sudden fall"]);
});

Deno.test("update() tells what was expected, and the usual distance from it", () => {
  const [last] = scoresOf(noise(2000).map((each) => 50 + 2 * each)).slice(-1);
  assert.ok(Math.abs(last!.expected - 50) < 1, `expected ${last!.expected}`);
  // The mean distance of a Gaussian from its mean is σ √(2/π).
  assert.ok(Math.abs(last!.scale - 2 * Math.sqrt(2 / Math.PI)) < 0.3, `scale ${last!.scale}`);
});

Deno.test("update() detects a level shift once, and the new level is usual afterwards", () => {
  const values = noise(4000).map((each, i) => i < 2000 ? each : each + 12);
  assertDetects(values, 2000, 2, excursionWhys);
  const scores = scoresOf(values);
  const settled = scores.slice(3000);
  assert.deepEqual(detected(settled), []);
  assert.ok(settled.every(({ expected }) => Math.abs(expected - 12) < 1));
});

Deno.test("update() detects a shift that no single value shows", () => {
  const values = noise(3000).map((each, i) => i < 2000 ? each : each + 2.5);
  assertDetects(values, 2000, 40, ["shifted up"]);
});

Deno.test("update() does not detect the peaks of a daily curve, but a peak that stays away", () => {
  const values = dailyCurve(14);
  assert.deepEqual(detected(scoresOf(values)), []);
  const flat = values.map((each, i) => i >= 10 * dayValues && i < 10.5 * dayValues ? 0 : each);
  const places = detected(scoresOf(flat));
  assert.ok(places.length > 0 && places[0]! >= 10 * dayValues && places[0]! < 10.1 * dayValues, `${places}`);
});

Deno.test("update() learns a daily profile: a value that is usual at noon is not at midnight", () => {
  const values = dailyCurve(14);
  const { expected } = scoresOf(values).at(-dayValues * 0.75)!;
  assert.ok(Math.abs(expected - 10) < 1.5, `expected ${expected} at the peak`);
  const place = 12.75 * dayValues;
  values[place] = 5;
  assertDetects(values, place, 0, excursionWhys);
});

Deno.test("update() detects that a noisy series stands still", () => {
  assertDetects(noise(2200).map((each, i) => i < 2000 ? each : 0.1), 2000, 40, ["flatter than usual"]);
});

Deno.test("update() detects that a series moves far more than it did, and gets used to it", () => {
  const places = detected(scoresOf(noise(3000).map((each, i) => i < 2000 ? each : 5 * each)));
  assert.ok(places.some((place) => place >= 2000 && place < 2020), `detected at ${places}`);
  assert.ok(places.every((place) => place < 2300), `detected at ${places}`);
});

Deno.test("update() has nothing to say of a constant series, and detects its first change", () => {
  const constant = new Array<number>(1000).fill(7);
  assert.ok(scoresOf(constant).every(({ score }) => score === 0));
  assertDetects(constant.with(800, 7.5), 800, 0, excursionWhys);
});

Deno.test("update() knows changes that came again and again", () => {
  const values = Array.from({ length: 6000 }, (_, i) => i % 100 < 3 ? 5 : 0);
  const places = detected(scoresOf(values));
  assert.ok(places.length <= 6 && places.every((place) => place < 1000), `detected at ${places}`);
});

Deno.test("update() detects a second excursion like one before", () => {
  const values = noise(6000).map((each, i) => (i % 3000 >= 2000 && i % 3000 < 2040) ? each + 12 : each);
  for (const at of [2000, 5000]) assertDetects(values.slice(0, at + 500), at, 2, excursionWhys);
});

Deno.test("update() forgets one value that was far too large", () => {
  const values = noise(4000).with(1000, 1e29).with(3000, 15);
  const places = detected(scoresOf(values));
  assert.ok(places.includes(1000) && places.includes(3000) && places.length <= 4, `detected at ${places}`);
});

Deno.test("update() refuses what is no number or far too large, and stays as it was", () => {
  const detector = AnomalyDetector.create();
  scoresOf(noise(500), detector);
  const before = detector.encode();
  for (const value of [NaN, Infinity, -Infinity, 1e300, -1e300, 1.1e30]) {
    const { score, isAnomaly, why, expected } = detector.update(startMs, value);
    assert.deepEqual({ score, isAnomaly, why }, {
      score: 0,
      isAnomaly: false,
      why: "not a number that can be scored",
    });
    assert.ok(Number.isFinite(expected));
  }
  for (const tsMs of [NaN, Infinity, 1e300]) {
    assert.equal(detector.update(tsMs, 1).why, "not a number that can be scored");
  }
  assert.deepEqual(detector.encode(), before);
});

Deno.test("create() refuses a threshold that no score can reach, or every one", () => {
  for (const threshold of [0, -1, 1.01, NaN]) {
    assert.throws(() => AnomalyDetector.create({ threshold }), RangeError);
  }
});

Deno.test("create() with a higher threshold detects less", () => {
  const values = noise(4000).map((each, i) => i % 1000 === 999 ? 4.5 + i / 1000 : each);
  const counts = [0.3, 0.5, 1].map((threshold) =>
    detected(scoresOf(values, AnomalyDetector.create({ threshold }))).length
  );
  assert.ok(counts[0]! > counts[1]! && counts[1]! > counts[2]!, `${counts}`);
});

Deno.test("update() goes on when time goes back, stands still or leaps", () => {
  const detector = AnomalyDetector.create();
  scoresOf(noise(1000), detector);
  const afterMs = startMs + 1000 * stepMs;
  const more = noise(1000, 2);
  const times = more.map((_, i) =>
    i < 300 ? afterMs + i * stepMs : i < 600 ? afterMs + 300 * stepMs : afterMs + i ** 3 * stepMs
  );
  times[100] = startMs;
  const scores = more.map((value, i) => detector.update(times[i]!, value));
  assert.deepEqual(detected(scores), []);
});

Deno.test("update() does not take the values after a gap for a sudden change", () => {
  // It drifts slowly: over the gap it moves far, but not further than it did before.
  const level = (i: number) => 20 * Math.sin(2 * Math.PI * i / 1000);
  const values = noise(4000).map((each, i) => ({ i, value: level(i) + 0.2 * each }));
  const kept = values.filter(({ i }) => i < 3000 || i >= 3400);
  const detector = AnomalyDetector.create();
  const scores = kept.map(({ i, value }) => detector.update(startMs + i * stepMs, value));
  assert.ok(scores[3000]!.score < 0.5, `score ${scores[3000]!.score}`);
});

const anyValue = fc.oneof(
  fc.double({ min: -1e3, max: 1e3, noNaN: true }),
  fc.constantFrom(0, 1, -1e29, 1e29, 5e-324, NaN, Infinity),
);
const anyStream = fc.array(fc.tuple(fc.integer({ min: -(10 ** 6), max: 10 ** 9 }), anyValue), {
  maxLength: 400,
});

Deno.test("update() gives a score from 0 to 1 and finite figures, whatever comes", () => {
  fc.assert(fc.property(anyStream, (stream) => {
    const detector = AnomalyDetector.create();
    let tsMs = startMs;
    for (const [passedMs, value] of stream) {
      tsMs += passedMs;
      const { score, expected, scale } = detector.update(tsMs, value);
      assert.ok(score >= 0 && score <= 1, `score ${score}`);
      assert.ok(Number.isFinite(expected) && Number.isFinite(scale), `expected ${expected}, scale ${scale}`);
    }
    AnomalyDetector.decode(detector.encode());
  }));
});

Deno.test("decode() of encode() goes on exactly as the detector itself", () => {
  fc.assert(fc.property(anyStream, fc.nat(150), (stream, cut) => {
    const whole = AnomalyDetector.create();
    let parted = AnomalyDetector.create();
    let tsMs = startMs;
    stream.forEach(([passedMs, value], i) => {
      tsMs += passedMs;
      if (i === cut) parted = AnomalyDetector.decode(parted.encode());
      assert.deepEqual(parted.update(tsMs, value), whole.update(tsMs, value));
    });
    assert.deepEqual(parted.encode(), whole.encode());
  }));
});

Deno.test("decode() of encode() goes on exactly in the midst of an excursion, with a profile", () => {
  const values = dailyCurve(8).map((each, i) => i >= 2000 && i < 2100 ? each + 20 : each);
  const whole = AnomalyDetector.create();
  const before = scoresOf(values, whole);
  const parted = AnomalyDetector.create();
  scoresOf(values.slice(0, 2050), parted);
  const copy = AnomalyDetector.decode(parted.encode());
  const after = values.slice(2050).map((value, i) => copy.update(startMs + (2050 + i) * stepMs, value));
  assert.deepEqual(after, before.slice(2050));
});

Deno.test("encode() is as long as bytes says, and at most 2 KB", () => {
  const detector = AnomalyDetector.create();
  assert.equal(detector.encode().length, detector.bytes);
  assert.ok(detector.bytes <= 2048, `${detector.bytes} bytes`);
});

Deno.test("decode() refuses other bytes", () => {
  const bytes = AnomalyDetector.create().encode();
  for (
    const wrong of [
      new Uint8Array(0),
      bytes.slice(1),
      bytes.with(0, 99),
      bytes.map((byte, i) => i === 0 ? byte : 255),
    ]
  ) {
    assert.throws(() => AnomalyDetector.decode(wrong), FormatError);
  }
});

Deno.test("update() scores a series alike when it is scaled or shifted", () => {
  const values = dailyCurve(6).map((each, i) => i === 1500 ? each + 9 : each);
  const plain = scoresOf(values).map(({ score }) => score);
  const factors = [[2, 0], [-1, 0], [1e-6, 0], [1e6, 0], [1, 1000], [3, -50]] as const;
  for (const [factor, shift] of factors) {
    const scores = scoresOf(values.map((each) => factor * each + shift)).map(({ score }) => score);
    const worst = Math.max(...scores.map((score, i) => Math.abs(score - plain[i]!)));
    assert.ok(worst < 1e-3, `${factor} x + ${shift}: a score differs by ${worst}`);
  }
});
