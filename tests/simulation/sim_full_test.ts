import assert from "node:assert/strict";
import type { Oracle } from "../../runtime/simulation/oracle_error.ts";
import { type PlantName, plantNames } from "../../runtime/simulation/plants.ts";
import { defaultSetting, simulate } from "../../runtime/simulation/simulate.ts";
import { failureReport } from "../../runtime/simulation/report.ts";
import { shrink } from "../../runtime/simulation/shrink.ts";
import { playSeeds } from "../../runtime/simulation/sweep.ts";

const seeds = 2000;
const plantSeeds = 500;

/** The first oracle that can see the bug, and others that may see it before. */
const seenBy: Record<PlantName, readonly Oracle[]> = {
  "position-before-snapshot": ["state", "timers", "queries"],
  "dedupe-off": ["state", "queries", "dead-letters", "outbox", "timers"],
  "outbox-before-commit": ["visibility"],
  "epoch-unchecked": ["one-owner"],
  "replay-out-of-order": ["state", "timers", "queries", "dead-letters", "outbox", "refused", "stuck"],
  "credit-leak": ["stuck"],
  "intensity-off-by-one": ["restarts"],
  "claim-unasked": ["agreement"],
  "claim-unconditional": ["agreement"],
  "memory-outlives-loss": ["state", "timers", "queries", "dead-letters", "outbox"],
  "end-unasked": ["queries"],
  "timer-lost-on-eviction": ["timers", "state", "queries", "stuck", "outbox", "dead-letters"],
};

Deno.test(`playSeeds() breaks no oracle when seeds 1 to ${seeds} are played`, async () => {
  const { played, failure } = await playSeeds({
    firstSeed: 1,
    seeds,
    setting: defaultSetting,
    threads: navigator.hardwareConcurrency,
  });
  if (failure?.failure) {
    assert.fail(failureReport(shrink({ ...failure, failure: failure.failure, setting: defaultSetting })));
  }
  assert.equal(played, seeds);
});

for (const plant of plantNames) {
  Deno.test(`simulate() finds the bug within ${plantSeeds} seeds when "${plant}" is planted`, () => {
    for (let seed = 1; seed <= plantSeeds; seed++) {
      const { failure } = simulate({ seed, ...defaultSetting, plant, print: null });
      if (failure === null) continue;
      assert.ok(
        seenBy[plant].includes(failure.oracle),
        `seed ${seed}: ${failure.oracle}: ${failure.message}`,
      );
      return;
    }
    assert.fail(`"${plant}" was not found in ${plantSeeds} seeds`);
  });
}
