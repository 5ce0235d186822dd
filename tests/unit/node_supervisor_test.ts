/** Supervisors with children that live, under a clock that a test moves. */

import assert from "node:assert/strict";
import type { End } from "../../runtime/core/supervision_api.ts";
import {
  type Child,
  type SupervisionNotice,
  Supervisor,
  supervisorChild,
  type SupervisorOptions,
  type SupervisorParts,
  type SupervisorTree,
} from "../../runtime/node/supervisor.ts";
import { machineTimerClock } from "../../runtime/node/timer_clock.ts";
import { ManualClock, settled } from "./manual_clock.ts";

interface Habits {
  readonly restart?: Child["restart"];
  /** Starts only when `up` is called. */
  readonly isSlow?: boolean;
  /** Starts only when `up` is called, and never minds that nobody wants it any more. */
  readonly isDeaf?: boolean;
  /** Ends when it is killed only. */
  readonly isStubborn?: boolean;
  readonly stop?: () => Promise<void>;
}

/** A child that says in `log` what happens to it, and does what a test tells it. */
class Fake implements Child {
  readonly restart: Child["restart"];
  readonly startMs = 1000;
  readonly stopMs = 500;
  failsToStart = false;
  #start = Promise.withResolvers<void>();
  #end = Promise.withResolvers<End>();

  constructor(readonly id: string, readonly log: string[], readonly habits: Habits = {}) {
    this.restart = habits.restart ?? "permanent";
  }

