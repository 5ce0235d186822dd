/** Windows, totals and lists of a sensor in named situations, each compared with the plain recomputation. */

import assert from "node:assert/strict";
import { answerState, answerWindows } from "../../actors/analytics/window_answer.ts";
import { WindowState } from "../../actors/analytics/window_state.ts";
import { SlabPool } from "../../actors/analytics/slab.ts";
import { Oracle, type SentReading } from "./window_oracle.ts";
import { assertAnswers, assertHistory, assertMinuteHistory, Rig } from "./window_rig.ts";

const minute = 60_000;
const hour = 60 * minute;
const noon = Date.UTC(2026, 0, 31, 12);

function reading(
  fromNoonMs: number,
  temperature: number | boolean,
  more: Partial<SentReading> = {},
): SentReading {
  const ts = noon + fromNoonMs;
  return { ts, seq: null, values: { temperature }, isImport: false, nowMs: noon, ...more };
}

/** A reading every `stepMs` from `fromMs` to noon. */
function back(fromMs: number, stepMs: number): SentReading[] {
  return Array.from({ length: fromMs / stepMs + 1 }, (_, i) => reading(i * stepMs - fromMs, (i % 16) / 8));
}

const situations: Readonly<Record<string, readonly SentReading[]>> = {
  "one reading": [reading(0, 21.5)],
  "a full ring in order": back(12 * hour, minute),
  "a full ring in reverse order": back(12 * hour, 5 * minute).reverse(),
  "readings at every boundary of panes": back(13 * hour, 15 * minute),
  "one millisecond before every boundary": back(13 * hour, 5 * minute).map((r) => ({ ...r, ts: r.ts! - 1 })),
  "late inside the minutes": [reading(0, 1), reading(-59 * minute, 3)],
  "late inside the five-minute panes": [reading(0, 1), reading(-170 * minute, 3)],
  "late inside the quarters of an hour": [reading(0, 1), reading(-11 * hour, 3)],
  "older than the ring": [reading(0, 1), reading(-14 * hour, 3), reading(-90 * hour, 5)],
  "imported": [
    reading(0, 1),
    reading(-14 * hour, 3, { isImport: true }),
    reading(-hour, 4, { isImport: true }),
  ],
  "exactly 5 minutes ahead": [reading(5 * minute, 1)],
  "more than 5 minutes ahead": [reading(0, 1), reading(5 * minute + 1, 2)],
  "without a time": [reading(0, 1, { ts: null })],
  "a constant that changes": [reading(-hour, 7), reading(-minute, 7), reading(0, 7.5)],
  "a boolean that becomes a number": [reading(-hour, true), reading(-minute, false), reading(0, 21.5)],
  "a number that becomes a boolean": [reading(-hour, 0.5), reading(0, true)],
  "a jump over the whole ring": [
    ...back(3 * hour, minute),
    reading(0, 9, { ts: noon + 30 * hour, nowMs: noon + 30 * hour }),
  ],
  "a jump over the minutes": [
    ...back(3 * hour, minute),
    reading(0, 9, { ts: noon + 2 * hour, nowMs: noon + 2 * hour }),
  ],
  "repeats and old numbers": [
    reading(-minute, 1, { seq: 1000 }),
    reading(0, 99, { seq: 1000 }),
    reading(0, 3, { seq: 999 }),
    reading(0, 99, { seq: 744 }),
    reading(0, 5, { seq: 745 }),
  ],
  "late on either side of a quarter hour that has left the minutes": [
    ...back(80 * minute, minute),
    ...[45, 46, 60, 61, 74, 75, 76].map((age) => reading(-age * minute, 3)),
  ],
  "equal times": [reading(0, 1), reading(0, 2)],
  "the beginning of time": [
    reading(0, 1, { ts: 0, nowMs: 0 }),
    reading(0, 2, { ts: 5 * hour, nowMs: 5 * hour }),
    reading(0, 3, { ts: 30 * hour, nowMs: 30 * hour }),
  ],
};

