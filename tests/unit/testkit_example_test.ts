/**
 * How actors are tested: a thermostat that switches a heater, and raises an alarm when the room has been cold for ten
 * minutes. Run it with `deno test`; no permission is needed.
 */

import assert from "node:assert/strict";
import { z } from "zod";
import { defineActor } from "../../runtime/core/registry.ts";
import { jsonState } from "../../runtime/core/state.ts";
import { probe, simulateDefinition, TestNode } from "../../runtime/testkit.ts";

// --- What is tested: in a program of its own, this is a module of its own. ---

const patienceMs = 10 * 60_000;

const Message = z.union([
  z.strictObject({ celsius: z.number() }),
  z.strictObject({ target: z.number().min(5).max(30) }),
  z.literal("still cold"),
]);
type Message = z.infer<typeof Message>;

const State = z.object({ target: z.number(), celsius: z.number().nullable(), isHeating: z.boolean() });
type State = z.infer<typeof State>;

const thermostat = defineActor({
  kind: "thermostat",
  state: jsonState<State>({
    schema: State,
    initial: () => ({ target: 20, celsius: null, isHeating: false }),
  }),
  message: {
    version: 1,
    schema: Message,
    accepts: (value): value is Message => Message.safeParse(value).success,
  },
  receive(state, message, context) {
    if (message === "still cold") {
      context.send({ kind: "alarm", id: "house" }, { room: context.self.id, celsius: state.celsius });
      return;
    }
    if ("target" in message) state.target = message.target;
    else state.celsius = message.celsius;
    const isCold = state.celsius !== null && state.celsius < state.target;
    if (isCold === state.isHeating) return;
    state.isHeating = isCold;
    context.send({ kind: "heater", id: context.self.id }, isCold ? "on" : "off");
    if (isCold) context.setTimer("patience", context.nowMs + patienceMs, "still cold");
    else context.cancelTimer("patience");
  },
  queries: {
    state: { arguments: z.unknown(), answer: (state: State) => state },
  },
});

// --- The tests. Probes stand in for the kinds that the thermostat sends to. ---

const kitchen = { kind: "thermostat", id: "kitchen" } as const;
const heater = { kind: "heater", id: "kitchen" };
const alarm = { kind: "alarm", id: "house" };

function startNode() {
  return new TestNode({ definitions: [thermostat, probe("heater"), probe("alarm")] });
}

const messages = (node: TestNode, target: typeof heater) =>
  node.received(target).map(({ message }) => message);

Deno.test("the heater is switched when the room becomes cold or warm, and not more often", () => {
  const node = startNode();
  for (const celsius of [21, 19, 18, 20.5]) node.send(kitchen, { celsius });
  node.send(kitchen, { target: 22 });
  assert.deepEqual(messages(node, heater), ["on", "off", "on"]);
  assert.equal(node.ask(kitchen, "state").target, 22);
  node.expectNoDeadLetters();
});

Deno.test("the alarm is raised after ten minutes of cold, unless it became warm before", () => {
  const node = startNode();
  node.send(kitchen, { celsius: 12 });
  node.advance(patienceMs - 1);
  assert.deepEqual(node.received(alarm), []);
  node.advance(1);
  assert.deepEqual(node.received(alarm), [
    { message: { room: "kitchen", celsius: 12 }, sender: kitchen, atMs: node.nowMs },
  ]);

  node.send(kitchen, { celsius: 23 });
  node.send(kitchen, { celsius: 12 });
  node.advance(patienceMs / 2);
  node.send(kitchen, { celsius: 23 });
  node.advance(patienceMs);
  assert.equal(node.received(alarm).length, 1);
});

Deno.test("a reading that is repeated under its key counts once", () => {
  const node = startNode();
  for (let sent = 0; sent < 3; sent++) node.send(kitchen, { celsius: 12 }, { key: "reading 7" });
  assert.deepEqual(messages(node, heater), ["on"]);
});

Deno.test("the timer and the heater survive whatever dies", () => {
  const node = startNode();
  node.send(kitchen, { celsius: 12 });
  node.advance(patienceMs / 2);
  node.loseNode();
  node.killHostInTurn(kitchen);
  node.send(kitchen, { celsius: 13 });
  node.run();
  node.killHost();
  node.advance(patienceMs / 2);
  assert.deepEqual(messages(node, heater), ["on"]);
  assert.deepEqual(messages(node, alarm), [{ room: "kitchen", celsius: 13 }]);
  node.expectNoDeadLetters();
});

Deno.test("a turn that throws costs its own message and nothing else", () => {
  const node = startNode();
  node.send(kitchen, { celsius: 21 });
  node.run();
  node.crashActor(kitchen);
  node.send(kitchen, { celsius: 12 });
  node.send(kitchen, { celsius: 19 });
  assert.deepEqual(messages(node, heater), ["on"], "the turn that threw has sent nothing");
  assert.deepEqual(node.deadLetters().map(({ reason, message }) => [reason, message]), [
    ["threw", '{"celsius":12}'],
  ]);
});

Deno.test("a target that nobody wants is refused, and the sentence says why", () => {
  const node = startNode();
  assert.throws(
    () => node.send(kitchen, { target: 80 }),
    /^Error: Cannot send to thermostat\/kitchen: its schema refuses .*target: Too big: expected number to be <=30/,
  );
});

Deno.test("a thermostat is what its log says, whatever dies, is repeated, or comes late", () => {
  const rooms = ["kitchen", "hall", "attic"];
  const { deaths, deadLetters } = simulateDefinition({
    definitions: [thermostat, probe("heater"), probe("alarm")],
    messages: (random) => () => ({
      to: { kind: "thermostat", id: random.pick(rooms) },
      message: random.chance(0.1) ? { target: random.range(5, 30) } : { celsius: random.range(0, 30) },
    }),
  });
  assert.ok(deaths > 100);
  assert.equal(deadLetters, 0);
});
