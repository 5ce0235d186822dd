/** The test kit itself. Its example is `testkit_example_test.ts`. */

import assert from "node:assert/strict";
import { z } from "zod";
import type { Context, Json } from "../../runtime/core/actor.ts";
import { type AnyDefinition, defineActor } from "../../runtime/core/registry.ts";
import { jsonState } from "../../runtime/core/state.ts";
import { probe, simulateDefinition, type SimulationOptions, TestNode } from "../../runtime/testkit.ts";
import { definitions as product } from "../../actors/definitions.ts";

const Order = z.strictObject({
  add: z.number(),
  /** Tells the probe of this id the sum. */
  tell: z.string().exactOptional(),
  /** Adds it once more after so long. */
  againMs: z.number().exactOptional(),
});
type Order = z.infer<typeof Order>;

const State = z.object({ sum: z.number(), count: z.number() });
type State = z.infer<typeof State>;

type Receive = (state: State, order: Order, context: Context) => void;

const obey: Receive = (state, { add, tell, againMs }, context) => {
  state.sum += add;
  state.count++;
  if (tell !== undefined) context.send({ kind: "probe", id: tell }, state.sum);
  if (againMs !== undefined) context.setTimer("again", context.nowMs + againMs, { add });
};

/** Adds as it is told. `before` sees every turn, those of a refold too. */
function adder(before: Receive = () => {}) {
  return defineActor({
    kind: "adder",
    state: jsonState<State>({ schema: State, initial: () => ({ sum: 0, count: 0 }) }),
    message: {
      version: 1,
      schema: Order,
      accepts: (value): value is Order => Order.safeParse(value).success,
    },
    receive(state, order, context) {
      before(state, order, context);
      obey(state, order, context);
    },
    queries: {
      state: { arguments: z.strictObject({}), answer: (state: State) => state },
      fails: { arguments: z.unknown(), answer: () => assert.fail("no answer") },
    },
  });
}

const a = { kind: "adder", id: "a" } as const;
const b = { kind: "adder", id: "b" } as const;

/** A node, and what was folded, refolds included. */
function watched() {
  const turns: string[] = [];
  const definition = adder((_state, { add }, { self }) => void turns.push(`${self.id} ${add}`));
  return { turns, node: new TestNode({ definitions: [definition, probe("probe")] }) };
}

/** Ids of probes that are in other shards than each other. */
const everywhere = ["p", "q", "r", "s"];

Deno.test("ask() reflects what was sent before, and its type is the query's", () => {
  const { node } = watched();
  node.send(a, { add: 1 });
  node.send(b, { add: 5 });
  node.send(a, { add: 2 });
  const answer: { sum: number; count: number } = node.ask(a, "state");
  assert.deepEqual(answer, { sum: 3, count: 2 });
  assert.equal(node.ask(b, "state").sum, 5);
  node.expectNoDeadLetters();
});

Deno.test("send() folds the same message under the same key once, after a death too", () => {
  const { node } = watched();
  for (const key of ["one", "one", "two", "one"]) node.send(a, { add: 1 }, { key });
  assert.equal(node.ask(a, "state").sum, 2);
  node.loseNode();
  node.send(a, { add: 1 }, { key: "one" });
  assert.equal(node.ask(a, "state").sum, 2);
  node.send(a, { add: 2 }, { key: "one" });
  assert.equal(node.ask(a, "state").sum, 4, "another message is no repeat");
});

Deno.test("received() shows what a probe in any shard was sent, by whom and when", () => {
  const { node } = watched();
  for (const tell of everywhere) node.send(a, { add: 1, tell });
  node.send({ kind: "probe", id: "p" }, { any: ["thing"] });
  node.run();
  const sender = a;
  everywhere.forEach((id, index) => {
    const told = { message: index + 1, sender, atMs: node.nowMs };
    const rest = id === "p" ? [{ message: { any: ["thing"] }, sender: null, atMs: node.nowMs }] : [];
    const received = node.received({ kind: "probe", id });
    assert.deepEqual(new Set(received), new Set([told, ...rest]));
  });
  assert.deepEqual(node.received({ kind: "probe", id: "nobody" }), []);
});

