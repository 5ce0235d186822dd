/** OTP's documented rules, one by one. The numbers are those of `supervision.ts` and `restart_policy.ts`. */

import assert from "node:assert/strict";
import { InvariantError } from "../../runtime/core/errors.ts";
import { Backoff, RestartIntensity } from "../../runtime/core/restart_policy.ts";
import { Supervision } from "../../runtime/core/supervision.ts";
import type {
  ChildSpec,
  End,
  Strategy,
  SupervisionAction,
  SupervisionEvent,
  SupervisorSpec,
} from "../../runtime/core/supervision_api.ts";

type Restart = ChildSpec["restart"];

const backoff = { firstMs: 100, maxMs: 1000, jitter: 0, healthyMs: 60_000 };
const normal: End = { reason: "normal", sentence: "It is done." };
const failed: End = { reason: "failed", sentence: "It broke." };

/** A supervisor whose actions are shown as words: "start a", "stop b", "a pauses 100", "ended failed". */
class Rig {
  readonly core: Supervision;
  nowMs = 0;

  /** `children` are ids; of those in `restarts`, not permanent. */
  constructor(children: string, spec: Partial<SupervisorSpec> = {}, restarts: Record<string, Restart> = {}) {
    const specs = [...children].map((id) => child(id, restarts[id]));
    const intensity = { restarts: 5, withinMs: 1000 };
    const strategy = "one_for_one";
    this.core = new Supervision({ id: "s", strategy, intensity, backoff, children: specs, ...spec });
  }

  send(event: SupervisionEvent): string[] {
    return this.core.handle(event, this.nowMs, 0).map(words);
  }

  /** Started, with every child running. */
  up(): this {
    this.send({ type: "start" });
    for (const { id } of this.core.snapshot().children) this.started(id);
    return this;
  }

  started(id: string): string[] {
    return this.send({ type: "childStarted", id });
  }

  ended(id: string, end = failed): string[] {
    return this.send({ type: "childEnded", id, end });
  }

  /** Time passes, and the timer that is due is told of. */
  wake(afterMs: number): string[] {
    this.nowMs += afterMs;
    return this.send({ type: "wake" });
  }

  state(id: string): string | undefined {
    return this.core.snapshot().children.find((each) => each.id === id)?.state;
  }
}

function child(id: string, restart: Restart = "permanent"): ChildSpec {
  return { id, restart, startMs: 1000, stopMs: 500 };
}

function words(action: SupervisionAction): string {
  switch (action.type) {
    case "startChild":
      return `start ${action.id}`;
    case "stopChild":
      return `stop ${action.id}`;
    case "killChild":
      return `kill ${action.id}`;
    case "childFailed":
      return `${action.id} pauses ${action.pauseMs}`;
    case "childFinished":
      return `finished ${action.id}`;
    case "childRemoved":
      return `removed ${action.id}`;
    case "started":
      return "started";
    case "ended":
      return `ended ${action.end.reason}`;
  }
}

Deno.test("1, 2: children start in order, one after another, and stop in reverse order", () => {
  const rig = new Rig("abc");
  assert.deepEqual(rig.send({ type: "start" }), ["start a"]);
  assert.deepEqual(rig.started("a"), ["start b"]);
  assert.deepEqual(rig.started("b"), ["start c"]);
  assert.deepEqual(rig.started("c"), ["started"]);
  assert.deepEqual(rig.send({ type: "stop" }), ["stop c"]);
  assert.deepEqual(rig.ended("c", normal), ["stop b"]);
  assert.deepEqual(rig.ended("b", normal), ["stop a"]);
  assert.deepEqual(rig.ended("a", normal), ["ended normal"]);
});

Deno.test("1: a supervisor without children has started at once, and ends at once", () => {
  const rig = new Rig("");
  assert.deepEqual(rig.send({ type: "start" }), ["started"]);
  assert.equal(rig.core.wakeAtMs, null);
  assert.deepEqual(rig.send({ type: "stop" }), ["ended normal"]);
  assert.deepEqual(rig.send({ type: "stop" }), []);
});

Deno.test("2: a child that outlives its stop's deadline is killed, and its end is waited for", () => {
  const rig = new Rig("ab").up();
  assert.deepEqual(rig.send({ type: "stop" }), ["stop b"]);
  assert.equal(rig.core.wakeAtMs, 500);
  assert.deepEqual(rig.wake(499), []);
  assert.deepEqual(rig.wake(1), ["kill b"]);
  assert.deepEqual(rig.wake(100_000), []);
  assert.equal(rig.state("b"), "killing");
  assert.deepEqual(rig.ended("b"), ["stop a"]);
});

