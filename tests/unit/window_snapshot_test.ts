import assert from "node:assert/strict";
import { SlabPool } from "../../actors/analytics/slab.ts";
import { decodeState } from "../../actors/analytics/snapshot.ts";
import { fiveMinuteHistory } from "../../actors/analytics/resolution.ts";
import { answerPanes, answerState, answerWindows } from "../../actors/analytics/window_answer.ts";
import { type Values, WindowState } from "../../actors/analytics/window_state.ts";
import { ByteReader, ByteWriter } from "../../runtime/core/bytes.ts";
import { FormatError } from "../../runtime/core/errors.ts";
import { Rig } from "./window_rig.ts";

const minute = 60_000;
const hour = 60 * minute;
const noon = Date.UTC(2026, 0, 31, 12);

/** A hot row as version 1 wrote it: without sequence numbers. */
const versionOneRow = Uint8Array.fromHex(
  "0000000095217c4100801eca3ec1794200003abb3ec1794200003abb3ec179420000000000000840000000000000f03f" +
    "01320000005b7b227473223a313736393737303830303030302c2276616c756573223a7b2274656d7065726174757265" +
    "223a31397d7d5d0200086d6f76656d656e74010000e0c93ec17942000000000000f03f00000000000000400000000000" +
    "00f03f0b74656d70657261747572650200801eca3ec17942000000000080354000000000000010400000000000205440" +
    "02200100000001000000020000000000000000404540000000000000c03f000000000000354000000000008035401f01" +
    "00000000000000010000000000000000003340000000000000000000000000000033400000000000003340",
);

function panelValues(i: number): Values {
  return { movement: i % 3 === 0, smoke: false, temperature: 20 + (i % 40) / 8, max_temperature: 57 };
}

/** A panel whose rings are full, read once a minute until noon. */
function fullPanel(): Rig {
  const rig = new Rig();
  for (let at = noon - 13 * hour; at <= noon; at += minute) {
    rig.send({ ts: at, seq: at / minute, values: panelValues(at / minute), isImport: false, nowMs: at });
    if (at % (5 * minute) === 0) rig.checkpoint(at);
  }
  return rig;
}

Deno.test("a state of an older version is migrated on load", () => {
  const rig = new Rig();
  rig.state = rig.definition.state.decode("s1", 1, new ByteReader(versionOneRow), null);
  const overview = answerState(rig.state);
  assert.deepEqual(overview.channels, {
    movement: { type: "boolean", last: { ts: noon, value: true }, total: { count: 2, sum: 1 } },
    temperature: { type: "numeric", last: { ts: noon + 1000, value: 21.5 }, total: { count: 4, sum: 80.5 } },
  });
  assert.deepEqual(overview.tooOld, { count: 0, recent: [] });
  assert.deepEqual(overview.late, {
    count: 1,
    recent: [{ ts: noon - 90_000_000, values: { temperature: 19 } }],
  });
  const { count, mean } = answerWindows(rig.state, noon, null).channels["temperature"]!["1h"]!;
  assert.deepEqual([count, mean], [3, 61.5 / 3]);
  for (const seq of [5, 5]) {
    rig.send({ ts: noon, seq, values: { movement: false }, isImport: false, nowMs: noon });
  }
  rig.checkpoint(noon);
  rig.restore();
  assert.equal(answerState(rig.state).duplicates, 4);
  assert.equal(answerState(rig.state).channels["movement"]!.total.count, 3);
});

Deno.test("encodeHot() stays under 1 KB for a panel with five minutes of changes", () => {
  const rig = fullPanel();
  rig.checkpoint(noon, "always");
  for (let at = noon; at <= noon + 5 * minute; at += 10_000) {
    rig.send({ ts: at, seq: at, values: panelValues(at / 10_000), isImport: false, nowMs: at });
  }
  const hot = new ByteWriter();
  rig.definition.state.encode(rig.state, hot, { put() {}, add() {} });
  assert.ok(hot.length <= 1024, `${hot.length} bytes`);
});

Deno.test("a panel with full rings takes about 7 KB of slabs", () => {
  const rig = fullPanel();
  assert.ok(rig.pool.usedBytes > 6_900 && rig.pool.usedBytes < 7_600, `${rig.pool.usedBytes} bytes`);
});