  async start(signal: AbortSignal) {
    this.log.push(`start ${this.id}`);
    if (this.failsToStart) throw new Error("its port is taken");
    this.#start = Promise.withResolvers<void>();
    const end = Promise.withResolvers<End>();
    this.#end = end;
    if (this.habits.isSlow) signal.addEventListener("abort", () => this.#start.reject(new Error("aborted")));
    if (this.habits.isSlow || this.habits.isDeaf) await this.#start.promise;
    this.log.push(`up ${this.id}`);
    const stop = () => {
      this.log.push(`stop ${this.id}`);
      if (!this.habits.isStubborn) end.resolve({ reason: "normal", sentence: "stopped" });
    };
    const kill = () => {
      this.log.push(`kill ${this.id}`);
      end.resolve({ reason: "failed", sentence: "killed" });
    };
    return { ended: end.promise, stop: this.habits.stop ?? stop, kill };
  }

  up(): void {
    this.#start.resolve();
  }

  fail(sentence = "out of memory", counts = true): void {
    this.log.push(`fail ${this.id}`);
    this.#end.resolve({ reason: "failed", sentence, counts });
  }

  breakDown(): void {
    this.#end.reject(new Error("a promise nobody caught"));
  }

  details() {
    return { shards: 3 };
  }
}

function rig() {
  const log: string[] = [];
  const notices: SupervisionNotice[] = [];
  const clock = new ManualClock();
  const parts: SupervisorParts = { clock, random: () => 0, onNotice: (notice) => notices.push(notice) };
  return { log, notices, clock, parts };
}

const backoff = { firstMs: 100, maxMs: 1000, jitter: 0, healthyMs: 60_000 };
const intensity = { restarts: 2, withinMs: 10_000 };

function options(id: string, children: SupervisorOptions["children"], more: Partial<SupervisorOptions> = {}) {
  return { id, strategy: "one_for_one", intensity, backoff, children, ...more } as const;
}

Deno.test("Supervisor starts children in order, and stops them in reverse, when each takes its time", async () => {
  const { log, clock, parts } = rig();
  const [a, b] = ["a", "b"].map((id) => new Fake(id, log, { isSlow: true }));
  assert.ok(a !== undefined && b !== undefined);
  const supervisor = new Supervisor(options("s", [a, b]), parts);
  const started = supervisor.start();
  await settled();
  assert.deepEqual(log, ["start a"]);
  a.up();
  await settled();
  b.up();
  await started;
  assert.deepEqual(log.splice(0), ["start a", "up a", "start b", "up b"]);
  await supervisor.stop();
  assert.deepEqual(log, ["stop b", "stop a"]);
  assert.deepEqual(await supervisor.ended, { reason: "normal", sentence: "It was stopped." });
  assert.equal(clock.timers, 0);
});

Deno.test("Supervisor restarts a child after its backoff, which doubles, when it fails again", async () => {
  const { log, notices, clock, parts } = rig();
  const a = new Fake("a", log);
  const supervisor = new Supervisor(options("s", [a]), parts);
  await supervisor.start();
  for (const pauseMs of [100, 200]) {
    log.length = 0;
    a.fail();
    await settled();
    await clock.advance(pauseMs - 1);
    assert.deepEqual(log, ["fail a"]);
    await clock.advance(1);
    assert.deepEqual(log, ["fail a", "start a", "up a"]);
    const end = { reason: "failed", sentence: "out of memory", counts: true };
    assert.deepEqual(notices.pop(), { type: "childFailed", supervisor: "s", child: "a", end, pauseMs });
  }
  await supervisor.stop();
  assert.equal(clock.timers, 0);
});

Deno.test("Supervisor takes it for a failure when a start throws, or the promise of an end rejects", async () => {
  const { log, clock, parts } = rig();
  const a = new Fake("a", log);
  const supervisor = new Supervisor(options("s", [a]), parts);
  await supervisor.start();
  a.failsToStart = true;
  a.breakDown();
  await settled();
  assert.equal(supervisor.tree().children[0]?.lastError, "a promise nobody caught");
  await clock.advance(100);
  assert.equal(supervisor.tree().children[0]?.lastError, "its port is taken");
  await clock.advance(200);
  const end = await supervisor.ended;
  assert.equal(
    end.sentence,
    "s gave up, as 2 restarts within 10000 ms are allowed; a failed last: its port is taken",
  );
  assert.equal(clock.timers, 0);
});

Deno.test("Supervisor kills a child when it outlives its stop's deadline, and waits for its end", async () => {
  const { log, notices, clock, parts } = rig();
  const supervisor = new Supervisor(
    options("s", [new Fake("a", log), new Fake("b", log, { isStubborn: true })]),
    parts,
  );
  await supervisor.start();
  log.length = 0;
  const stopped = supervisor.stop();
  await clock.advance(499);
  assert.deepEqual(log, ["stop b"]);
  await clock.advance(1);
  await stopped;
  assert.deepEqual(log, ["stop b", "kill b", "stop a"]);
  assert.deepEqual(notices, [{ type: "childKilled", supervisor: "s", child: "b" }]);
  assert.equal(clock.timers, 0);
});

Deno.test("Supervisor kills a child at once when its stop throws", async () => {
  const { log, clock, parts } = rig();
  const stop = () => Promise.reject(new Error("its socket is gone"));
  const supervisor = new Supervisor(options("s", [new Fake("a", log, { stop })]), parts);
  await supervisor.start();
  await supervisor.stop();
  assert.deepEqual(log.slice(2), ["kill a"]);
  assert.equal(clock.timers, 0);
});

Deno.test("Supervisor.start() throws, with all children ended, when one cannot start", async () => {
  const { log, notices, clock, parts } = rig();
  const b = new Fake("b", log);
  b.failsToStart = true;
  const supervisor = new Supervisor(options("s", [new Fake("a", log), b]), parts);
  await assert.rejects(supervisor.start(), {
    code: "start_failed",
    message: "s cannot start b: its port is taken",
  });
  assert.deepEqual(log, ["start a", "up a", "start b", "stop a"]);
  assert.deepEqual(notices.map(({ type }) => type), ["gaveUp"]);
  assert.equal(clock.timers, 0);
});

Deno.test("Supervisor gives a start up at its deadline, and kills what comes up after all", async () => {
  for (const habits of [{ isSlow: true }, { isDeaf: true }]) {
    const { log, clock, parts } = rig();
    const a = new Fake("a", log, habits);
    const supervisor = new Supervisor(options("s", [a]), parts);
    const started = assert.rejects(supervisor.start(), { code: "start_failed" });
    await clock.advance(1000 + 500);
    await started;
    assert.equal(supervisor.tree().children[0]?.lastError, "Its start took longer than 1000 ms.");
    a.up();
    await settled();
    assert.deepEqual(log, "isDeaf" in habits ? ["start a", "up a", "kill a"] : ["start a"]);
    assert.equal(clock.timers, 0);
  }
});

Deno.test("a supervisor that gives up is restarted with its children by its own, until that gives up too", async () => {
  const { log, notices, clock, parts } = rig();
  const [a, b] = [new Fake("a", log), new Fake("b", log)];
  const once = { restarts: 1, withinMs: 10_000 };
  const inner = { ...options("inner", [a, b], { intensity: once }), restart: "permanent" } as const;
  const child = supervisorChild(inner, parts);
  const first = new Fake("first", log);
  const outer = new Supervisor(options("outer", [first, child], { intensity: once }), parts);
  await outer.start();
  const failTwice = async () => {
    a.fail();
    await settled();
    await clock.advance(100);
    a.fail();
    await settled();
  };
  log.length = 0;
  await failTwice();
  assert.deepEqual(log.splice(0), ["fail a", "start a", "up a", "fail a", "stop b"]);
  assert.equal(outer.tree().children[1]?.state, "waiting");
  await clock.advance(100);
  assert.deepEqual(log.splice(0), ["start a", "up a", "start b", "up b"]);
  await failTwice();
  const end = await outer.ended;
  assert.equal(end.reason, "failed");
  assert.match(
    end.sentence,
    /^outer gave up, .*; inner failed last: inner gave up, .*; a failed last: out of mem/,
  );
  assert.deepEqual(log, ["fail a", "start a", "up a", "fail a", "stop b", "stop first"]);
  const gaveUp = notices.filter(({ type }) => type === "gaveUp").map(({ supervisor }) => supervisor);
  assert.deepEqual(gaveUp, ["inner", "inner", "outer"]);
  assert.equal(clock.timers, 0);
});

Deno.test("a temporary supervisor that gives up is told of as finished, and not restarted; others go on", async () => {
  const { log, notices, clock, parts } = rig();
  const a = new Fake("a", log);
  const inner = {
    ...options("inner", [a], { intensity: { restarts: 0, withinMs: 1 } }),
    restart: "temporary",
  } as const;
  const outer = new Supervisor(options("outer", [supervisorChild(inner, parts), new Fake("b", log)]), parts);
  await outer.start();
  a.fail();
  await settled();
  await clock.advance(60_000);
  const finished = notices.filter((notice) => notice.type === "childFinished");
  assert.deepEqual(finished.map(({ child, end }) => [child, end.reason]), [["inner", "failed"]]);
  assert.deepEqual(outer.tree().children.map(({ id, state }) => [id, state]), [["b", "running"]]);
  await outer.stop();
  assert.equal(notices.filter(({ type }) => type === "childFinished").length, 1);
  assert.equal(clock.timers, 0);
});

Deno.test("Supervisor.stop() ends a nested start that is under way, in reverse order", async () => {
  const { log, clock, parts } = rig();
  const inner = options("inner", [new Fake("a", log), new Fake("b", log, { isSlow: true })]);
  const child = supervisorChild({ ...inner, restart: "permanent" }, parts);
  const outer = new Supervisor(options("outer", [new Fake("first", log), child]), parts);
  const started = assert.rejects(outer.start(), { code: "start_failed" });
  await settled();
  log.length = 0;
  await outer.stop();
  await started;
  assert.deepEqual(log, ["stop a", "stop first"]);
  assert.equal((await outer.ended).reason, "normal");
  assert.equal(clock.timers, 0);
});

Deno.test("Supervisor.kill() kills all that lives, nested too", async () => {
  const { log, clock, parts } = rig();
  const inner = supervisorChild({ ...options("inner", [new Fake("a", log)]), restart: "permanent" }, parts);
  const outer = new Supervisor(options("outer", [new Fake("b", log, { isStubborn: true }), inner]), parts);
  await outer.start();
  log.length = 0;
  outer.kill();
  assert.equal((await outer.ended).reason, "failed");
  assert.deepEqual(log.toSorted(), ["kill a", "kill b"]);
  assert.equal(clock.timers, 0);
});

Deno.test("Supervisor.add() and remove() resolve when the child is up, and gone", async () => {
  const { log, clock, parts } = rig();
  const supervisor = new Supervisor(options("s", []), parts);
  await supervisor.start();
  await supervisor.add(new Fake("a", log));
  await assert.rejects(supervisor.add(new Fake("a", log)), { code: "exists" });
  const broken = new Fake("b", log);
  broken.failsToStart = true;
  await assert.rejects(supervisor.add(broken), {
    code: "start_failed",
    message: "s cannot start b: its port is taken",
  });
  const slow = assert.rejects(supervisor.add(new Fake("c", log, { isSlow: true })), { code: "start_failed" });
  await settled();
  await supervisor.remove("c");
  await slow;
  await Promise.all([supervisor.remove("a"), supervisor.remove("a")]);
  await assert.rejects(supervisor.remove("a"), { code: "unknown" });
  assert.deepEqual(log, ["start a", "up a", "start b", "start c", "stop a"]);
  const late = assert.rejects(supervisor.add(new Fake("d", log, { isSlow: true })), { code: "ended" });
  await supervisor.stop();
  await late;
  await assert.rejects(supervisor.add(new Fake("e", log)), { code: "ended" });
  assert.equal(clock.timers, 0);
});

Deno.test("Supervisor.tree() tells the state of all children, nested ones too, as JSON", async () => {
  const { log, clock, parts } = rig();
  const a = new Fake("a", log);
  const inner = { ...options("inner", [a], { strategy: "rest_for_one" }), restart: "permanent" } as const;
  const supervisor = new Supervisor(options("s", [supervisorChild(inner, parts)]), parts);
  assert.equal(supervisor.tree().children[0]?.kind, "supervisor");
  await supervisor.start();
  await clock.advance(1000);
  a.fail();
  await settled();
  await clock.advance(60);
  const none = { remainingMs: null, restarts: 0, lastError: null };
  const worker = { id: "a", kind: "worker", state: "waiting", details: { shards: 3 } } as const;
  const running = { kind: "supervisor", state: "running", forMs: 1060, ...none } as const;
  const expected: SupervisorTree = {
    id: "s",
    ...running,
    strategy: "one_for_one",
    children: [{
      id: "inner",
      ...running,
      strategy: "rest_for_one",
      children: [{ ...worker, forMs: 60, remainingMs: 40, restarts: 0, lastError: "out of memory" }],
    }],
  };
  assert.deepEqual(supervisor.tree(), expected);
  assert.deepEqual(JSON.parse(JSON.stringify(supervisor.tree())), expected);
  await supervisor.stop();
});

Deno.test("Supervisor leaves no timer of the machine behind when it stops during a backoff", async () => {
  const { log, parts } = rig();
  const a = new Fake("a", log);
  const supervisor = new Supervisor(options("s", [a]), { ...parts, clock: machineTimerClock });
  await supervisor.start();
  a.fail();
  await settled();
  assert.equal(supervisor.tree().children[0]?.state, "waiting");
  await supervisor.stop();
});
