/**
 * Rows and frames of random bytes: each decodes to a value that can be asked and encodes back, or is refused with a
 * `FormatError`; never another error, and never more time or memory than its length warrants. In a store or a log a
 * checksum stands before all of them: this is for what passes it, written by another program or a fault of ours.
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { decodeHistoryChunk, encodeHistoryChunk } from "../../actors/analytics/history.ts";
import { fiveMinuteHistory, oneMinuteHistory } from "../../actors/analytics/resolution.ts";
import { SlabPool } from "../../actors/analytics/slab.ts";
import { decodeState, stateVersion } from "../../actors/analytics/snapshot.ts";
import { answerPanes, answerState, answerWindows } from "../../actors/analytics/window_answer.ts";
import { WindowState } from "../../actors/analytics/window_state.ts";
import { sensorDefinition } from "../../actors/sensors/sensor.ts";
import { ActorTable, encodeSnapshotHead } from "../../runtime/core/actor_table.ts";
import { ByteReader, ByteWriter, noRows, packRows } from "../../runtime/core/bytes.ts";
import { FormatError } from "../../runtime/core/errors.ts";
import { decodeFrame, encodeFrame } from "../../runtime/core/frame.ts";
import { Registry } from "../../runtime/core/registry.ts";
import { Rig } from "./window_rig.ts";

const noon = Date.UTC(2026, 0, 31, 12);
const minuteMs = 60_000;

/** Null where decoding refused the bytes. */
function orRefused<T>(decode: () => T): T | null {
  try {
    return decode();
  } catch (thrown) {
    if (thrown instanceof FormatError) return null;
    throw thrown;
  }
}

/** Bytes that are `sound` but for what a fault did to them, or no more than bytes. */
function damaged(...sound: readonly Uint8Array[]): fc.Arbitrary<Uint8Array<ArrayBuffer>> {
  const flips = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), {
    minLength: 1,
    maxLength: 6,
  });
  const whole = fc.constantFrom(...sound);
  return fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.tuple(whole, flips).map(([bytes, some]) => {
      const copy = bytes.slice();
      for (const [at, byte] of some) copy[at % copy.length] = byte;
      return copy;
    }),
    fc.tuple(whole, fc.nat()).map(([bytes, at]) => bytes.slice(0, at % bytes.length)),
    // Whole doubles and counts of extreme values.
    fc.tuple(whole, fc.nat(), fc.constantFrom(0x00, 0x7f, 0x80, 0xff), fc.integer({ min: 1, max: 8 })).map(
      ([bytes, at, byte, count]) => bytes.slice().fill(byte, at % bytes.length, (at % bytes.length) + count),
    ),
    fc.tuple(whole, fc.nat(), fc.double()).map(([bytes, at, value]) => {
      const copy = bytes.slice();
      if (copy.length >= 8) new DataView(copy.buffer).setFloat64(at % (copy.length - 7), value, true);
      return copy;
    }),
    fc.tuple(whole, whole, fc.nat()).map(([one, other, at]) =>
      Uint8Array.of(...one.subarray(0, at % one.length), ...other.subarray(at % other.length))
    ),
  ).map((bytes) => new Uint8Array(bytes));
}

/** A sensor with readings of all sorts over a day, late and refused ones among them, and its rows. */
function sensorRows(): Rig {
  const rig = new Rig();
  const send = (ts: number, seq: number | null, n: number) =>
    rig.send({
      ts,
      seq,
      values: { movement: n % 3 === 0, smoke: false, temperature: 20 + (n % 40) / 8 },
      isImport: false,
      nowMs: noon,
    });
  for (let n = 0; n < 200; n++) send(noon - 13 * 60 * minuteMs + n * 4 * minuteMs, n, n);
  rig.checkpoint(noon, "always");
  for (let n = 200; n < 220; n++) send(noon - (220 - n) * minuteMs, n, n);
  send(noon - 20 * 60 * minuteMs, null, 1);
  send(noon, 219, 1);
  rig.checkpoint(noon, "never");
  return rig;
}

const rig = sensorRows();
const { hot, cold } = rig;

/** The hot and the cold row of what was decoded: it can be asked and written. */
function exercise(bytes: Uint8Array, coldBytes: Uint8Array | null): void {
  const pool = new SlabPool({ chunkBytes: 16_384 });
  const decode = (hotRow: Uint8Array, coldRow: Uint8Array | null) =>
    decodeState(
      new WindowState("s1", pool),
      stateVersion,
      new ByteReader(hotRow),
      coldRow === null ? null : new ByteReader(coldRow),
    );
  const state = orRefused(() => decode(bytes, coldBytes));
  if (state === null) return assert.equal(pool.usedBytes, 0);
  answerState(state);
  answerWindows(state, noon, null);
  answerPanes(state, fiveMinuteHistory);
  const { state: type } = rig.definition;
  const history = { put() {}, add() {} };
  const [nextCold, nextHot] = [new ByteWriter(), new ByteWriter()];
  type.cold!.encode(state, nextCold, history, noon);
  type.encode(state, nextHot, history);
  const restored = decode(nextHot.finish(), nextCold.finish());
  assert.deepEqual(answerState(restored), answerState(state));
  assert.deepEqual(answerPanes(restored, fiveMinuteHistory), answerPanes(state, fiveMinuteHistory));
  state.release();
  restored.release();
  assert.equal(pool.usedBytes, 0);
}

