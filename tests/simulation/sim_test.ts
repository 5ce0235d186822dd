import assert from "node:assert/strict";
import { defaultSetting, simulate } from "../../runtime/simulation/simulate.ts";
import { Trace } from "../../runtime/simulation/trace.ts";
import { World } from "../../runtime/simulation/world.ts";

function play(seed: number, steps = defaultSetting.steps) {
  return simulate({ seed, ...defaultSetting, steps, print: null });
}

Deno.test("simulate() gives the same trace when a seed is played twice", () => {
  for (const seed of [1, 2, 3]) {
    const first = play(seed);
    const second = play(seed);
    assert.deepEqual(second, first, `seed ${seed}`);
  }
});

Deno.test("simulate() gives another trace when the seed is another", () => {
  assert.notEqual(play(1, 100).traceHash, play(2, 100).traceHash);
});

Deno.test("simulate() breaks no oracle when seeds 1 to 50 are played", () => {
  for (let seed = 1; seed <= 50; seed++) {
    const { failure } = play(seed);
    assert.equal(failure?.message, undefined, `deno task sim --seed ${seed}`);
  }
});

/** Why messages die in a run, among other reasons. */
const planned = [
  "threw",
  "suspended",
  "discarded",
  "too-many-local-turns",
  "unknown-kind",
  "invalid",
  "odd",
  "late",
  "killed-host",
];

Deno.test("a World has messages that die for every reason, and that wait and are resumed or discarded, within 50 seeds", () => {
  const reasons = new Set<string>();
  const ends = new Set<string>();
  for (let seed = 1; seed <= 50; seed++) {
    const world = new World({ seed, ...defaultSetting, trace: new Trace(null) });
    for (let step = 0; step < defaultSetting.steps; step++) world.agenda.step();
    for (const { actors, dead } of world.auditor.models) {
      for (const { letter } of dead.values()) reasons.add(letter.reason);
      for (const { versions } of actors.values()) {
        versions.forEach(({ suspended, json }, index) => {
          const before = versions[index - 1];
          if (!before?.suspended || suspended !== null) return;
          if (before.suspended.parked > 0) ends.add(json === before.json ? "discarded" : "resumed");
        });
      }
    }
  }
  assert.deepEqual(new Set(planned).difference(reasons), new Set());
  assert.deepEqual([...ends].sort(), ["discarded", "resumed"]);
});
