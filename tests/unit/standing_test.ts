/** What a member of the group may say that it has, by the numbers of the guarantees. */

import assert from "node:assert/strict";
import { rejoinMs, silenceMs } from "../../runtime/log/kafka/limits.ts";
import { Standing } from "../../runtime/log/kafka/standing.ts";

const shards = 8;

Deno.test("Standing numbers agreements, and keeps what it has while it hears of the group (1)", () => {
  const standing = new Standing(shards);
  assert.equal(standing.look(1e9), null, "it says nothing before it joined");
  assert.deepEqual(standing.joined([1, 2], 30, 0), { number: 1, own: [1, 2], durationMs: 30 });
  for (let nowMs = 0; nowMs < 3 * silenceMs; nowMs += silenceMs / 2) {
    assert.equal(standing.heard(4, nowMs), null);
    assert.equal(standing.look(nowMs + silenceMs / 2), null);
  }
  assert.deepEqual(standing.joined([2], 40, 3 * silenceMs), { number: 2, own: [2], durationMs: 40 });
});

Deno.test("Standing has nothing when it was told that it is no member and does not come back (2)", () => {
  const standing = new Standing(shards);
  standing.joined([1], 0, 0);
  standing.left(100);
  assert.equal(standing.look(100 + rejoinMs - 1), null);
  assert.deepEqual(standing.look(100 + rejoinMs), { number: 2, own: [], durationMs: 0 });
  assert.equal(standing.look(1e9), null, "it says so once");
  assert.deepEqual(standing.joined([3], 5, 1e9), { number: 3, own: [3], durationMs: 5 });
});

Deno.test("Standing keeps what it is given again in time (2)", () => {
  const standing = new Standing(shards);
  standing.joined([1], 0, 0);
  standing.left(100);
  standing.joined([1], 0, 100 + rejoinMs - 1);
  assert.equal(standing.look(100 + rejoinMs), null);
});

Deno.test("Standing has nothing after a silence, and the same again when it is still a member (2, 3)", () => {
  const standing = new Standing(shards);
  standing.joined([1, 5], 0, 0);
  standing.heard(7, 1000);
  assert.equal(standing.look(1000 + silenceMs - 1), null);
  assert.deepEqual(standing.look(1000 + silenceMs)?.own, []);
  assert.deepEqual(standing.heard(7, 2 * silenceMs), { number: 3, own: [1, 5], durationMs: 0 });
});

Deno.test("Standing keeps all shards through a silence, until it is told that it is no member (2)", () => {
  const standing = new Standing(3);
  standing.joined([0, 1, 2], 0, 0);
  assert.equal(standing.look(100 * silenceMs), null);
  standing.left(100 * silenceMs);
  assert.equal(standing.look(100 * silenceMs + rejoinMs - 1), null);
  assert.deepEqual(standing.look(100 * silenceMs + rejoinMs)?.own, []);
});

Deno.test("Standing tells what it had last and since when, also while it has nothing", () => {
  const standing = new Standing(shards);
  standing.joined([1], 0, 0);
  assert.equal(standing.generation, 1, "at least: nobody has told");
  standing.heard(9, 0);
  standing.joined([2], 0, 0);
  assert.equal(standing.generation, 10);
  standing.left(0);
  standing.look(rejoinMs);
  assert.deepEqual(standing.own, [2]);
});