Deno.test("2, 3: a start that outlives its deadline is stopped, killed, and is a failure when it has ended", () => {
  const rig = new Rig("a").up();
  rig.ended("a");
  assert.deepEqual(rig.wake(100), ["start a"]);
  assert.deepEqual(rig.wake(1000), ["stop a"]);
  assert.deepEqual(rig.wake(500), ["kill a"]);
  assert.deepEqual(rig.ended("a", normal), ["a pauses 200"]);
  assert.equal(rig.core.snapshot().children[0]?.lastError, "Its start took longer than 1000 ms.");
});

Deno.test("2: a killed supervisor kills all its children at once, and ends as failed when they have", () => {
  const rig = new Rig("ab").up();
  assert.deepEqual(rig.send({ type: "kill" }), ["kill b", "kill a"]);
  assert.deepEqual(rig.ended("a"), []);
  assert.deepEqual(rig.ended("b"), ["ended failed"]);
});

Deno.test("3: permanent, transient and temporary children restart, finish or are removed by how they end", () => {
  const cases: readonly (readonly [Restart, End, readonly string[]])[] = [
    ["permanent", normal, ["a pauses 100"]],
    ["permanent", failed, ["a pauses 100"]],
    ["transient", normal, ["finished a"]],
    ["transient", failed, ["a pauses 100"]],
    ["temporary", normal, ["finished a", "removed a"]],
    ["temporary", failed, ["finished a", "removed a"]],
  ];
  for (const [restart, end, expected] of cases) {
    const rig = new Rig("a", {}, { a: restart }).up();
    assert.deepEqual(rig.ended("a", end), expected, `${restart}, ${end.reason}`);
    const isRestarted = expected[0] === "a pauses 100";
    assert.deepEqual(rig.wake(100), isRestarted ? ["start a"] : []);
  }
});

Deno.test("3: an end that was asked for is no failure, whatever its reason", () => {
  const rig = new Rig("ab", { intensity: { restarts: 0, withinMs: 1000 } }).up();
  assert.deepEqual(rig.send({ type: "removeChild", id: "a" }), ["stop a"]);
  assert.deepEqual(rig.ended("a"), ["removed a"]);
  rig.send({ type: "stop" });
  assert.deepEqual(rig.ended("b"), ["ended normal"]);
});

Deno.test("3, 4: a sibling that fails while it waits to be stopped with its group is no second failure", () => {
  const rig = new Rig("abc", { strategy: "one_for_all", intensity: { restarts: 1, withinMs: 1000 } }).up();
  assert.deepEqual(rig.ended("c"), ["c pauses 100", "stop b"]);
  assert.deepEqual(rig.ended("a"), []);
  assert.deepEqual(rig.ended("b", normal), []);
  assert.deepEqual(rig.wake(100), ["start a"]);
});

Deno.test("4: each strategy stops its group in reverse order, and starts it in order after the backoff", () => {
  const cases: readonly (readonly [Strategy, string])[] = [
    ["one_for_one", "b"],
    ["one_for_all", "abcd"],
    ["rest_for_one", "bcd"],
  ];
  for (const [strategy, group] of cases) {
    const rig = new Rig("abcd", { strategy }).up();
    const done = rig.ended("b");
    for (const id of [...group].reverse()) if (id !== "b") done.push(...rig.ended(id, normal));
    const stops = [...group].reverse().filter((id) => id !== "b").map((id) => `stop ${id}`);
    assert.deepEqual(done, ["b pauses 100", ...stops], strategy);
    assert.deepEqual(rig.wake(99), []);
    const starts = rig.wake(1);
    for (const id of group) starts.push(...rig.started(id));
    assert.deepEqual(starts, [...group].map((id) => `start ${id}`), strategy);
  }
});

Deno.test("4: with its group, a temporary child is removed, and a transient one that had finished starts again", () => {
  const rig = new Rig("abcd", { strategy: "one_for_all" }, { b: "temporary", c: "transient", d: "transient" })
    .up();
  rig.ended("c", normal);
  assert.deepEqual(rig.ended("a"), ["a pauses 100", "stop d"]);
  assert.deepEqual(rig.ended("d", normal), ["stop b"]);
  assert.deepEqual(rig.ended("b", normal), ["removed b"]);
  assert.deepEqual(rig.wake(100), ["start a"]);
  assert.deepEqual(rig.started("a"), ["start c"]);
  assert.deepEqual(rig.started("c"), ["start d"]);
});

Deno.test("4: a restart that fails counts again, pauses longer, and takes its group down again", () => {
  const rig = new Rig("ab", { strategy: "one_for_all", intensity: { restarts: 2, withinMs: 1000 } }).up();
  rig.ended("b");
  rig.ended("a", normal);
  rig.wake(100);
  assert.deepEqual(rig.started("a"), ["start b"]);
  assert.deepEqual(rig.ended("b"), ["b pauses 200", "stop a"]);
  rig.ended("a", normal);
  assert.deepEqual(rig.wake(200), ["start a"]);
  assert.deepEqual(rig.ended("a"), ["ended failed"]);
});

