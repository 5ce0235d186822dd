import assert from "node:assert/strict";
import { failureReport, replayCommand } from "../../runtime/simulation/report.ts";
import { type FailedRun, playFailing, shrink } from "../../runtime/simulation/shrink.ts";
import { defaultSetting, type RunSetting } from "../../runtime/simulation/simulate.ts";

const planted: RunSetting = { ...defaultSetting, plant: "position-before-snapshot" };

function firstFailing(setting: RunSetting): FailedRun {
  for (let seed = 1; seed <= 50; seed++) {
    const run = playFailing(seed, setting);
    if (run !== null) return run;
  }
  assert.fail("No seed up to 50 breaks an oracle");
}

Deno.test("shrink() leaves a shorter run of the same seed that breaks the same oracle, and one step less does not", () => {
  const run = firstFailing(planted);
  const shrunk = shrink(run);
  assert.equal(shrunk.seed, run.seed);
  assert.equal(shrunk.failure.oracle, run.failure.oracle);
  assert.ok(shrunk.setting.steps < run.failure.events, `${shrunk.setting.steps} steps`);
  assert.deepEqual(playFailing(shrunk.seed, shrunk.setting), shrunk);
  const shorter = playFailing(shrunk.seed, { ...shrunk.setting, steps: shrunk.setting.steps - 1 });
  assert.notEqual(shorter?.failure.oracle, run.failure.oracle);
});

Deno.test("failureReport() ends with the command that plays the run again", () => {
  const run = firstFailing(planted);
  const setting: RunSetting = { ...planted, steps: 57, without: ["slow", "moves"] };
  const told = { ...run, seed: 3, setting };
  assert.equal(
    replayCommand(told),
    "deno task sim --seed 3 --steps 57 --without slow,moves --plant position-before-snapshot --trace",
  );
  const report = failureReport(told);
  assert.ok(report.startsWith(run.failure.trace[0] ?? "none"));
  assert.ok(report.includes(`seed 3: the oracle "${run.failure.oracle}" is broken\n${run.failure.message}`));
  assert.ok(report.endsWith(replayCommand(told)));
  assert.equal(replayCommand({ ...run, seed: 9, setting: defaultSetting }), "deno task sim --seed 9 --trace");
});
