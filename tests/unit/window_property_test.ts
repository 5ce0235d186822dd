/** Invariants of the window component under random readings, checkpoints, cold rows and restores. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { fiveMinuteHistory, oneMinuteHistory } from "../../actors/analytics/resolution.ts";
import { answerPanes, answerState, answerWindows } from "../../actors/analytics/window_answer.ts";
import type { Values } from "../../actors/analytics/window_state.ts";
import { Oracle } from "./window_oracle.ts";
import { assertAnswers, assertHistory, assertMinuteHistory, Rig } from "./window_rig.ts";

const minute = 60_000;
const hour = 60 * minute;

const seed = Math.floor(Math.random() * 0x7fffffff);
console.log(`window_property_test: seed ${seed}`);

type Step =
  /** Log time moves by `passMs`, then a reading of `offsetMs` relative to it arrives. */
  | {
    readonly type: "reading";
    readonly passMs: number;
    readonly offsetMs: number | null;
    readonly roundMs: number;
    readonly seq: number | null;
    readonly values: Values;
    readonly isImport: boolean;
  }
  | { readonly type: "checkpoint"; readonly cold: "due" | "always" | "never"; readonly restore: boolean };

const eighths = fc.integer({ min: -4000, max: 4000 }).map((n) => n / 8);

const someValues: fc.Arbitrary<Values> = fc.record(
  {
    steady: fc.constantFrom(...new Array(30).fill(0.125), 7),
    flag: fc.boolean(),
    temperature: eighths,
    mixed: fc.oneof(fc.boolean(), eighths),
    constructor: eighths,
  },
  { requiredKeys: [] },
).map((values) => Object.keys(values).length === 0 ? { steady: 0.125 } : values);

const reading: fc.Arbitrary<Step> = fc.record({
  type: fc.constant("reading" as const),
  passMs: fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 0, max: 2 * minute }) },
    { weight: 3, arbitrary: fc.integer({ min: 0, max: 40 * minute }) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 14 * hour }) },
  ),
  offsetMs: fc.oneof(
    { weight: 2, arbitrary: fc.constant(null) },
    { weight: 5, arbitrary: fc.integer({ min: -minute, max: 5 * minute }) },
    { weight: 3, arbitrary: fc.integer({ min: -90 * minute, max: 0 }) },
    { weight: 3, arbitrary: fc.integer({ min: -13 * hour, max: 0 }) },
    { weight: 1, arbitrary: fc.integer({ min: -80 * hour, max: 0 }) },
    { weight: 1, arbitrary: fc.integer({ min: 4 * minute, max: 7 * minute }) },
  ),
  roundMs: fc.constantFrom(1, 1, 1000, minute, 5 * minute, 15 * minute, hour),
  seq: fc.oneof(fc.constant(null), fc.integer({ min: 0, max: 700 })),
  values: someValues,
  isImport: fc.boolean(),
});

const checkpoint: fc.Arbitrary<Step> = fc.record({
  type: fc.constant("checkpoint" as const),
  cold: fc.constantFrom("due", "always", "never"),
  restore: fc.boolean(),
});

const steps = fc.array(
  fc.oneof({ weight: 6, arbitrary: reading }, { weight: 1, arbitrary: checkpoint }),
  { minLength: 1, maxLength: 200, size: "max" },
);

const startMs = Date.UTC(2026, 0, 31, 11, 58);

interface Run {
  readonly oracle: Oracle;
  readonly nowMs: number;
}

/** Values whose sums round, so that the order of additions shows. */
function tenths(values: Values): Values {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, typeof value === "number" ? value * 0.8 : value]),
  );
}

/** Performs the steps on all rigs alike; `afterCheckpoint` is called after each checkpoint. */
function perform(
  script: readonly Step[],
  rigs: readonly Rig[],
  afterCheckpoint: (step: Extract<Step, { type: "checkpoint" }>) => void,
  change: (values: Values) => Values = (values) => values,
): Run {
  const oracle = new Oracle();
  let nowMs = startMs;
  for (const step of script) {
    if (step.type === "reading") {
      nowMs += step.passMs;
      const wanted = step.offsetMs === null ? null : nowMs + step.offsetMs;
      const ts = wanted === null ? null : Math.floor(wanted / step.roundMs) * step.roundMs;
      const { seq, isImport } = step;
      const sent = { ts, seq, values: change(step.values), isImport, nowMs };
      oracle.send(sent);
      for (const rig of rigs) rig.send(sent);
    } else {
      for (const rig of rigs) rig.checkpoint(nowMs, step.cold);
      afterCheckpoint(step);
    }
  }
  return { oracle, nowMs };
}

Deno.test("windows, totals and history equal a plain recomputation whatever the order of readings", () => {
  fc.assert(
    fc.property(steps, fc.array(fc.integer({ min: 0, max: 15 * hour }), { maxLength: 4 }), (script, ages) => {
      const rig = new Rig();
      const selected = new Rig(true);
      const both = [rig, selected];
      const { oracle, nowMs } = perform(script, both, ({ restore }) => {
        if (restore) { for (const each of both) each.restore(); }
      });
      assertAnswers(rig, oracle, nowMs, ages.flatMap((age) => [nowMs - age, nowMs + age]));
      for (const each of both) each.checkpoint(nowMs);
      for (const stepMs of [5 * minute, 15 * minute, hour]) assertHistory(rig, oracle, stepMs);
      for (const stepMs of [minute, 2 * minute, 15 * minute]) assertMinuteHistory(selected, oracle, stepMs);
      assert.deepEqual(selected.rowsOf(fiveMinuteHistory), rig.rowsOf(fiveMinuteHistory));
      assert.deepEqual(
        [selected.hot, selected.cold],
        [rig.hot, rig.cold],
        "minutes change the history alone",
      );
      assert.deepEqual(rig.rowsOf(oneMinuteHistory), [], "minutes are kept for selected actors alone");
    }),
    { seed, numRuns: 60 },
  );
});

Deno.test("decodeState(encode) is the live state, to the last bit, wherever checkpoints and cold rows fall", () => {
  fc.assert(
    fc.property(steps, fc.boolean(), (script, keepsMinutes) => {
      const live = new Rig(keepsMinutes);
      const restored = new Rig(keepsMinutes);
      const { nowMs } = perform(script, [live, restored], ({ restore }) => {
        assert.deepEqual(restored.hot, live.hot);
        assert.deepEqual(restored.cold, live.cold);
        if (restore) restored.restore();
      }, tenths);
      for (const rig of [live, restored]) rig.checkpoint(nowMs, "always");
      assert.deepEqual(restored.hot, live.hot);
      assert.deepEqual(restored.cold, live.cold);
      assert.deepEqual(restored.rows, live.rows);
      const { memoryBytes: _, ...overview } = answerState(live.state);
      const { memoryBytes: __, ...restoredOverview } = answerState(restored.state);
      assert.deepEqual(restoredOverview, overview);
      assert.deepEqual(answerWindows(restored.state, nowMs, null), answerWindows(live.state, nowMs, null));
      for (const resolution of [fiveMinuteHistory, oneMinuteHistory]) {
        assert.deepEqual(answerPanes(restored.state, resolution), answerPanes(live.state, resolution));
      }
    }),
    { seed, numRuns: 80 },
  );
});

Deno.test("a state gives all its blocks back when it is released", () => {
  fc.assert(
    fc.property(steps, (script) => {
      const rig = new Rig();
      perform(script, [rig], ({ restore }) => restore && rig.restore());
      rig.definition.state.release!(rig.state);
      assert.equal(rig.pool.usedBytes, 0);
    }),
    { seed, numRuns: 40 },
  );
});