Deno.test("advance() fires each timer at its time, and the clock stands still otherwise", () => {
  const { node } = watched();
  const startMs = node.nowMs;
  node.send(a, { add: 1, againMs: 1500 });
  node.run();
  node.advance(1499);
  assert.deepEqual(node.ask(a, "state"), { sum: 1, count: 1 });
  node.advance(1);
  assert.deepEqual(node.ask(a, "state"), { sum: 2, count: 2 });
  assert.equal(node.nowMs, startMs + 1500);
  const times: number[] = [];
  const late = new TestNode({ definitions: [adder((_state, _order, { nowMs }) => void times.push(nowMs))] });
  late.send(a, { add: 1, againMs: 100 });
  late.send(b, { add: 1, againMs: 250 });
  late.advance(86_400_000);
  assert.deepEqual(times.map((atMs) => atMs - startMs), [0, 0, 100, 250]);
});

Deno.test("crashActor() makes a dead letter of the next message, and undoes all that its turn did", () => {
  const { node, turns } = watched();
  node.send(a, { add: 1 });
  node.run();
  node.crashActor(a);
  for (const [add, tell] of [[10, "p"], [100, "q"]] as const) node.send(a, { add, tell, againMs: 10 });
  node.advance(50);
  assert.deepEqual(node.ask(a, "state"), { sum: 201, count: 3 });
  assert.deepEqual(node.received({ kind: "probe", id: "p" }), []);
  assert.equal(node.received({ kind: "probe", id: "q" })[0]?.message, 101);
  assert.deepEqual(turns, ["a 1", "a 10", "a 1", "a 100", "a 100"], "the shard went back to its beginning");
  const [letter, ...others] = node.deadLetters();
  assert.deepEqual(others, []);
  assert.deepEqual([letter?.reason, letter?.message], ["threw", '{"add":10,"tell":"p","againMs":10}']);
  assert.throws(
    () => node.expectNoDeadLetters(),
    /found 1:\n {2}adder\/a, threw \(The test makes this turn throw\): \{"add":10/,
  );
  node.loseNode();
  assert.deepEqual(node.ask(a, "state"), { sum: 201, count: 3 });
});

Deno.test("a timer of a kind that a newer program does not know waits in the store, and holds nobody up", () => {
  const { node } = watched();
  node.send(a, { add: 1, againMs: 5000 });
  node.advance(1000);
  node.loseNode([probe("probe")]);
  node.advance(10_000);
  node.send({ kind: "probe", id: "p" }, 1);
  assert.equal(node.received({ kind: "probe", id: "p" }).length, 1);
  node.loseNode([adder(), probe("probe")]);
  node.advance(1000);
  assert.deepEqual(node.ask(a, "state"), { sum: 2, count: 2 });
});

Deno.test("killHost() and loseNode() leave log and store, and what is not saved is folded again", () => {
  for (const die of ["killHost", "loseNode"] as const) {
    const { node, turns } = watched();
    node.send(a, { add: 1, againMs: 5000 });
    node.advance(1000);
    node.send(a, { add: 2 });
    node.run();
    node[die]();
    node.send(a, { add: 3 });
    assert.deepEqual(node.ask(a, "state"), { sum: 6, count: 3 });
    assert.deepEqual(turns, ["a 1", "a 2", "a 2", "a 3"]);
    node.advance(4000);
    assert.deepEqual(node.ask(a, "state"), { sum: 7, count: 4 });
  }
});

Deno.test("killHostInTurn() kills in the actor's next turn, and the fifth time its message is buried", () => {
  for (const times of [1, 4, 5]) {
    const { node, turns } = watched();
    node.send(a, { add: 1 });
    node.run();
    node.killHostInTurn(a, times);
    node.send(b, { add: 7 });
    node.send(a, { add: 2, tell: "p" });
    node.send(a, { add: 4 });
    assert.equal(node.ask(a, "state").sum, times < 5 ? 7 : 5);
    assert.equal(node.ask(b, "state").sum, 7);
    assert.equal(turns.filter((turn) => turn === "a 2").length, Math.min(5, times + 1));
    assert.equal(node.received({ kind: "probe", id: "p" }).length, times < 5 ? 1 : 0);
    const reasons = node.deadLetters().map(({ reason }) => reason);
    assert.deepEqual(reasons, times < 5 ? [] : ["killed-host"]);
  }
});

Deno.test("loseNode() starts a newer program on what the older one left", () => {
  const { node } = watched();
  node.send(a, { add: 1, againMs: 2000 });
  node.advance(1000);
  node.send(a, { add: 2 });
  const Newer = z.strictObject({ plus: z.number() });
  const newer = defineActor({
    kind: "adder",
    state: jsonState<{ total: number }>({
      schema: z.object({ total: z.number() }),
      initial: () => ({ total: 0 }),
      migrations: [(old) => ({ total: State.parse(old).sum })],
    }),
    message: {
      version: 2,
      schema: Newer,
      accepts: (value): value is z.infer<typeof Newer> => Newer.safeParse(value).success,
      migrate: (_version, old) => ({ plus: Order.parse(old).add }),
    },
    receive: (state, { plus }) => void (state.total += plus),
    queries: { state: { arguments: z.unknown(), answer: (state) => state } },
  });
  node.loseNode([newer, probe("probe")]);
  node.send(a, { plus: 4 });
  node.advance(1000);
  assert.deepEqual<unknown>(node.ask(a, "state"), { total: 8 });
  node.expectNoDeadLetters();
});

Deno.test("suspended() lists who threw too often, and resume() folds or discards what waited", () => {
  for (const control of ["resume", "discard"] as const) {
    const { node } = watched();
    for (let left = 6; left > 0; left--) {
      node.crashActor(a);
      node.send(a, { add: 1 });
      node.run();
    }
    assert.deepEqual(node.suspended(), [{ kind: "adder", id: "a", sinceMs: node.nowMs }]);
    node.send(a, { add: 10 });
    assert.equal(node.ask(a, "state").sum, 0);
    node.resume(a, control);
    node.send(a, { add: 100 });
    assert.equal(node.ask(a, "state").sum, control === "resume" ? 110 : 100);
    assert.deepEqual(node.suspended(), []);
    assert.equal(node.deadLetters().length, control === "resume" ? 6 : 7);
  }
});

Deno.test("definitions that are a function are made anew whenever a host starts", () => {
  let made = 0;
  const node = new TestNode({
    definitions: () => {
      made++;
      return [adder(), probe("probe")];
    },
  });
  assert.equal(made, 1);
  node.killHost();
  node.loseNode();
  assert.equal(made, 3);
  node.send(a, { add: 1 });
  assert.equal(node.ask(a, "state").sum, 1);
});

Deno.test("the same calls give the same run, and the seed decides the order of the shards", () => {
  const turnsOf = (seed: number) => {
    const turns: string[] = [];
    const note: Receive = (_state, { add }, context) => {
      turns.push(`${context.self.id} ${add} ${context.random()}`);
    };
    const node = new TestNode({ definitions: [adder(note), probe("probe")], shards: 4, seed });
    for (const id of everywhere) {
      for (const add of [1, 2]) node.send({ kind: "adder", id }, { add, tell: id });
    }
    node.advance(1000);
    return turns;
  };
  const orders = [1, 2, 3, 4, 5].map((seed) => {
    assert.deepEqual(turnsOf(seed), turnsOf(seed));
    return turnsOf(seed).join();
  });
  assert.ok(new Set(orders).size > 1, "some order differs");
});

Deno.test("limits are those of production but for the ones that are given", () => {
  const node = new TestNode({
    definitions: [adder()],
    limits: { failureIntensity: { failures: 0, withinMs: 1 } },
  });
  node.crashActor(a);
  node.send(a, { add: 1 });
  assert.deepEqual(node.suspended().map(({ id }) => id), ["a"]);
});

Deno.test("whatever is wrong is said in one sentence", () => {
  const lax = defineActor({
    kind: "lax",
    state: jsonState({ schema: State, initial: () => ({ sum: 0, count: 0 }) }),
    message: { version: 1, schema: Order, accepts: (_value): _value is Order => true },
    receive: obey,
    queries: {},
  });
  const node = new TestNode({ definitions: [adder(), lax, probe("probe")] });
  node.send(a, { add: 1 });
  const cases: readonly (readonly [wrong: () => unknown, sentence: string])[] = [
    [
      () => node.send({ kind: "adde", id: "a" }, { add: 1 }),
      'Cannot send to adde/a: there is no kind "adde" among those defined: adder, lax, probe',
    ],
    [
      () => node.send(a, { add: "1" }),
      'Cannot send to adder/a: its schema refuses {"add":"1"}: add: Invalid input: expected number, received string',
    ],
    [
      () => node.send({ kind: "adder", id: "" }, { add: 1 }),
      "Cannot send to a adder: An id must not be empty",
    ],
    [
      () => node.send({ kind: "lax", id: "a" }, { add: "1" }),
      'The message type of lax contradicts itself on {"add":"1"}: accepts() says true, the schema says false; ' +
      "both must give the same verdict",
    ],
    [() => node.ask(a, "stat"), 'Cannot ask adder/a: A adder has no query "stat"; it has state, fails'],
    [() => node.ask(b, "state"), "Cannot ask adder/b: it has never had a message"],
    [() => node.ask(a, "fails"), "Cannot ask adder/a: The query fails of adder/a threw: no answer"],
    [() => node.received(a), 'Cannot look at what adder/a received: "adder" is no probe'],
    [
      () => node.crashActor({ kind: "x", id: "a" }),
      'Cannot crash x/a: there is no kind "x" among those defined: ' +
      "adder, lax, probe",
    ],
    [() => node.advance(-1), "Cannot move the clock by -1 ms: it goes forward, by whole milliseconds"],
    [
      () => new TestNode({ definitions: [adder()], shards: 0 }),
      "Cannot make a node of 0 shards: it has 1 at least, and a whole number of them",
    ],
  ];
  for (const [wrong, message] of cases) assert.throws(wrong, { message });
  assert.throws(
    () => node.ask(a, "state", { x: 1 }),
    /^Error: Cannot ask adder\/a: The arguments of state are not right/,
  );
});

Deno.test("expectReplays() throws when the node is not what a plain fold of its log makes of it", () => {
  const { node } = watched();
  for (const tell of everywhere) node.send(a, { add: 1, tell, againMs: 10 });
  node.crashActor(a);
  node.advance(5);
  node.killHost();
  node.expectReplays();
  node.advance(5);
  node.expectReplays();
  let folded = 0;
  const counted = new TestNode({ definitions: [adder((state) => void (state.sum += ++folded))] });
  counted.send(a, { add: 1 });
  assert.throws(
    () => counted.expectReplays(),
    /The node is not what its log says:\n {2}adder\/a is \{"sum":2,"count":1\}, and when its log is folded anew: \{"sum":3/,
  );
});

Deno.test("run() gives up with a sentence when actors answer each other without end", () => {
  const ball = defineActor<null, Json>({
    kind: "player",
    state: jsonState({ schema: z.null(), initial: () => null }),
    message: { version: 1, schema: z.json(), accepts: (_value): _value is Json => true },
    receive: (_state, message, context) =>
      context.send({ kind: "player", id: context.self.id === "a" ? "d" : "a" }, message),
    queries: {},
  });
  const node = new TestNode({ definitions: [ball], shards: 2 });
  node.send({ kind: "player", id: "a" }, "ball");
  assert.throws(() => node.run(), /do actors of different shards answer each other without end\?/);
});

const orders: SimulationOptions["messages"] = (random) => () => ({
  to: { kind: "adder", id: random.pick(["a", "b", "c", "d"]) },
  message: {
    add: random.int(100),
    ...(random.chance(0.3) && { tell: random.pick(everywhere) }),
    ...(random.chance(0.2) && { againMs: random.range(1, 10_000) }),
  },
});

Deno.test("simulateDefinition() passes definitions that are deterministic", () => {
  const result = simulateDefinition({ definitions: [adder(), probe("probe")], messages: orders });
  assert.ok(result.messages > 400 && result.repeats > 40 && result.deaths > 150, JSON.stringify(result));
  assert.equal(result.deadLetters, 0);
});

Deno.test("simulateDefinition() passes the product's actors", () => {
  const result = simulateDefinition({
    definitions: product,
    seeds: 10,
    messages: (random) => () => {
      const [seq, value] = [random.chance(0.5) ? random.int(100) : null, random.int(1000) / 8];
      const id = random.pick(["a", "b"]);
      return random.chance(0.5)
        ? { to: { kind: "sensor", id }, message: [null, seq, 0, "one,two", value, value > 50] }
        : { to: { kind: "series", id }, message: [null, seq, value] };
    },
  });
  assert.ok(result.deaths > 50, JSON.stringify(result));
  assert.equal(result.deadLetters, 0);
});

/** Each of them breaks a rule; what a run of it must say. */
const broken: Readonly<Record<string, { make: () => AnyDefinition[]; says: RegExp }>> = {
  "chance that is not the context's": {
    make: () => [adder((state) => void (state.sum += Math.random()))],
    says: /adder\/\w is \{"sum":.*\}.*, and when its log is folded anew: \{"sum":/,
  },
  "a clock that is not the context's": {
    make: () => [adder((state) => void (state.sum += performance.now()))],
    says: /adder\/\w is \{"sum"/,
  },
  "a variable of the module": {
    make: () => {
      let turns = 0;
      return [adder((state) => void (state.sum += ++turns))];
    },
    says: /adder\/\w is \{"sum"/,
  },
  "a message that is made by chance": {
    make: () => [adder((_state, _order, context) => context.send({ kind: "probe", id: "p" }, Math.random()))],
    says: /Message 1 between two shards differs: adder\/\w sends probe\/p 0|probe\/p is \[/,
  },
  "a message that throws now and then": {
    make: () => {
      let turns = 0;
      return [adder(() => void (++turns % 5 === 0 && assert.fail("now and then")))];
    },
    says: /This letter is dead only|adder\/\w is /,
  },
  "a timer that is set by chance": {
    make: () => [
      adder((_state, _order, context) =>
        context.setTimer("x", context.nowMs + 1e9 + Math.random() * 1e6, { add: 1 })
      ),
    ],
    says: /with the timers .*x at \d+/,
  },
  "state that its snapshot forgets": {
    make: () => {
      const state = jsonState<State>({ schema: State, initial: () => ({ sum: 0, count: 0 }) });
      const encode: typeof state.encode = ({ sum }, hot) => hot.text(JSON.stringify({ sum, count: 0 }));
      return [{ ...adder((state) => void (state.sum += state.count)), state: { ...state, encode } }];
    },
    says: /adder\/\w is \{"sum"/,
  },
  "a query that changes the state": {
    make: () => {
      const state = { arguments: z.unknown(), answer: (state: State) => state.sum++ };
      return [{ ...adder(), queries: { state } }];
    },
    says: /adder\/\w is \d+/,
  },
};

for (const [what, { make, says }] of Object.entries(broken)) {
  Deno.test(`simulateDefinition() catches ${what}, and says how to replay it`, () => {
    const run = (some: Partial<SimulationOptions>) => () =>
      simulateDefinition({ definitions: [...make(), probe("probe")], messages: orders, ...some });
    let sentence = "";
    assert.throws(run({}), (error: Error) => {
      sentence = error.message;
      return true;
    });
    assert.match(sentence, says);
    const [, seed, steps] = /Replay it with \{ seeds: \[(\d+)\], steps: (\d+) \}$/.exec(sentence) ?? [];
    const replay = { seeds: [Number(seed)], steps: Number(steps) };
    assert.throws(run(replay), new RegExp(`^Error: Seed ${seed} failed at step `));
  });
}

Deno.test("simulateDefinition() says which message of its generator is refused", () => {
  const messages = () => () => ({ to: a, message: { add: "one" } });
  assert.throws(
    () => simulateDefinition({ definitions: [adder()], messages }),
    /^Error: Seed 1 failed at step \d+: Cannot send to adder\/a: its schema refuses \{"add":"one"\}/,
  );
  for (const nothing of [{ seeds: 0 }, { seeds: [] }, { steps: 0 }]) {
    const options = { definitions: [adder()], messages: orders, ...nothing };
    assert.throws(() => simulateDefinition(options), /that would try nothing/);
  }
});
