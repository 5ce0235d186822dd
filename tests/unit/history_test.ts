import assert from "node:assert/strict";
import fc from "fast-check";
import {
  decodeHistoryChunk,
  encodeHistoryChunk,
  type HistoryChannel,
  historySeries,
  mergeHistory,
  type RingPanes,
} from "../../actors/analytics/history.ts";
import {
  fiveMinuteHistory,
  type HistoryResolution,
  oneMinuteHistory,
} from "../../actors/analytics/resolution.ts";
import { type PaneType, paneTypes } from "../../actors/analytics/pane_codec.ts";
import {
  addValue,
  emptyPane,
  type Pane,
  setBooleanPane,
  setConstantPane,
} from "../../actors/analytics/pane.ts";
import { FormatError, InvariantError } from "../../runtime/core/errors.ts";

const minute = 60_000;
const hour = 60 * minute;

function paneOf(...values: readonly number[]): Pane {
  const pane = emptyPane();
  for (const value of values) addValue(pane, value);
  return pane;
}

function channel(name: string, panes: Readonly<Record<number, Pane>>): HistoryChannel {
  return {
    name,
    type: paneTypes.numeric,
    constant: 0,
    panes: Array.from({ length: fiveMinuteHistory.panesPerRow }, (_, i) => panes[i] ?? null),
  };
}

const name = fc.stringMatching(/^[A-Za-z0-9.:-]{1,64}$/);
const numericPane = fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), {
  minLength: 1,
  maxLength: 5,
})
  .map((values) => paneOf(...values));

function channelOf({ panesPerRow }: HistoryResolution): fc.Arbitrary<HistoryChannel> {
  const panes = (pane: fc.Arbitrary<Pane>) =>
    fc.array(fc.option(pane), { minLength: panesPerRow, maxLength: panesPerRow });
  const booleanPane = fc.tuple(fc.nat(9), fc.nat(9)).map(([ones, zeros]) => {
    const pane = emptyPane();
    setBooleanPane(pane, ones + zeros + 1, ones);
    return pane;
  });
  const constantPane = (value: number) =>
    fc.integer({ min: 1, max: 2 ** 32 - 1 }).map((count) => {
      const pane = emptyPane();
      setConstantPane(pane, count, value);
      return pane;
    });
  const ofType = (type: PaneType, constant: number, pane: fc.Arbitrary<Pane>) =>
    fc.tuple(name, panes(pane)).map(([name, panes]) => ({ name, type, constant, panes }));
  return fc.oneof(
    ofType(paneTypes.numeric, 0, numericPane),
    ofType(paneTypes.boolean, 0, booleanPane),
    fc.double({ noNaN: true, min: -9, max: 9 })
      .chain((constant) => ofType(paneTypes.constant, constant, constantPane(constant))),
  );
}

for (const resolution of [fiveMinuteHistory, oneMinuteHistory]) {
  Deno.test(`decodeHistoryChunk(encodeHistoryChunk(x)) is x for panes of ${resolution.minutes} minutes`, () => {
    fc.assert(fc.property(fc.array(channelOf(resolution), { maxLength: 5 }), (channels) => {
      // Without panes a channel is not in the row.
      const filled = channels.filter(({ panes }) => panes.some((pane) => pane !== null));
      assert.deepEqual(decodeHistoryChunk(resolution, encodeHistoryChunk(resolution, channels)), filled);
    }));
  });
}

Deno.test("decodeHistoryChunk() throws a FormatError on a row that is none", () => {
  const row = encodeHistoryChunk(fiveMinuteHistory, [channel("a", { 0: paneOf(1) })]);
  assert.throws(() => decodeHistoryChunk(fiveMinuteHistory, row.subarray(0, row.length - 1)), FormatError);
  assert.throws(() => decodeHistoryChunk(fiveMinuteHistory, Uint8Array.of(9)), FormatError);
  const quarter = encodeHistoryChunk(oneMinuteHistory, [{
    ...channel("a", {}),
    panes: Array.from({ length: 15 }, () => paneOf(1)),
  }]);
  assert.throws(() => decodeHistoryChunk(fiveMinuteHistory, quarter), /5-minute panes has more than 12/);
});

Deno.test("mergeHistory() merges the parts of an hour", () => {
  const rows = [
    {
      startMs: hour,
      row: encodeHistoryChunk(fiveMinuteHistory, [channel("a", { 0: paneOf(1, 2), 3: paneOf(5) })]),
    },
    {
      startMs: hour,
      row: encodeHistoryChunk(fiveMinuteHistory, [
        channel("a", { 0: paneOf(3) }),
        channel("b", { 1: paneOf(9) }),
      ]),
    },
  ];
  const merged = mergeHistory(fiveMinuteHistory, rows);
  assert.deepEqual(merged.get("a")!.get(hour), paneOf(1, 2, 3));
  assert.deepEqual([...merged.get("a")!.keys()], [hour, hour + 15 * minute]);
  assert.deepEqual([...merged.get("b")!], [[hour + 5 * minute, paneOf(9)]]);
});