Deno.test("4: with rest_for_one, an earlier child that fails during a restart takes the whole rest with it", () => {
  const rig = new Rig("abc", { strategy: "rest_for_one" }).up();
  assert.deepEqual(rig.ended("b"), ["b pauses 100", "stop c"]);
  rig.nowMs = 50;
  assert.deepEqual(rig.ended("a"), ["a pauses 100"]);
  assert.deepEqual(rig.ended("c", normal), []);
  assert.deepEqual(rig.wake(99), []);
  assert.deepEqual(rig.wake(1), ["start a"]);
  assert.deepEqual(rig.started("a"), ["start b"]);
});

Deno.test("1, 4: with one_for_one, restarts wait for nobody", () => {
  const rig = new Rig("abc").up();
  rig.ended("a");
  rig.nowMs = 10;
  rig.ended("b");
  assert.deepEqual(rig.wake(90), ["start a"]);
  assert.deepEqual(rig.wake(10), ["start b"]);
  assert.deepEqual(rig.send({ type: "addChild", child: child("d") }), ["start d"]);
});

Deno.test("5: the failure that exceeds the intensity stops all children, and the supervisor ends as failed", () => {
  const rig = new Rig("abc", { intensity: { restarts: 1, withinMs: 1000 } }).up();
  rig.ended("b");
  rig.wake(100);
  rig.started("b");
  assert.deepEqual(rig.ended("b"), ["stop c"]);
  assert.deepEqual(rig.ended("c", normal), ["stop a"]);
  const [last] = rig.core.handle({ type: "childEnded", id: "a", end: normal }, rig.nowMs, 0);
  const sentence = "s gave up, as 1 restarts within 1000 ms are allowed; b failed last: It broke.";
  assert.deepEqual(last, { type: "ended", end: { reason: "failed", sentence } });
});

Deno.test("5: failures of all children count together, and those marked so neither there nor for the pauses", () => {
  const rig = new Rig("abc", { intensity: { restarts: 1, withinMs: 1000 } }).up();
  const exempt: End = { ...failed, counts: false };
  for (const id of "abca") {
    assert.deepEqual(rig.ended(id, exempt), [`${id} pauses 100`]);
    rig.wake(100);
    rig.started(id);
  }
  assert.deepEqual(rig.ended("a"), ["a pauses 100"]);
  rig.wake(100);
  rig.started("a");
  assert.deepEqual(rig.ended("a", exempt), ["a pauses 100"]);
  assert.deepEqual(rig.ended("b"), ["stop c"]);
});

Deno.test("6: a first start that fails stops those before it, and ends the supervisor as failed", () => {
  for (const restart of ["permanent", "transient", "temporary"] as const) {
    const rig = new Rig("abc", {}, { b: restart });
    rig.send({ type: "start" });
    rig.started("a");
    assert.deepEqual(rig.ended("b"), ["stop a"]);
    const [last] = rig.core.handle({ type: "childEnded", id: "a", end: normal }, 0, 0);
    assert.deepEqual(last, {
      type: "ended",
      end: { reason: "failed", sentence: "s cannot start b: It broke." },
    });
  }
});

Deno.test("6: an added child whose first start fails is removed, and told why", () => {
  const rig = new Rig("a", { strategy: "one_for_all" }).up();
  assert.deepEqual(rig.send({ type: "addChild", child: child("b") }), ["start b"]);
  const actions = rig.core.handle({ type: "childEnded", id: "b", end: failed }, 0, 0);
  assert.deepEqual(actions, [{ type: "childRemoved", id: "b", error: "It broke." }]);
  assert.equal(rig.state("a"), "running");
});

Deno.test("a child that is being removed stays removed when its group is restarted", () => {
  const rig = new Rig("abc", { strategy: "one_for_all" }).up();
  assert.deepEqual(rig.send({ type: "removeChild", id: "b" }), ["stop b"]);
  assert.deepEqual(rig.ended("a"), ["a pauses 100", "stop c"]);
  assert.deepEqual(rig.ended("b", normal), ["removed b"]);
  assert.deepEqual(rig.wake(100), []);
  assert.deepEqual(rig.ended("c", normal), ["start a"]);
  assert.deepEqual(rig.started("a"), ["start c"]);
});

Deno.test("with one_for_one, children are removed side by side", () => {
  const rig = new Rig("ab").up();
  assert.deepEqual(rig.send({ type: "removeChild", id: "b" }), ["stop b"]);
  assert.deepEqual(rig.send({ type: "removeChild", id: "a" }), ["stop a"]);
  assert.deepEqual(rig.ended("a", normal), ["removed a"]);
});

