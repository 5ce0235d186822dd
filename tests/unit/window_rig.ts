/** Drives one sensor as a shard would: messages, checkpoints, restores, and a store of its rows. */

import assert from "node:assert/strict";
import { type HistoryRow, historySeries } from "../../actors/analytics/history.ts";
import {
  fiveMinuteHistory,
  type HistoryResolution,
  oneMinuteHistory,
} from "../../actors/analytics/resolution.ts";
import { windowSpans } from "../../actors/analytics/limits.ts";
import { SlabPool } from "../../actors/analytics/slab.ts";
import { answerPanes, answerState, answerWindows } from "../../actors/analytics/window_answer.ts";
import { decodeState } from "../../actors/analytics/snapshot.ts";
import { WindowState } from "../../actors/analytics/window_state.ts";
import { readingOf, sensorDefinition, type SensorMessage } from "../../actors/sensors/sensor.ts";
import { windowStateType } from "../../actors/sensors/windowed_actor.ts";
import type { ActorDefinition, Context } from "../../runtime/core/actor.ts";
import { ByteReader, ByteWriter } from "../../runtime/core/bytes.ts";
import type { StateType } from "../../runtime/core/state.ts";
import { Oracle, type SentReading, type Statistics } from "./window_oracle.ts";

export interface DeadLettered {
  readonly reason: string;
  readonly detail: string;
}

export function stubContext(nowMs: number, deadLetters: DeadLettered[] = []): Context {
  const refuse = () => {
    throw new Error("A sensor sends nothing");
  };
  return {
    self: { kind: "sensor", id: "s1" },
    sender: null,
    nowMs,
    turnId: "turn",
    random: () => 0.5,
    send: refuse,
    reply: refuse,
    setTimer: refuse,
    cancelTimer: refuse,
    request: refuse,
    deadLetter: (reason, detail) => deadLetters.push({ reason, detail }),
  };
}

function messageOf({ ts, seq, values, isImport }: SentReading): SensorMessage {
  return readingOf(ts, seq, values, isImport);
}

interface StoredRow extends HistoryRow {
  readonly stepMs: number;
}

export class Rig {
  readonly pool = new SlabPool({ chunkBytes: 16_384 });
  readonly definition: ActorDefinition<WindowState, SensorMessage>;
  readonly deadLetters: DeadLettered[] = [];
  state: WindowState;
  hot: Uint8Array = new Uint8Array(0);
  cold: Uint8Array | null = null;
  coldRows = 0;
  /** Stored history by "step/start/part". */
  readonly rows = new Map<string, StoredRow>();
  #commit = 0;

  constructor(keepsMinutes = false) {
    const type = windowStateType(this.pool);
    const fresh = (id: string) => new WindowState(id, this.pool, keepsMinutes);
    const state: StateType<WindowState> = {
      ...type,
      create: fresh,
      decode: (id, version, hot, cold) => decodeState(fresh(id), version, hot, cold),
    };
    this.definition = { ...sensorDefinition(this.pool), state };
    this.state = state.create("s1");
  }

  send(reading: SentReading): void {
    const message = messageOf(reading);
    assert.ok(this.definition.message.accepts(message));
    this.definition.receive(this.state, message, stubContext(reading.nowMs, this.deadLetters));
  }

  checkpoint(nowMs: number, cold: "due" | "always" | "never" = "due"): void {
    const part = ++this.#commit;
    const history = {
      put: (stepMs: number, startMs: number, row: Uint8Array) =>
        void this.rows.set(`${stepMs}/${startMs}/0`, { stepMs, startMs, row: row.slice() }),
      add: (stepMs: number, startMs: number, row: Uint8Array) => {
        const key = `${stepMs}/${startMs}/${part}`;
        assert.ok(!this.rows.has(key), "one increment a row and commit");
        this.rows.set(key, { stepMs, startMs, row: row.slice() });
      },
    };
    const { state } = this.definition;
    if (cold === "always" || (cold === "due" && state.cold!.isDue(this.state, nowMs))) {
      const writer = new ByteWriter();
      state.cold!.encode(this.state, writer, history, nowMs);
      this.cold = writer.finish();
      this.coldRows++;
    }
    const hot = new ByteWriter();
    state.encode(this.state, hot, history);
    this.hot = hot.finish();
  }

