/** `Supervision` against OTP's rules as procedures, over random trees and random failures. */

import assert from "node:assert/strict";
import fc from "fast-check";
import type { SupervisorSpec } from "../../runtime/core/supervision_api.ts";
import { CoreWorld } from "./supervision_driver.ts";
import { isAlive, WatchedSupervisor } from "./supervision_laws.ts";
import {
  type ChildOf,
  ModelWorld,
  type Restart,
  type SupervisorTree,
  type Tree,
  type WorkerTree,
  type World,
} from "./supervision_model.ts";

type Step =
  & { readonly afterMs: number; readonly pick: number }
  & (
    | { readonly type: "end"; readonly reason: "normal" | "failed"; readonly counts: boolean }
    | { readonly type: "add"; readonly restart: Restart }
    | { readonly type: "remove" }
  );

const restart = fc.constantFrom<Restart>("permanent", "permanent", "transient", "temporary");

const policy = {
  strategy: fc.constantFrom("one_for_one" as const, "one_for_all" as const, "rest_for_one" as const),
  intensity: fc.record({ restarts: fc.nat(3), withinMs: fc.constantFrom(20, 50, 100) }),
  backoff: fc.record({
    firstMs: fc.constantFrom(1, 5, 20),
    maxMs: fc.constantFrom(5, 40),
    jitter: fc.constantFrom(0.25, 1),
    healthyMs: fc.constantFrom(20, 60),
  }),
};

function supervisor(depth: number): fc.Arbitrary<SupervisorTree> {
  const worker = fc.record({ kind: fc.constant("worker" as const), id: fc.constant(""), restart });
  const child: fc.Arbitrary<Tree> = depth === 0
    ? worker
    : fc.oneof({ weight: 2, arbitrary: worker }, { weight: 1, arbitrary: supervisor(depth - 1) });
  const children = fc.array(child, { maxLength: 4 });
  return fc.record({
    kind: fc.constant("supervisor" as const),
    id: fc.constant(""),
    restart,
    ...policy,
    children,
  });
}

/** Names the nodes, in the order of the tree. */
function named(tree: SupervisorTree): SupervisorTree {
  let count = 0;
  const name = (node: SupervisorTree): SupervisorTree => ({
    ...node,
    id: `s${count++}`,
    children: node.children.map((child) =>
      child.kind === "worker" ? { ...child, id: `w${count++}` } : name(child)
    ),
  });
  return name(tree);
}

const tree = supervisor(2).map(named);

/** Often just at the end of an intensity's time, or one millisecond past it. */
const afterMs = fc.tuple(fc.constantFrom(0, 0, 10, 20, 30, 50), fc.constantFrom(0, 0, 0, 1)).map((
  [tens, more],
) => tens + more);
const pick = { afterMs, pick: fc.nat(99) };
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      ...pick,
      type: fc.constant("end" as const),
      reason: fc.constantFrom("failed" as const, "failed" as const, "normal" as const),
      counts: fc.integer({ min: 0, max: 5 }).map((n) => n > 0),
    }),
  },
  { weight: 1, arbitrary: fc.record({ ...pick, type: fc.constant("add" as const), restart }) },
  { weight: 1, arbitrary: fc.record({ ...pick, type: fc.constant("remove" as const) }) },
);

const failingStarts = fc.array(
  fc.tuple(fc.constantFrom("w", "a"), fc.nat(8), fc.integer({ min: 1, max: 4 })),
  {
    maxLength: 6,
  },
).map((starts) => new Set(starts.map(([kind, n, attempt]) => `${kind}${n}#${attempt}`)));

const course = fc.record({ tree, failingStarts, steps: fc.array(step, { maxLength: 25 }) });
type Course = typeof course extends fc.Arbitrary<infer T> ? T : never;

function chosen<T>(candidates: readonly T[], pick: number): T | undefined {
  return candidates[pick % Math.max(1, candidates.length)];
}

/** Takes the same step in both worlds; what it is about, the model chooses. */
function take(model: World, core: World, step: Step, n: number): void {
  const children = model.children();
  const inBoth = (act: (world: World) => void) => [model, core].forEach(act);
  switch (step.type) {
    case "end": {
      const worker = chosen(
        children.filter(({ kind, state }) => kind === "worker" && state === "up"),
        step.pick,
      );
      if (worker !== undefined) inBoth((world) => world.endWorker(worker, step.reason, step.counts));
      return;
    }
    case "add": {
      const to = chosen(model.supervisors(), step.pick);
      const worker: WorkerTree = { kind: "worker", id: `a${n}`, restart: step.restart };
      if (to !== undefined) inBoth((world) => world.add(to, worker));
      return;
    }
    case "remove": {
      const child: ChildOf | undefined = chosen(children, step.pick);
      if (child !== undefined) inBoth((world) => world.remove(child));
    }
  }
}

/** Throws at the first step after which the supervisors of `tree` and the model of `course` differ. */
function compare({ tree: modelled, failingStarts, steps }: Course, driven = modelled): readonly string[] {
  const model = new ModelWorld(modelled, failingStarts);
  const core = new CoreWorld(driven, failingStarts);
  const check = () => {
    assert.deepEqual(core.trace, model.trace);
    assert.deepEqual(core.children(), model.children());
  };
  model.start();
  core.start();
  check();
  for (const [n, step] of steps.entries()) {
    model.advance(step.afterMs);
    core.advance(step.afterMs);
    check();
    take(model, core, step, n);
    check();
  }
  model.stop();
  core.stop();
  check();
  return model.trace;
}

