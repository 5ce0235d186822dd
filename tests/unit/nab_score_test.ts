import assert from "node:assert/strict";
import { normalized, probationRows, profiles, scoreFile, standard } from "../bench/anomaly/nab_score.ts";

/** 1,000 rows: 150 of them probation, one window of 101. */
const rows = 1000;
const window = { from: 400, to: 500 };
/** σ(y) of the paper without its weights: 2 / (1 + e^5y) − 1. */
const atLeftEdge = 0.9866142981514305;

function raw(detections: readonly number[], windows = [window]): number {
  return scoreFile(rows, windows, detections, standard).raw;
}

function near(found: number, expected: number): void {
  assert.ok(Math.abs(found - expected) < 1e-9, `${found} ≠ ${expected}`);
}

Deno.test("scoreFile() gives 1 at a window's left edge, less further in, and near 0 at its right edge", () => {
  near(raw([400]), 1);
  // Row 450 and those behind it are 51 of the window's 101 rows; row 500 is the last.
  near(raw([450]), (2 / (1 + Math.exp(-5 * 51 / 101)) - 1) / atLeftEdge);
  near(raw([500]), (2 / (1 + Math.exp(-5 / 101)) - 1) / atLeftEdge);
});

Deno.test("scoreFile() counts the first detection in a window alone", () => {
  near(raw([410, 411, 450, 500]), raw([410]));
});

Deno.test("scoreFile() takes 1 for a window without a detection, 2 where false negatives weigh more", () => {
  near(raw([]), -1);
  const [, , rewardLowFn] = profiles;
  near(scoreFile(rows, [window], [], rewardLowFn!).raw, -2);
});

Deno.test("scoreFile() takes 0.11 for a detection that no window came before", () => {
  near(raw([300], []), -0.11);
  near(raw([300, 400]), 1 - 0.11);
});

Deno.test("scoreFile() takes less shortly after a window, and all of it three lengths behind", () => {
  near(raw([400, 501]), 1 + 0.11 * (2 / (1 + Math.exp(5 / 100)) - 1));
  near(raw([400, 550]), 1 + 0.11 * (2 / (1 + Math.exp(2.5)) - 1));
  near(raw([400, 801]), 1 - 0.11);
});

Deno.test("scoreFile() measures a false alarm from the last window before it", () => {
  const windows = [window, { from: 900, to: 920 }];
  near(raw([400, 700, 900], windows), 2 + 0.11 * (2 / (1 + Math.exp(10)) - 1));
});

Deno.test("scoreFile() ignores what is detected in the probation", () => {
  near(raw([0, 149], []), 0);
  near(raw([150], []), -0.11);
});

Deno.test("scoreFile() counts windows, those detected, and false positives", () => {
  const { windows, detected, falsePositives } = scoreFile(rows, [window], [10, 200, 450, 460, 600], standard);
  assert.deepEqual({ windows, detected, falsePositives }, { windows: 1, detected: 1, falsePositives: 2 });
});

Deno.test("probationRows() is 15 % of a file, and at most 750 rows", () => {
  assert.deepEqual([1127, 4032, 5000, 22695].map(probationRows), [169, 604, 750, 750]);
});

Deno.test("normalized() is 0 for a silent detector and 100 for a perfect one, in every profile", () => {
  for (const profile of profiles) {
    const windows = [window, { from: 700, to: 800 }];
    const score = (detections: readonly number[]) =>
      normalized([scoreFile(rows, windows, detections, profile), scoreFile(rows, [], [], profile)], profile);
    near(score([]), 0);
    near(score([400, 700]), 100);
  }
});

Deno.test("normalized() scales by the profile's weights", () => {
  // One window of two found at once, one false alarm before them: 1 − 1 − 0.11 on a scale from −2 to 2.
  const score = normalized(
    [scoreFile(rows, [window, { from: 700, to: 800 }], [200, 400], standard)],
    standard,
  );
  near(score, 100 * (1 - 1 - 0.11 + 2) / 4);
});

Deno.test("normalized() refuses files without a window", () => {
  assert.throws(() => normalized([scoreFile(rows, [], [], standard)], standard), RangeError);
});