  /** Stored rows of one resolution. */
  rowsOf({ stepMs }: HistoryResolution): readonly StoredRow[] {
    return [...this.rows.values()].filter((row) => row.stepMs === stepMs);
  }

  /** Drops the state and reads the last checkpoint. */
  restore(): void {
    this.definition.state.release!(this.state);
    const cold = this.cold === null ? null : new ByteReader(this.cold);
    this.state = this.definition.state.decode(
      "s1",
      this.definition.state.version,
      new ByteReader(this.hot),
      cold,
    );
  }
}

function assertNear(found: number | null, expected: number | null, what: string): void {
  if (found === null || expected === null) return assert.equal(found, expected, what);
  assert.ok(Math.abs(found - expected) <= 1e-9 * (1 + Math.abs(expected)), `${what}: ${found} ≠ ${expected}`);
}

type Spread = Pick<Statistics, "stdSample" | "stdPopulation">;

/** Everything equal, but for the standard deviations, which are near. */
function assertStatistics<T extends Spread>(found: T, expected: T, what: string): void {
  assertNear(found.stdSample, expected.stdSample, `${what} stdSample`);
  assertNear(found.stdPopulation, expected.stdPopulation, `${what} stdPopulation`);
  const without = (answer: T) => ({ ...answer, stdSample: 0, stdPopulation: 0 });
  assert.deepEqual(without(found), without(expected), what);
}

/** Compares every answer at `nowMs` and at the times `atMs` with the oracle's. */
export function assertAnswers(rig: Rig, oracle: Oracle, nowMs: number, atMs: readonly number[] = []): void {
  const { state } = rig;
  const overview = answerState(state);
  assert.deepEqual(
    { late: overview.late.count, duplicates: overview.duplicates, tooOld: overview.tooOld.count },
    { late: oracle.late, duplicates: oracle.duplicates, tooOld: oracle.tooOld },
  );
  assert.equal(rig.deadLetters.length, oracle.deadLetters.length);
  assert.deepEqual(Object.keys(overview.channels).sort(), oracle.channels().sort());
  if (oracle.counted.length === 0) return;
  for (const at of [null, ...atMs]) {
    const answer = answerWindows(state, nowMs, at);
    const endMs = at ?? Math.max(nowMs, oracle.newestMs);
    for (const channel of oracle.channels()) {
      const { count, sum } = statisticsOf(oracle, channel);
      assert.deepEqual(answer.total[channel], { count, sum });
      for (const [name, spanMs] of Object.entries(windowSpans)) {
        const found = answer.channels[channel]![name]!;
        const last = found.last === null ? null : { ...found.last, value: Number(found.last.value) };
        const expected = oracle.window(channel, endMs, spanMs);
        assertStatistics({ ...found, last }, expected, `${channel} ${name} at ${at}`);
      }
    }
  }
}

function statisticsOf(oracle: Oracle, channel: string): { count: number; sum: number } {
  const values = oracle.values(channel, -Infinity, Infinity);
  return { count: values.length, sum: values.reduce((a, b) => a + b, 0) };
}

/** Compares the five-minute history with the oracle's, in steps of that length. */
export function assertHistory(rig: Rig, oracle: Oracle, stepMs: number): void {
  assertSeries(rig, oracle, stepMs, fiveMinuteHistory);
}

/** The same with the one-minute history, of a rig that keeps it. */
export function assertMinuteHistory(rig: Rig, oracle: Oracle, stepMs: number): void {
  assertSeries(rig, oracle, stepMs, oneMinuteHistory);
}

/** Compares the whole history, ring over stored rows, with the oracle's. The state must be checkpointed. */
function assertSeries(rig: Rig, oracle: Oracle, stepMs: number, resolution: HistoryResolution): void {
  const ring = answerPanes(rig.state, resolution);
  for (const channel of oracle.channels()) {
    const range = { channel, fromMs: 0, toMs: 8e15, stepMs };
    const found = historySeries(resolution, rig.rowsOf(resolution), ring, range);
    const expected = oracle.history(channel, stepMs);
    assert.deepEqual(found.map(({ start }) => start), expected.map(({ start }) => start));
    found.forEach(({ start, ...point }, i) =>
      assertStatistics(point, expected[i]!.statistics, `history of ${channel} at ${start}`)
    );
  }
}
