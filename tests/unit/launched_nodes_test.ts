import assert from "node:assert/strict";
import { exitCodeOf } from "../../actors/cli/launched_nodes.ts";
import { NodesProgress } from "../../actors/cli/nodes_progress.ts";
import type { NodeEnd } from "../../runtime/node/launched_node.ts";

const ended = (exitCode: number): NodeEnd => ({ type: "ended", exitCode });
const neverUp = (exitCode: number | null): NodeEnd => ({ type: "neverUp", exitCode, sentence: "It ended" });

const ends: readonly (readonly [when: string, ends: readonly NodeEnd[], code: number])[] = [
  ["all ended as asked", [ended(0), ended(0)], 0],
  ["one was killed at the deadline of its stop", [ended(0), { type: "killed", sentence: "x" }], 0],
  ["one was refused at the start", [ended(0), neverUp(2)], 2],
  ["one could not start for another reason", [neverUp(null), neverUp(2)], 1],
  ["one died too often", [{ type: "gaveUp", sentence: "x" }, ended(2)], 1],
];

for (const [when, given, code] of ends) {
  Deno.test(`exitCodeOf() is ${code} when ${when}`, () => assert.equal(exitCodeOf(given), code));
}

Deno.test("NodesProgress adds the nodes up, and never goes down when one of them dies", () => {
  const progress = new NodesProgress();
  assert.deepEqual([progress.totals(), progress.actors], [{ accepted: 0, deadLetters: 0 }, null]);
  progress.hear("node-0", { accepted: 5, deadLetters: 1, actors: 3 });
  progress.hear("node-1", { accepted: 7, deadLetters: 0, actors: null });
  progress.hear("node-1", { accepted: 8, deadLetters: 0, actors: null });
  assert.deepEqual([progress.totals(), progress.actors], [{ accepted: 13, deadLetters: 1 }, 3]);
  progress.ended("node-1");
  progress.ended("node-1");
  assert.deepEqual(progress.totals(), { accepted: 13, deadLetters: 1 });
  progress.hear("node-1", { accepted: 2, deadLetters: 1, actors: null });
  assert.deepEqual(progress.totals(), { accepted: 15, deadLetters: 2 });
});
