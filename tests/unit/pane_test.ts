import assert from "node:assert/strict";
import fc from "fast-check";
import {
  addValue,
  emptyPane,
  mergePane,
  type Pane,
  setBooleanPane,
  setConstantPane,
  summarize,
} from "../../actors/analytics/pane.ts";
import { statistics } from "./window_oracle.ts";

const eighths = fc.array(fc.integer({ min: -8000, max: 8000 }).map((n) => n / 8), { maxLength: 50 });

function paneOf(values: readonly number[]): Pane {
  const pane = emptyPane();
  for (const value of values) addValue(pane, value);
  return pane;
}

function merged(...panes: readonly Pane[]): Pane {
  const all = emptyPane();
  for (const pane of panes) mergePane(all, pane);
  return all;
}

function assertSame(found: Pane, expected: Pane): void {
  assert.deepEqual({ ...found, m2: 0 }, { ...expected, m2: 0 });
  assert.ok(Math.abs(found.m2 - expected.m2) <= 1e-9 * (1 + expected.m2), `m2 ${found.m2} ≠ ${expected.m2}`);
}

Deno.test("summarize() equals two passes over the values", () => {
  fc.assert(fc.property(eighths, (values) => {
    const { sum, ...expected } = statistics(values);
    const found = summarize(paneOf(values));
    for (const key of ["stdSample", "stdPopulation"] as const) {
      if (expected[key] === null) assert.equal(found[key], null);
      else assert.ok(Math.abs(found[key]! - expected[key]) < 1e-9 * (1 + expected[key]));
    }
    const without = { stdSample: 0, stdPopulation: 0 };
    assert.deepEqual({ ...found, ...without }, { ...expected, ...without });
    assert.equal(paneOf(values).sum, sum);
  }));
});

Deno.test("mergePane() is associative, commutative, and equals adding all values", () => {
  fc.assert(fc.property(eighths, eighths, eighths, (a, b, c) => {
    const [pa, pb, pc] = [paneOf(a), paneOf(b), paneOf(c)];
    const all = paneOf([...a, ...b, ...c]);
    assertSame(merged(merged(pa, pb), pc), all);
    assertSame(merged(pa, merged(pb, pc)), all);
    assertSame(merged(pc, pa, pb), all);
  }));
});

Deno.test("addValue() keeps a small spread when values are large", () => {
  const values = [1e9, 1e9 + 1, 1e9 + 2];
  assert.ok(Math.abs(summarize(paneOf(values)).stdSample! - 1) < 1e-9);
});

Deno.test("setBooleanPane() and setConstantPane() equal adding the values one by one", () => {
  fc.assert(fc.property(fc.array(fc.boolean(), { maxLength: 40 }), (flags) => {
    const pane = emptyPane();
    setBooleanPane(pane, flags.length, flags.filter((flag) => flag).length);
    assertSame(pane, paneOf(flags.map(Number)));
    setConstantPane(pane, flags.length, 21.5);
    assertSame(pane, paneOf(flags.map(() => 21.5)));
  }));
});

Deno.test("summarize() answers null for what overflows", () => {
  assert.equal(summarize(paneOf([1e308, 1e308])).mean, null);
});
