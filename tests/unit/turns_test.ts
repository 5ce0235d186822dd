import assert from "node:assert/strict";
import { turnSliceMs } from "../../actors/http/limits.ts";
import { ProblemError } from "../../actors/http/problem.ts";
import { Turns } from "../../actors/http/turns.ts";

const maxWaitMs = 1000;
const isOverloaded = (thrown: unknown) => thrown instanceof ProblemError && thrown.code === "overloaded";

/** Turns by a clock that only work moves, or the test. */
async function withTurns(test: (turns: Turns, clock: { nowMs: number }) => Promise<void>): Promise<void> {
  const clock = { nowMs: 50 };
  await test(new Turns(maxWaitMs, () => clock.nowMs), clock);
}

const nextTurnOfLoop = () => new Promise((resolve) => setImmediate(resolve));

Deno.test("take() works at once while a slice lasts, and gives what the work gives or throws", () =>
  withTurns(async (turns) => {
    const done: number[] = [];
    const taken = [turns.take(() => done.push(1)), turns.take(() => done.push(2))];
    assert.deepEqual(done, [1, 2]);
    assert.deepEqual(await Promise.all(taken), [1, 2]);
    const failure = turns.take(() => {
      throw new Error("bad");
    });
    await assert.rejects(failure, /^Error: bad$/);
  }));

Deno.test("take() keeps the order, and lets others have their turn after each slice", () =>
  withTurns(async (turns, clock) => {
    const done: string[] = [];
    const work = (name: string) => () => {
      clock.nowMs += turnSliceMs;
      done.push(name);
    };
    const all = Promise.all(["a", "b", "c", "d"].map((name) => turns.take(work(name))));
    await nextTurnOfLoop();
    done.push("a read");
    await all;
    assert.deepEqual(done.filter((name) => name !== "a read"), ["a", "b", "c", "d"]);
    assert.ok(done.indexOf("a read") < 3, done.join());
  }));

Deno.test("check() refuses while the first in line has waited too long", () =>
  withTurns(async (turns, clock) => {
    const first = turns.take(() => clock.nowMs += turnSliceMs);
    const second = turns.take(() => {});
    clock.nowMs += maxWaitMs;
    turns.check();
    clock.nowMs += 1;
    assert.throws(() => turns.check(), isOverloaded);
    await Promise.all([first, second]);
    turns.check();
  }));

Deno.test("take() refuses one whose turn comes too late, and works on for those behind it", () =>
  withTurns(async (turns, clock) => {
    const first = turns.take(() => clock.nowMs += turnSliceMs);
    const late = turns.take(() => assert.fail("it was refused"));
    clock.nowMs += maxWaitMs;
    const behind = turns.take(() => "done");
    clock.nowMs += maxWaitMs + 1;
    await first;
    await assert.rejects(late, isOverloaded);
    assert.equal(await behind, "done");
  }));