Deno.test("a supervisor has started when its own children run, whatever was added meanwhile", () => {
  const rig = new Rig("a");
  rig.send({ type: "start" });
  assert.deepEqual(rig.send({ type: "addChild", child: child("b") }), ["start b"]);
  assert.deepEqual(rig.started("a"), ["started"]);
});

Deno.test("a child that comes up in the moment in which it is stopped is still being stopped", () => {
  const rig = new Rig("a");
  rig.send({ type: "start" });
  assert.deepEqual(rig.send({ type: "stop" }), ["stop a"]);
  assert.deepEqual(rig.started("a"), []);
  assert.equal(rig.state("a"), "stopping");
  assert.deepEqual(rig.wake(500), ["kill a"]);
  assert.deepEqual(rig.send({ type: "kill" }), []);
  assert.deepEqual(rig.ended("a"), ["ended normal"]);
});

Deno.test("a child that waits for its backoff is removed at once, and a stop forgets the restart", () => {
  const rig = new Rig("ab").up();
  rig.ended("a");
  rig.ended("b");
  assert.deepEqual(rig.send({ type: "removeChild", id: "a" }), ["removed a"]);
  assert.deepEqual(rig.send({ type: "stop" }), ["ended normal"]);
  assert.equal(rig.core.wakeAtMs, null);
});

Deno.test("a child is refused with a sentence when its name is taken or unknown, or the supervisor ends", () => {
  const rig = new Rig("a").up();
  const add = (id: string) => () => rig.send({ type: "addChild", child: child(id) });
  const remove = (id: string) => () => rig.send({ type: "removeChild", id });
  assert.throws(add("a"), { code: "exists" });
  assert.throws(remove("x"), { code: "unknown", message: "s has no child x; it has: a." });
  rig.send({ type: "stop" });
  assert.throws(add("b"), {
    code: "ended",
    message: "Cannot add child b to s: that supervisor is stopping.",
  });
  rig.ended("a", normal);
  assert.throws(remove("a"), { code: "ended" });
});

Deno.test("Supervision asserts that it is started once, and that only what lives ends", () => {
  const rig = new Rig("ab");
  rig.send({ type: "start" });
  assert.throws(() => rig.send({ type: "start" }), InvariantError);
  assert.throws(() => rig.ended("b"), InvariantError);
});

Deno.test("Supervision.snapshot() tells since when, until when, how often and why", () => {
  const rig = new Rig("ab").up();
  rig.nowMs = 1000;
  rig.ended("a");
  const waiting = {
    id: "a",
    restart: "permanent",
    state: "waiting",
    sinceMs: 1000,
    untilMs: 1100,
    restarts: 0,
    lastError: "It broke.",
  };
  assert.deepEqual(rig.core.snapshot().children[0], waiting);
  rig.wake(100);
  const starting = { ...waiting, state: "starting", sinceMs: 1100, untilMs: 2100, restarts: 1 };
  assert.deepEqual(rig.core.snapshot().children[0], starting);
  rig.started("a");
  const running = { ...starting, state: "running", untilMs: null };
  const { children, ...supervisor } = rig.core.snapshot();
  assert.deepEqual(children[0], running);
  assert.deepEqual(supervisor, { id: "s", strategy: "one_for_one", state: "running", sinceMs: 0 });
});

Deno.test("RestartIntensity is exceeded by one failure too many within its time, both ends included", () => {
  const cases: readonly (readonly [number, readonly number[], boolean])[] = [
    [0, [0], true],
    [1, [0], false],
    [2, [0, 50, 100], true],
    [2, [0, 50, 101], false],
    [2, [0, 0, 0], true],
    [2, [0, 50, 101, 150], true],
    [2, [0, 50, 101, 151], false],
  ];
  for (const [restarts, failuresMs, expected] of cases) {
    const intensity = new RestartIntensity({ restarts, withinMs: 100 });
    const answers = failuresMs.map((failedMs) => intensity.isExceededBy(failedMs));
    assert.equal(answers.at(-1), expected, `${restarts}: ${failuresMs}`);
  }
});

Deno.test("Backoff doubles up to its bound, of which a share is random, and begins anew after a healthy life", () => {
  const steady = new Backoff({ firstMs: 100, maxMs: 500, jitter: 0, healthyMs: 1000 });
  assert.deepEqual([1, 2, 3, 4, 5].map(() => steady.pauseMs(0.9)), [100, 200, 400, 500, 500]);
  steady.wasUp(999);
  assert.equal(steady.pauseMs(0), 500);
  steady.wasUp(1000);
  assert.equal(steady.pauseMs(0), 100);
  const pausesMs = [0, 0.5, 1].map((random) => new Backoff({ ...backoff, jitter: 0.5 }).pauseMs(random));
  assert.deepEqual(pausesMs, [50, 75, 100]);
  for (let failures = 0; failures < 2000; failures++) assert.ok(steady.pauseMs(0) <= 500);
});