Deno.test("A state decodes from any hot row, or is refused", () => {
  fc.assert(fc.property(damaged(hot), (bytes) => exercise(bytes, cold)), { numRuns: 500 });
  fc.assert(fc.property(damaged(hot), (bytes) => exercise(bytes, null)), { numRuns: 500 });
});

Deno.test("A state whose list has a number that no double holds is refused", () => {
  const found = hot.findIndex((_, at) => new TextDecoder().decode(hot.subarray(at, at + 6)) === '"ts":1');
  assert.ok(found > 0);
  // 1E68 followed by more digits: read as infinite, and written as null.
  const bytes = hot.with(found + 6, "E".charCodeAt(0));
  const fresh = new WindowState("s1", rig.pool);
  assert.equal(orRefused(() => decodeState(fresh, stateVersion, new ByteReader(bytes), null)), null);
});

Deno.test("A state decodes from any cold row, or is refused", () => {
  fc.assert(fc.property(damaged(cold!), (bytes) => exercise(hot, bytes)), { numRuns: 500 });
});

Deno.test("A row of history decodes to panes, or is refused", () => {
  const rows = [...rig.rows.values()].map(({ row }) => row);
  fc.assert(
    fc.property(
      damaged(...rows),
      fc.constantFrom(fiveMinuteHistory, oneMinuteHistory),
      (bytes, resolution) => {
        const channels = orRefused(() => decodeHistoryChunk(resolution, bytes));
        if (channels === null) return;
        const filled = channels.filter(({ panes }) => panes.some((pane) => pane !== null && pane.count > 0));
        const restored = decodeHistoryChunk(resolution, encodeHistoryChunk(resolution, channels));
        assert.deepEqual(restored.map(({ name }) => name), filled.map(({ name }) => name));
        assert.deepEqual(decodeHistoryChunk(resolution, encodeHistoryChunk(resolution, restored)), restored);
      },
    ),
    { numRuns: 1000 },
  );
});

/** A snapshot as the store has it, with timers and a suspension that has messages parked. */
function snapshot(): { readonly registry: Registry; readonly bytes: Uint8Array } {
  const registry = new Registry([sensorDefinition(rig.pool)]);
  const entry = new ActorTable(registry).create(0, "s1", 1);
  entry.timers = new Map([["t", { dueMs: noon, message: '{"a":1}', version: 1 }], ["u", {
    dueMs: 1,
    message: "2",
    version: 1,
  }]]);
  entry.failedAtMs = [noon - 2, noon - 1];
  entry.suspension = {
    sinceMs: noon,
    detail: "it threw",
    parked: [
      { version: 1, message: "[1]", sender: null },
      { version: 1, message: "[2]", sender: { kind: "sensor", id: "é" } },
    ],
    parkedUnits: 12,
  };
  const out = new ByteWriter();
  encodeSnapshotHead(entry, out);
  out.raw(hot);
  return { registry, bytes: out.finish() };
}

Deno.test("A snapshot becomes an actor, a damaged actor that takes no messages, or is refused", () => {
  const { registry, bytes: sound } = snapshot();
  const load = (bytes: Uint8Array) => {
    const table = new ActorTable(registry);
    const batch = {
      kinds: ["sensor"],
      ids: ["s1"],
      dueMs: [null],
      hot: packRows([bytes]),
      coldOf: [],
      cold: noRows,
    };
    return { table, inserted: table.insertLoaded(batch, 1) };
  };
  assert.equal(load(sound).inserted[0]?.damage, null);
  fc.assert(
    fc.property(damaged(sound), (bytes) => {
      const loaded = orRefused(() => load(bytes));
      if (loaded === null) return;
      const { table, inserted: [entry] } = loaded;
      assert.ok(entry);
      if (entry.damage !== null) assert.equal(entry.damage.reason, "state-unreadable");
      table.clear();
    }),
    { numRuns: 1000 },
  );
});

Deno.test("A frame decodes from any text to one that encodes back, or is refused", () => {
  const text = encodeFrame({
    origin: { type: "gateway", start: "s", n: 3 },
    types: [["sensor", 1], ["series", 1]],
    entries: [
      -1,
      "hash",
      2,
      0,
      "a",
      [1, null, "t", 2],
      0,
      "é",
      [2],
      -2,
      "x",
      "sensor",
      1,
      "b",
      {},
      -3,
      "5-1-0",
      1,
      0,
      "c",
      1,
    ],
  });
  const encoder = new TextEncoder();
  const decoder = new TextDecoder();
  fc.assert(
    fc.property(damaged(encoder.encode(text)), (bytes) => {
      const frame = orRefused(() => decodeFrame(decoder.decode(bytes)));
      if (frame !== null) assert.deepEqual(decodeFrame(encodeFrame(frame)), frame);
    }),
    { numRuns: 5000 },
  );
});
