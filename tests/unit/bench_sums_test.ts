import assert from "node:assert/strict";
import { TextLineStream } from "../bench/kafka/lines.ts";
import { expectedSums, wrongSensors } from "../bench/peers/kafka-streams/sums.ts";

const ledger = {
  plan: {
    seed: 1,
    sensors: 3,
    originMs: Date.UTC(2026, 0, 15, 12),
    ratePerSecond: 100,
    bodyReadings: 2,
    historyMs: 0,
    panelRatio: 1,
    lateRatio: 0,
    outOfOrderRatio: 0,
    duplicateRatio: 0,
  },
  stream: "live",
  settled: [2, 2, 2],
  refused: [],
  unanswered: [],
  rejected: [],
} as const;

Deno.test("expectedSums() counts every reading of the ledger, by sensor and channel", () => {
  const sums = expectedSums(ledger);
  assert.equal(sums.size, 3);
  for (const channels of sums.values()) {
    assert.deepEqual(Object.keys(channels), ["movement", "smoke", "temperature", "max_temperature"]);
    for (const [count, sum, min, max] of Object.values(channels)) {
      assert.equal(count, 4);
      assert.ok(4 * min <= sum && sum <= 4 * max);
    }
  }
});

Deno.test("wrongSensors() counts sensors that are missing, too many, or have another number", () => {
  const expected = expectedSums(ledger);
  assert.equal(wrongSensors(expected, expected), 0);
  const [[id = "", channels = {}] = []] = expected;
  const other = new Map(expected);
  other.delete(id);
  assert.equal(wrongSensors(expected, other), 1);
  assert.equal(wrongSensors(other, expected), 1);
  other.set(id, { ...channels, smoke: [5, 0, 0, 0] });
  assert.equal(wrongSensors(expected, other), 1);
  other.set(id, { ...channels, heat: [1, 0, 0, 0] });
  assert.equal(wrongSensors(expected, other), 1);
});

Deno.test("TextLineStream gives lines whole, wherever the text was cut", async () => {
  const text = ReadableStream.from(["fir", "st\nsecond\n", "\nthe ", "last"]);
  assert.deepEqual(await Array.fromAsync(text.pipeThrough(new TextLineStream())), [
    "first",
    "second",
    "",
    "the last",
  ]);
});