Deno.test("encodeCold() leaves nothing but the table to the hot row", () => {
  const rig = fullPanel();
  rig.checkpoint(noon, "always");
  assert.ok(rig.hot.length < 300, `${rig.hot.length} bytes`);
  assert.ok(rig.cold!.length > 6_000);
  assert.equal(rig.definition.state.cold!.isDue(rig.state, noon + hour), false);
});

Deno.test("a promotion between a cold row and merges upwards is restored to the last bit", () => {
  const rig = new Rig();
  const send = (at: number, level: number) =>
    rig.send({ ts: at, seq: null, values: { level }, isImport: false, nowMs: at });
  for (let i = 0; i < 120; i++) send(noon + i * 20_000, 0.1);
  rig.checkpoint(noon + 40 * minute, "always");
  send(noon + 40 * minute, 0.2);
  send(noon + 150 * minute, 0.3);
  rig.checkpoint(noon + 150 * minute, "never");
  const live = answerPanes(rig.state, fiveMinuteHistory);
  rig.restore();
  assert.deepEqual(answerPanes(rig.state, fiveMinuteHistory), live);
});

Deno.test("isColdDue() is true once in five minutes of log time, at another time for each id", () => {
  const phases = new Set<number>();
  for (const id of ["a", "b", "c", "d", "e", "f", "g", "h"]) {
    const rig = new Rig();
    rig.state = rig.definition.state.create(id);
    const due: number[] = [];
    for (let at = noon; at < noon + 20 * minute; at += 1000) {
      rig.send({ ts: at, seq: null, values: { temperature: at % 7 }, isImport: false, nowMs: at });
      if (rig.definition.state.cold!.isDue(rig.state, at)) {
        due.push(at);
        rig.checkpoint(at);
      }
    }
    assert.equal(due.length, 4);
    assert.equal(due[3]! - due[0]!, 15 * minute);
    phases.add(due[0]! - noon);
  }
  assert.ok(phases.size >= 6);
});

Deno.test("isColdDue() is true when the hot row would pass its size", () => {
  const rig = new Rig();
  let readings = 0;
  const isDue = () => rig.definition.state.cold!.isDue(rig.state, noon);
  while (!isDue()) {
    const ts = noon - readings++ * 20 * minute;
    rig.send({ ts, seq: null, values: panelValues(readings), isImport: true, nowMs: noon });
    assert.ok(readings < 30);
  }
  rig.checkpoint(noon);
  assert.equal(rig.coldRows, 1);
  assert.equal(isDue(), false);
});

Deno.test("finished hours are handed over by the next encode() when event time runs faster than log time", () => {
  const rig = new Rig();
  for (let at = noon - 30 * hour; at <= noon; at += 5 * minute) {
    rig.send({ ts: at, seq: null, values: panelValues(at / minute), isImport: true, nowMs: noon });
  }
  rig.checkpoint(noon);
  assert.equal([...rig.rows.keys()].filter((key) => key.endsWith("/0")).length, rig.rows.size);
  assert.equal(rig.rows.size, 31);
  assert.equal(answerPanes(rig.state, fiveMinuteHistory).fromMs, noon - 185 * minute);
});

Deno.test("decodeState() throws a FormatError, and keeps no block, on rows that are none", () => {
  const rig = fullPanel();
  const pool = new SlabPool({ chunkBytes: 16_384 });
  const { hot, cold } = rig;
  const beyond = hot.slice();
  new DataView(beyond.buffer).setFloat64(0, 5, true);
  const cases: readonly (readonly [string, number, Uint8Array, Uint8Array | null])[] = [
    ["a newer version", 4, hot, cold],
    ["a hot row cut short", 2, hot.subarray(0, hot.length - 1), cold],
    ["an empty hot row", 2, hot.subarray(0, 0), cold],
    ["a cold row cut short", 2, hot, cold!.subarray(0, 100)],
    ["a cold row of an unknown version", 2, hot, Uint8Array.of(9, ...cold!.subarray(1))],
    ["a cold row that is newer than the hot one", 2, beyond, cold],
  ];
  for (const [what, version, hotRow, coldRow] of cases) {
    const coldReader = coldRow === null ? null : new ByteReader(coldRow);
    assert.throws(
      () => decodeState(new WindowState("s1", pool), version, new ByteReader(hotRow), coldReader),
      FormatError,
      what,
    );
    assert.equal(pool.usedBytes, 0, what);
  }
});