Deno.test("Supervision starts, stops, restarts and gives up as OTP's rules say, in any tree", () => {
  fc.assert(fc.property(course, (course) => void compare(course)), { numRuns: 4000 });
});

Deno.test("the courses hold escalations, nested ones too, or the comparison would show little", () => {
  let inner = 0;
  let outer = 0;
  for (const sample of fc.sample(course, { numRuns: 1000, seed: 1 })) {
    const trace = compare(sample);
    if (trace.some((line) => /ended s[1-9]\d* failed/.test(line))) inner += 1;
    if (trace.length > 10 && trace.at(-1)?.endsWith("ended s0 failed")) outer += 1;
  }
  assert.ok(inner > 50 && outer > 50, `${inner} inner and ${outer} outer supervisors gave up`);
});

function withIntensity(tree: SupervisorTree, restarts: number, withinMs: number): SupervisorTree {
  const intensity = {
    restarts: tree.intensity.restarts + restarts,
    withinMs: tree.intensity.withinMs + withinMs,
  };
  const children = tree.children.map((child) =>
    child.kind === "worker" ? child : withIntensity(child, restarts, withinMs)
  );
  return { ...tree, intensity, children };
}

Deno.test("the comparison finds an intensity that is off by one restart, or by one millisecond", () => {
  for (const [restarts, withinMs] of [[1, 0], [-1, 0], [0, 1], [0, -1]] as const) {
    const mutated = fc.property(course, (course) => {
      compare(course, withIntensity(course.tree, restarts, withinMs));
    });
    const { failed } = fc.check(mutated, { numRuns: 50_000, endOnFailure: true });
    assert.ok(failed, `${restarts} restarts and ${withinMs} ms off went unnoticed`);
  }
});

type Happening =
  | { readonly type: "advance"; readonly durationMs: number }
  | { readonly type: "started"; readonly pick: number }
  | {
    readonly type: "ended";
    readonly pick: number;
    readonly reason: "normal" | "failed";
    readonly counts: boolean;
  }
  | { readonly type: "add"; readonly restart: Restart }
  | { readonly type: "remove"; readonly pick: number }
  | { readonly type: "stop" | "kill" };

const happening: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant("advance" as const),
      durationMs: fc.integer({ min: 1, max: 40 }),
    }),
  },
  { weight: 12, arbitrary: fc.record({ type: fc.constant("started" as const), pick: fc.nat(9) }) },
  {
    weight: 12,
    arbitrary: fc.record({
      type: fc.constant("ended" as const),
      pick: fc.nat(9),
      reason: fc.constantFrom("failed" as const, "normal" as const),
      counts: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("add" as const), restart }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("remove" as const), pick: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constantFrom("stop" as const, "kill" as const) }) },
);

const deadlineMs = fc.integer({ min: 1, max: 60 });
const slowSpec: fc.Arbitrary<SupervisorSpec> = fc.record({
  id: fc.constant("s"),
  ...policy,
  children: fc.array(fc.record({ restart, startMs: deadlineMs, stopMs: deadlineMs }), { maxLength: 5 })
    .map((children) => children.map((child, n) => ({ ...child, id: `c${n}` }))),
});

function happen(watched: WatchedSupervisor, what: Happening, n: number): void {
  const { lives } = watched;
  switch (what.type) {
    case "advance":
      return watched.advance(what.durationMs);
    case "started": {
      const life = chosen(
        lives.filter(({ state, askedMs }) => state === "starting" && askedMs === null),
        what.pick,
      );
      if (life !== undefined) watched.started(life);
      return;
    }
    case "ended": {
      const life = chosen(lives.filter(isAlive), what.pick);
      if (life !== undefined) watched.ended(life, what.reason, what.counts);
      return;
    }
    case "add":
      if (!watched.isEnding) watched.add({ id: `a${n}`, restart: what.restart, startMs: 20, stopMs: 20 });
      return;
    case "remove": {
      const life = chosen(lives, what.pick);
      if (life !== undefined && !watched.hasEnded) watched.remove(life);
      return;
    }
    case "stop":
      return watched.stop();
    case "kill":
      return watched.kill();
  }
}

/** Lets every start succeed and every stop be obeyed, until nothing more happens. */
function settle(watched: WatchedSupervisor): void {
  for (let rounds = 0; rounds < 200; rounds++) {
    const starting = watched.lives.find(({ state, askedMs }) => state === "starting" && askedMs === null);
    const asked = watched.lives.find(({ askedMs }) => askedMs !== null);
    if (asked !== undefined) watched.ended(asked, "normal", false);
    else if (starting !== undefined) watched.started(starting);
    else if (watched.wakeAtMs !== null) watched.advance(watched.wakeAtMs - watched.nowMs);
    else return;
  }
  assert.fail("It never settles");
}

Deno.test("Supervision keeps its order, its deadlines and its intensity when children take their time", () => {
  fc.assert(
    fc.property(slowSpec, fc.array(happening, { maxLength: 60 }), (spec, happenings) => {
      const watched = new WatchedSupervisor(spec);
      watched.start();
      for (const [n, what] of happenings.entries()) happen(watched, what, n);
      settle(watched);
      if (!watched.isEnding) {
        const down = watched.lives.find(({ state }) => state !== "up" && state !== "finished");
        assert.equal(down?.spec.id, undefined, "A child is left down");
        watched.stop();
        settle(watched);
      }
      for (const life of watched.lives.filter(isAlive)) watched.ended(life, "normal", false);
      assert.ok(watched.hasEnded, "It does not end");
    }),
    { numRuns: 10_000 },
  );
});