Deno.test("historySeries() takes the ring's panes instead of stored ones from where the ring begins", () => {
  const rows = [{
    startMs: 0,
    row: encodeHistoryChunk(fiveMinuteHistory, [
      channel("a", { 0: paneOf(1), 2: paneOf(50), 3: paneOf(60) }),
    ]),
  }];
  const ring: RingPanes = {
    stepMs: 5 * minute,
    fromMs: 10 * minute,
    channels: { a: [[10 * minute, 2, 12, 8, 4, 8]] },
  };
  const range = { channel: "a", fromMs: 0, toMs: hour, stepMs: 5 * minute };
  assert.deepEqual(
    historySeries(fiveMinuteHistory, rows, ring, range).map(({ start, sum, count }) => [start, sum, count]),
    [
      [0, 1, 1],
      [10 * minute, 12, 2],
    ],
  );
  assert.deepEqual(historySeries(fiveMinuteHistory, rows, ring, { ...range, stepMs: 15 * minute }), [{
    start: 0,
    sum: 13,
    count: 3,
    min: 1,
    max: 8,
    mean: 13 / 3,
    stdSample: Math.sqrt((8 + (6 - 1) ** 2 * 2 / 3) / 2),
    stdPopulation: Math.sqrt((8 + (6 - 1) ** 2 * 2 / 3) / 3),
  }]);
  assert.deepEqual(historySeries(fiveMinuteHistory, rows, null, range).map(({ start }) => start), [
    0,
    10 * minute,
    15 * minute,
  ]);
});

Deno.test("historySeries() begins with the bucket that contains `fromMs` and ends before `toMs`", () => {
  const row = encodeHistoryChunk(fiveMinuteHistory, [
    channel("a", { 0: paneOf(1), 5: paneOf(2), 11: paneOf(3) }),
  ]);
  const starts = (fromMs: number, toMs: number, stepMs: number) =>
    historySeries(fiveMinuteHistory, [{ startMs: 0, row }], null, { channel: "a", fromMs, toMs, stepMs }).map(
      ({ start }) => start,
    );
  assert.deepEqual(starts(1, 25 * minute, 5 * minute), [0]);
  assert.deepEqual(starts(5 * minute, 25 * minute + 1, 5 * minute), [25 * minute]);
  assert.deepEqual(starts(5 * minute, 31 * minute, 30 * minute), [0, 30 * minute]);
});

Deno.test("historySeries() makes steps of minutes of one-minute panes", () => {
  const quarter = 15 * minute;
  const panes = Array.from({ length: 15 }, (_, i) => i === 3 || i === 14 ? paneOf(i) : null);
  const row = encodeHistoryChunk(oneMinuteHistory, [{ ...channel("a", {}), panes }]);
  const rows = [{ startMs: quarter, row }];
  const range = { channel: "a", fromMs: 0, toMs: hour, stepMs: minute };
  const starts = (ring: RingPanes | null, stepMs: number) =>
    historySeries(oneMinuteHistory, rows, ring, { ...range, stepMs }).map(({ start, sum }) => [start, sum]);
  assert.deepEqual(starts(null, minute), [[18 * minute, 3], [29 * minute, 14]]);
  assert.deepEqual(starts(null, 7 * minute), [[14 * minute, 3], [28 * minute, 14]]);
  const ring: RingPanes = {
    stepMs: minute,
    fromMs: 29 * minute,
    channels: { a: [[29 * minute, 1, 2, 0, 2, 2]] },
  };
  assert.deepEqual(starts(ring, minute), [[18 * minute, 3], [29 * minute, 2]]);
  assert.throws(() => starts({ ...ring, stepMs: 5 * minute }, minute), InvariantError);
});

Deno.test("historySeries() answers nothing for a channel that is not there, and asserts its step", () => {
  const range = { channel: "toString", fromMs: 0, toMs: hour, stepMs: 5 * minute };
  assert.deepEqual(
    historySeries(fiveMinuteHistory, [], { stepMs: 5 * minute, fromMs: 0, channels: {} }, range),
    [],
  );
  assert.throws(
    () => historySeries(fiveMinuteHistory, [], null, { ...range, stepMs: minute }),
    InvariantError,
  );
});
