import assert from "node:assert/strict";
import { defaultSteps, simulate } from "../../runtime/simulation/simulate.ts";

function play(seed: number, steps = defaultSteps) {
  return simulate({ seed, steps, plant: null, print: null });
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
