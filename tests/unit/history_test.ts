import assert from "node:assert/strict";
import fc from "fast-check";
import {
  decodeHistoryChunk,
  encodeHistoryChunk,
  type HistoryChannel,
  historySeries,
  mergeHistory,
  panesPerChunk,
  type RingPanes,
} from "../../actors/analytics/history.ts";
import { paneTypes } from "../../actors/analytics/pane_codec.ts";
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
    panes: Array.from({ length: panesPerChunk }, (_, i) => panes[i] ?? null),
  };
}

const name = fc.stringMatching(/^[A-Za-z0-9.:-]{1,64}$/);
const numericPane = fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), {
  minLength: 1,
  maxLength: 5,
})
  .map((values) => paneOf(...values));

const anyChannel: fc.Arbitrary<HistoryChannel> = fc.oneof(
  fc.record({ name, type: fc.constant(paneTypes.numeric), constant: fc.constant(0) }).chain((head) =>
    panes(numericPane).map((panes) => ({ ...head, panes }))
  ),
  fc.record({ name, type: fc.constant(paneTypes.boolean), constant: fc.constant(0) }).chain((head) =>
    panes(
      fc.tuple(fc.nat(9), fc.nat(9)).map(([ones, zeros]) => {
        const pane = emptyPane();
        setBooleanPane(pane, ones + zeros + 1, ones);
        return pane;
      }),
    ).map((panes) => ({ ...head, panes }))
  ),
  fc.record({
    name,
    type: fc.constant(paneTypes.constant),
    constant: fc.double({ noNaN: true, min: -9, max: 9 }),
  })
    .chain((head) =>
      panes(
        fc.integer({ min: 1, max: 2 ** 32 - 1 }).map((count) => {
          const pane = emptyPane();
          setConstantPane(pane, count, head.constant);
          return pane;
        }),
      ).map((panes) => ({ ...head, panes }))
    ),
);

function panes(pane: fc.Arbitrary<Pane>) {
  return fc.array(fc.option(pane), { minLength: panesPerChunk, maxLength: panesPerChunk });
}

Deno.test("decodeHistoryChunk(encodeHistoryChunk(x)) is x", () => {
  fc.assert(fc.property(fc.array(anyChannel, { maxLength: 5 }), (channels) => {
    assert.deepEqual(decodeHistoryChunk(encodeHistoryChunk(channels)), channels);
  }));
});

Deno.test("decodeHistoryChunk() throws a FormatError on a row that is none", () => {
  const row = encodeHistoryChunk([channel("a", { 0: paneOf(1) })]);
  assert.throws(() => decodeHistoryChunk(row.subarray(0, row.length - 1)), FormatError);
  assert.throws(() => decodeHistoryChunk(Uint8Array.of(9)), FormatError);
});

Deno.test("mergeHistory() merges the parts of an hour", () => {
  const rows = [
    { startMs: hour, row: encodeHistoryChunk([channel("a", { 0: paneOf(1, 2), 3: paneOf(5) })]) },
    {
      startMs: hour,
      row: encodeHistoryChunk([channel("a", { 0: paneOf(3) }), channel("b", { 1: paneOf(9) })]),
    },
  ];
  const merged = mergeHistory(rows);
  assert.deepEqual(merged.get("a")!.get(hour), paneOf(1, 2, 3));
  assert.deepEqual([...merged.get("a")!.keys()], [hour, hour + 15 * minute]);
  assert.deepEqual([...merged.get("b")!], [[hour + 5 * minute, paneOf(9)]]);
});

Deno.test("historySeries() takes the ring's panes instead of stored ones from where the ring begins", () => {
  const rows = [{
    startMs: 0,
    row: encodeHistoryChunk([channel("a", { 0: paneOf(1), 2: paneOf(50), 3: paneOf(60) })]),
  }];
  const ring: RingPanes = {
    stepMs: 5 * minute,
    fromMs: 10 * minute,
    channels: { a: [[10 * minute, 2, 12, 8, 4, 8]] },
  };
  const range = { channel: "a", fromMs: 0, toMs: hour, stepMs: 5 * minute };
  assert.deepEqual(historySeries(rows, ring, range).map(({ start, sum, count }) => [start, sum, count]), [
    [0, 1, 1],
    [10 * minute, 12, 2],
  ]);
  assert.deepEqual(historySeries(rows, ring, { ...range, stepMs: 15 * minute }), [{
    start: 0,
    sum: 13,
    count: 3,
    min: 1,
    max: 8,
    mean: 13 / 3,
    stdSample: Math.sqrt((8 + (6 - 1) ** 2 * 2 / 3) / 2),
    stdPopulation: Math.sqrt((8 + (6 - 1) ** 2 * 2 / 3) / 3),
  }]);
  assert.deepEqual(historySeries(rows, null, range).map(({ start }) => start), [0, 10 * minute, 15 * minute]);
});

Deno.test("historySeries() begins with the bucket that contains `fromMs` and ends before `toMs`", () => {
  const row = encodeHistoryChunk([channel("a", { 0: paneOf(1), 5: paneOf(2), 11: paneOf(3) })]);
  const starts = (fromMs: number, toMs: number, stepMs: number) =>
    historySeries([{ startMs: 0, row }], null, { channel: "a", fromMs, toMs, stepMs }).map(({ start }) =>
      start
    );
  assert.deepEqual(starts(1, 25 * minute, 5 * minute), [0]);
  assert.deepEqual(starts(5 * minute, 25 * minute + 1, 5 * minute), [25 * minute]);
  assert.deepEqual(starts(5 * minute, 31 * minute, 30 * minute), [0, 30 * minute]);
});

Deno.test("historySeries() answers nothing for a channel that is not there, and asserts its step", () => {
  const range = { channel: "toString", fromMs: 0, toMs: hour, stepMs: 5 * minute };
  assert.deepEqual(historySeries([], { stepMs: 5 * minute, fromMs: 0, channels: {} }, range), []);
  assert.throws(() => historySeries([], null, { ...range, stepMs: minute }), InvariantError);
});
