import assert from "node:assert/strict";
import { maxRepeatKinds, quietMs, repeatWindowMs } from "../../runtime/node/limits.ts";
import type { Notice } from "../../runtime/node/notice.ts";
import { Repeats } from "../../runtime/node/repeats.ts";
import { Trouble } from "../../runtime/node/trouble.ts";

class Rig {
  nowMs = 0;
  readonly told: Notice[] = [];
  readonly repeats = new Repeats({ nowMs: () => this.nowMs }, (notice) => this.told.push(notice));

  add(message: string, more: Partial<Notice> = {}): this {
    this.repeats.add({ level: "warn", component: "gateway", event: "failed", message, ...more });
    return this;
  }

  get messages(): string[] {
    return this.told.map(({ message }) => message);
  }
}

Deno.test("Repeats tells the first of a kind at once, and counts the others until the window's end", () => {
  const rig = new Rig();
  for (let n = 0; n < 38; n++) rig.add(`failure ${n}`);
  assert.deepEqual(rig.messages, ["failure 0"]);
  rig.nowMs = repeatWindowMs - 1;
  rig.repeats.check();
  assert.equal(rig.told.length, 1);
  rig.nowMs = repeatWindowMs;
  rig.repeats.check();
  assert.equal(rig.messages[1], "failure 37 (repeated 37 times in 60 s)");
  assert.deepEqual(rig.told[1]?.fields, { repeated: 37, repeatedS: 60 });
  rig.add("again");
  assert.equal(rig.told.length, 2, "it goes on: one line a window");
  rig.nowMs += 2 * repeatWindowMs;
  rig.repeats.check();
  assert.equal(rig.messages[2], "again (repeated once more in 120 s)");
  rig.nowMs += repeatWindowMs;
  rig.repeats.check();
  rig.add("anew");
  assert.equal(rig.messages[3], "anew", "after a quiet window it is the first again");
});

Deno.test("Repeats tells kinds apart by component, event and likeness", () => {
  const rig = new Rig();
  rig.add("a").add("b", { like: "full" }).add("c", { event: "other" }).add("d", { component: "log" });
  rig.add("e", { like: "full" });
  assert.deepEqual(rig.messages, ["a", "b", "c", "d"]);
});

Deno.test("Repeats counts as many as a notice tells of", () => {
  const rig = new Rig();
  rig.add("one", { times: 5 }).add("two", { times: 7 }).add("three");
  rig.repeats.close();
  assert.equal(rig.messages[1], "three (repeated 8 times in 1 s)");
});

Deno.test("Repeats tells what is for debugging as it comes", () => {
  const rig = new Rig();
  rig.add("a", { level: "debug" }).add("a", { level: "debug" });
  assert.equal(rig.told.length, 2);
});

Deno.test("Repeats has a bound for what it tells apart", () => {
  const rig = new Rig();
  for (let n = 0; n < 2 * maxRepeatKinds; n++) rig.add("m", { like: `${n}` });
  assert.equal(rig.told.length, maxRepeatKinds + 1);
});

Deno.test("Trouble and Repeats tell of an outage once, of its end, and of the next outage at once", () => {
  const rig = new Rig();
  const trouble = new Trouble({
    clock: { nowMs: () => rig.nowMs },
    component: "gateway",
    event: "append-failed",
    end: "It works again.",
    report: (notice) => rig.repeats.add(notice),
  });
  trouble.succeeded();
  trouble.failed("full", "The disk is full.");
  trouble.failed("full", "The disk is full.");
  rig.nowMs = quietMs - 1;
  trouble.succeeded();
  assert.deepEqual(rig.messages, ["The disk is full."]);
  trouble.failed("lost", "The disk is gone.");
  rig.nowMs += quietMs;
  trouble.succeeded();
  trouble.succeeded();
  trouble.failed("full", "The disk is full.");
  assert.deepEqual(rig.messages, [
    "The disk is full.",
    "The disk is gone.",
    "The disk is full. (repeated once more in 10 s)",
    "It works again.",
    "The disk is full.",
  ]);
});
