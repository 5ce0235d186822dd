/** Who takes which dead life out of the nodes' agreement. Numbers in brackets: the guarantees of `lives.ts`. */

import assert from "node:assert/strict";
import { maxDeadLives } from "../../runtime/node/limits.ts";
import { Lives } from "../../runtime/node/lives.ts";

function livesUnderTest(...ready: readonly string[]) {
  const told: string[] = [];
  const lives = new Lives({ tell: (to, dead) => void told.push(`${to} evicts ${dead}`) });
  for (const name of ready) {
    assert.deepEqual(lives.begin(name), []);
    lives.isReady(name);
  }
  return { lives, told };
}

Deno.test("Lives tells one ready life of each that died (1)", () => {
  const { lives, told } = livesUnderTest("a", "b", "c");
  lives.died("a");
  assert.deepEqual(told, ["b evicts a"]);
});

Deno.test("Lives tells another when the one that was told ends before it answered (1)", () => {
  const { lives, told } = livesUnderTest("a", "b", "c");
  lives.died("a");
  lives.died("b");
  assert.deepEqual(told.toSorted(), ["b evicts a", "c evicts a", "c evicts b"]);
  lives.isOut("a");
  lives.isOut("b");
  lives.ended("c");
  assert.equal(told.length, 3);
  assert.deepEqual(lives.begin("d"), [], "nobody is left to be taken out");
});

Deno.test("Lives tells the next that is ready when none was (1)", () => {
  const { lives, told } = livesUnderTest("a");
  lives.begin("b");
  lives.died("a");
  assert.deepEqual(told, []);
  lives.isReady("b");
  assert.deepEqual(told, ["b evicts a"]);
});

Deno.test("Lives gives the dead to the life that begins, which has dealt with them when it is ready (2)", () => {
  const { lives, told } = livesUnderTest("a");
  lives.died("a");
  assert.deepEqual(lives.begin("a2"), ["a"]);
  lives.died("a2");
  assert.deepEqual(lives.begin("a3"), ["a", "a2"], "one that died while it started may have dealt with none");
  lives.isReady("a3");
  assert.deepEqual(lives.begin("a4"), []);
  assert.deepEqual(told, []);
});

Deno.test("Lives takes nobody out that ended in order", () => {
  const { lives, told } = livesUnderTest("a", "b");
  lives.ended("a");
  assert.deepEqual(told, []);
  assert.equal(lives.hasReady, true);
  lives.ended("b");
  assert.equal(lives.hasReady, false);
  assert.deepEqual(lives.begin("c"), []);
});

Deno.test("Lives remembers the last dead, and no more than its bound (3)", () => {
  const { lives } = livesUnderTest();
  for (let i = 0; i <= maxDeadLives; i++) lives.died(`${i}`);
  const dead = lives.begin("next");
  assert.equal(dead.length, maxDeadLives);
  assert.deepEqual([dead[0], dead.at(-1)], ["1", `${maxDeadLives}`]);
});