for (const [name, sent] of Object.entries(situations)) {
  Deno.test(`answerWindows() and the history are exact for ${name}`, () => {
    const rig = new Rig(true);
    const oracle = new Oracle();
    let nowMs = 0;
    for (const each of sent) {
      oracle.send(each);
      rig.send(each);
      nowMs = Math.max(nowMs, each.nowMs);
    }
    const ats = [0, 1, minute, 59 * minute, hour, 3 * hour, 11 * hour, 14 * hour].map((age) =>
      Math.max(0, nowMs - age)
    );
    assertAnswers(rig, oracle, nowMs, [...ats, nowMs + 7 * hour]);
    assertAnswers(rig, oracle, nowMs + 20 * minute);
    rig.checkpoint(nowMs);
    for (const stepMs of [5 * minute, hour, 24 * hour]) assertHistory(rig, oracle, stepMs);
    for (const stepMs of [minute, 7 * minute, hour]) assertMinuteHistory(rig, oracle, stepMs);
    rig.restore();
    assertAnswers(rig, oracle, nowMs, ats);
    for (const stepMs of [5 * minute, hour]) assertHistory(rig, oracle, stepMs);
    assertMinuteHistory(rig, oracle, minute);
  });
}

Deno.test("answerWindows() begins with the whole pane that contains now − W and ends with the pane of now", () => {
  const rig = new Rig();
  rig.send(reading(0, 1));
  const windows = answerWindows(rig.state, noon + 30_000, null).channels["temperature"]!;
  assert.deepEqual([windows["1h"]!.from, windows["1h"]!.to], [noon - hour, noon + minute]);
  assert.deepEqual([windows["3h"]!.from, windows["3h"]!.to], [noon - 3 * hour, noon + minute]);
  assert.deepEqual(windows["12h"]!.last, { ts: noon, value: 1 });
  const moved = answerWindows(rig.state, noon + 7 * minute, null).channels["temperature"]!;
  assert.deepEqual([moved["3h"]!.from, moved["3h"]!.to], [noon - 175 * minute, noon + 8 * minute]);
});

Deno.test("answerWindows() ends at the newest event time when that is after now", () => {
  const rig = new Rig();
  rig.send(reading(4 * minute, 1));
  assert.equal(answerWindows(rig.state, noon, null).channels["temperature"]!["1h"]!.to, noon + 5 * minute);
});

Deno.test("answerWindows() gives nulls where a statistic is not defined", () => {
  const rig = new Rig();
  rig.send(reading(0, true));
  const windows = answerWindows(rig.state, noon, noon - 2 * hour).channels["temperature"]!;
  const { from: _, to: __, ...empty } = windows["1h"]!;
  assert.deepEqual(empty, {
    count: 0,
    min: null,
    max: null,
    mean: null,
    stdSample: null,
    stdPopulation: null,
    last: null,
  });
  const { count, stdSample, stdPopulation, last } = answerWindows(rig.state, noon, null)
    .channels["temperature"]!["1h"]!;
  assert.deepEqual([count, stdSample, stdPopulation, last], [1, null, 0, { ts: noon, value: true }]);
});

Deno.test("answerWindows() and answerState() answer for a sensor that has had no reading", () => {
  const state = new WindowState("new", new SlabPool());
  assert.deepEqual(answerWindows(state, noon, null), { total: {}, channels: {} });
  const { firstTs, lastTs } = answerState(state);
  assert.deepEqual([firstTs, lastTs], [null, null]);
});

Deno.test("answerState() lists the last five late readings and those whose number was too old", () => {
  const rig = new Rig();
  rig.send(reading(0, 1, { seq: 1000 }));
  for (let i = 0; i < 7; i++) rig.send(reading(-20 * hour - i, i));
  rig.send(reading(0, 9, { seq: 3 }));
  const { late, tooOld } = answerState(rig.state);
  assert.equal(late.count, 7);
  assert.deepEqual(late.recent.map(({ values }) => values["temperature"]), [2, 3, 4, 5, 6]);
  assert.deepEqual(tooOld, { count: 1, recent: [{ ts: noon, seq: 3, values: { temperature: 9 } }] });
});

Deno.test("a constant's sum is count × value, not a running sum", () => {
  const rig = new Rig();
  for (let i = 0; i < 10; i++) rig.send(reading(-i, 0.1));
  const { total, channels } = answerWindows(rig.state, noon, null);
  assert.deepEqual(total, { temperature: { count: 10, sum: 10 * 0.1 } });
  assert.equal(channels["temperature"]!["12h"]!.mean, 0.1);
});
