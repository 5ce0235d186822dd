import assert from "node:assert/strict";
import fc from "fast-check";
import { judgeSequence, markSequence, noSequence, sequenceWords } from "../../actors/analytics/sequence.ts";

class Window {
  readonly words = new Uint32Array(sequenceWords + 2);
  highest = noSequence;

  see(sequence: number): string {
    const verdict = judgeSequence(this.words, 1, this.highest, sequence);
    if (verdict === "new") this.highest = markSequence(this.words, 1, this.highest, sequence);
    return verdict;
  }
}

Deno.test("judgeSequence() tells new from repeated up to 255 below the highest, and nothing further down", () => {
  const cases: readonly (readonly [readonly number[], string])[] = [
    [[0], "new"],
    [[0, 0], "repeat"],
    [[10, 9], "new"],
    [[300, 45], "new"],
    [[300, 44], "older"],
    [[44, 300, 44], "older"],
    [[45, 300, 45], "repeat"],
    [[300, 301, 45], "older"],
    [[5, 300, 261], "new"],
    [[Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER - 255], "new"],
    [[1, 2 ** 40, 2 ** 40 - 255], "new"],
  ];
  for (const [numbers, expected] of cases) {
    const window = new Window();
    assert.equal(numbers.map((number) => window.see(number)).at(-1), expected, numbers.join(" "));
  }
});

Deno.test("markSequence() lets each number in once, whatever the order, and leaves its neighbours' words alone", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 1500 }), { maxLength: 400, size: "max" }), (numbers) => {
      const window = new Window();
      const seen = new Set<number>();
      for (const number of numbers) {
        const highest = Math.max(noSequence, ...seen);
        const expected = highest - number >= 256 ? "older" : seen.has(number) ? "repeat" : "new";
        assert.equal(window.see(number), expected);
        if (expected === "new") seen.add(number);
      }
      assert.deepEqual([window.words[0], window.words.at(-1)], [0, 0]);
    }),
  );
});
