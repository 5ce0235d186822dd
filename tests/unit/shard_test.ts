import assert from "node:assert/strict";
import { z } from "zod";
import { defineActor, Registry } from "../../runtime/core/registry.ts";
import { jsonState } from "../../runtime/core/state.ts";
import { emptyMemory } from "../../runtime/core/checkpoint.ts";
import { encodeFrame, partMarker } from "../../runtime/core/frame.ts";
import { shardOf } from "../../runtime/core/murmur2.ts";
import type { Json } from "../../runtime/core/actor.ts";
import { ShardDriver } from "./shard_driver.ts";

const Command = z.union([
  z.number(),
  z.object({ send: z.string(), value: z.number() }),
  z.object({
    wakeAtMs: z.number(),
    value: z.union([z.number(), z.object({ send: z.string(), value: z.number() })]),
  }),
  z.object({ throwAt: z.number() }),
]);
type Command = z.infer<typeof Command>;

const State = z.object({ seen: z.array(z.number()), turns: z.number() });

/** Notes the numbers it is sent; can be told to send, to set a timer, or to throw on its nth turn. */
const notebook = defineActor<z.infer<typeof State>, Command>({
  kind: "notebook",
  state: jsonState({ schema: State, initial: () => ({ seen: [], turns: 0 }) }),
  message: {
    version: 1,
    schema: Command,
    accepts: (value): value is Command => Command.safeParse(value).success,
  },
  receive(state, message, context) {
    state.turns++;
    if (typeof message === "number") state.seen.push(message);
    else if ("send" in message) context.send({ kind: "notebook", id: message.send }, message.value);
    else if ("wakeAtMs" in message) {
      context.setTimer(`t${JSON.stringify(message.value)}`, message.wakeAtMs, message.value);
    } else if (state.turns === message.throwAt) throw new Error("asked to throw");
  },
  queries: { state: { arguments: z.object({}), answer: (state) => state } },
});

const registry = new Registry([notebook]);
const seen = (driver: ShardDriver, id: string) => (driver.ask("notebook", id) as { seen: number[] }).seen;

Deno.test("Shard folds messages in the order of the log", () => {
  const driver = new ShardDriver(registry);
  driver.start();
  driver.append(1, ["notebook", "a", 1], ["notebook", "b", 2], ["notebook", "a", 3]);
  driver.append(2, ["notebook", "a", 4]);
  assert.deepEqual(seen(driver, "a"), [1, 3, 4]);
  assert.deepEqual(seen(driver, "b"), [2]);
});

Deno.test("Shard answers absent when the actor has had no message", () => {
  const driver = new ShardDriver(registry);
  driver.start();
  assert.equal(driver.ask("notebook", "nobody"), "absent");
  assert.equal(driver.ask("stranger", "x"), "unknown");
});

Deno.test("Shard folds local sends in the same turn, before the next message", () => {
  const driver = new ShardDriver(registry);
  driver.start();
  driver.append(1, ["notebook", "a", { send: "b", value: 7 }], ["notebook", "b", 8]);
  assert.deepEqual(seen(driver, "b"), [7, 8]);
});

Deno.test("Shard numbers frames to another shard densely and sends them after the commit", () => {
  const driver = new ShardDriver(registry, {}, shardOf("a", 4), 4);
  const elsewhere = ["b", "c", "d", "e"].find((id) => shardOf(id, 4) !== shardOf("a", 4))!;
  driver.start();
  for (const value of [1, 2]) {
    driver.append(value, ["notebook", "a", { send: elsewhere, value }]);
    driver.settle();
    assert.equal(driver.sent.length, value - 1, "not before the checkpoint");
    driver.checkpoint();
  }
  assert.deepEqual(
    driver.sent.map(({ n, target }) => [n, target]),
    [1, 2].map((n) => [n, shardOf(elsewhere, 4)]),
  );
  assert.equal(driver.checkpoints.filter(({ outbox }) => outbox.length > 0).length, 2);
});

Deno.test("Shard drops a frame when its gateway number came before, and a part when its key did", () => {
  const driver = new ShardDriver(registry);
  driver.start();
  const frame = (n: number, entries: Json[]) =>
    encodeFrame({ origin: { type: "gateway", start: "g", n }, types: registry.wireTypes, entries });
  driver.appendText(1, frame(1, [0, "a", 1]));
  driver.appendText(1, frame(1, [0, "a", 1]));
  const part = [partMarker, "00112233445566ff", 2, 0, "a", 2, 0, "a", 3];
  driver.appendText(2, frame(2, [...part, 0, "a", 4]));
  driver.checkpoint();
  driver.start();
  driver.appendText(3, frame(3, [...part, 0, "a", 5]));
  assert.deepEqual(seen(driver, "a"), [1, 2, 3, 4, 5]);
});

Deno.test("Shard dead-letters exactly the message that threw and keeps the rest of its frame", () => {
  const driver = new ShardDriver(registry);
  driver.start();
  driver.append(1, ["notebook", "a", 1], ["notebook", "a", { throwAt: 2 }], ["notebook", "a", 3]);
  assert.deepEqual(seen(driver, "a"), [1, 3]);
  driver.checkpoint();
  const letters = driver.checkpoints.flatMap(({ deadLetters }) => deadLetters);
  assert.equal(letters.length, 1);
  assert.equal(letters[0]!.reason, "threw");
  assert.equal(letters[0]!.detail, "asked to throw");
  assert.equal(letters[0]!.message, '{"throwAt":2}');
  assert.equal(driver.shard.counters.claims, 2);
});

Deno.test("Shard gets through a frame in which every message throws", () => {
  const driver = new ShardDriver(registry);
  driver.start();
  const bad = Array.from({ length: 20 }, (_, n) => ["notebook", `n${n}`, { throwAt: 1 }] as const);
  driver.append(1, ...bad, ["notebook", "n0", 5]);
  assert.deepEqual(seen(driver, "n0"), [5]);
  driver.checkpoint();
  assert.equal(driver.shard.counters.deadLetters, 20);
});

Deno.test("Shard fires timers in the order of their due time, not early, and after a restart", () => {
  const driver = new ShardDriver(registry);
  driver.start();
  driver.append(100, ["notebook", "a", { wakeAtMs: 300, value: 3 }], ["notebook", "a", {
    wakeAtMs: 200,
    value: 2,
  }]);
  driver.append(199, ["notebook", "b", 1]);
  assert.deepEqual(seen(driver, "a"), []);
  driver.checkpoint();
  driver.start();
  driver.append(250, ["notebook", "b", 2]);
  assert.deepEqual(seen(driver, "a"), [2]);
  driver.append(1000, ["notebook", "b", 3]);
  assert.deepEqual(seen(driver, "a"), [2, 3]);
});

Deno.test("Shard loads so many actors at a time at most, and folds a frame that needs more of them", () => {
  const driver = new ShardDriver(registry, { maxLoadActors: 3 });
  driver.start();
  const ids = Array.from({ length: 10 }, (_, n) => `a${n}`);
  const frame = (value: number) => ids.map((id) => ["notebook", id, value] as const);
  driver.append(1, ...frame(1));
  driver.checkpoint();
  driver.takeOver();
  driver.append(2, ...frame(2));
  for (const id of ids) assert.deepEqual(seen(driver, id), [1, 2]);
  assert.ok(driver.loads.length >= 8, `${driver.loads.length} loads`);
  assert.ok(driver.loads.every((keys) => keys <= 3), `loads of ${driver.loads.join(", ")} actors`);
});

Deno.test("Shard asks for a tick when a timer is due and no frame comes", () => {
  const driver = new ShardDriver(registry);
  driver.start();
  driver.append(100, ["notebook", "a", { wakeAtMs: 600, value: 1 }]);
  driver.settle();
  driver.nowMs = driver.shard.wakeAtMs(driver.nowMs)!;
  for (let round = 0; round < 5 && driver.shard.counters.timersFired === 0; round++) {
    driver.nowMs = Math.max(driver.nowMs, driver.shard.wakeAtMs(driver.nowMs) ?? 0);
    driver.settle();
  }
  assert.deepEqual(seen(driver, "a"), [1]);
  assert.ok(driver.nowMs >= 500, `fired at ${driver.nowMs}`);
});

Deno.test("Shard keeps states and timers when actors are evicted after every checkpoint", () => {
  const driver = new ShardDriver(registry, { actorBytes: 1 });
  driver.start();
  for (let round = 0; round < 5; round++) {
    driver.append(10 * round + 1, ...["a", "b", "c"].map((id) => ["notebook", id, round] as const));
    driver.append(10 * round + 2, ["notebook", "a", { wakeAtMs: 1000 + round, value: 100 + round }]);
    driver.checkpoint();
  }
  assert.ok(driver.shard.counters.evictions >= 10, `${driver.shard.counters.evictions} evictions`);
  driver.append(2000, ["notebook", "b", 9]);
  assert.deepEqual(seen(driver, "a"), [0, 1, 2, 3, 4, 100, 101, 102, 103, 104]);
  assert.deepEqual(seen(driver, "b"), [0, 1, 2, 3, 4, 9]);
});

Deno.test("a context's methods work when they are taken apart from it", () => {
  const echo = defineActor({
    kind: "echo",
    state: jsonState({ schema: z.object({ heard: z.number() }), initial: () => ({ heard: 0 }) }),
    message: { version: 1, schema: z.number(), accepts: (value) => typeof value === "number" },
    receive(state: { heard: number }, message: number, { self, send, random, setTimer, nowMs }) {
      state.heard += message;
      assert.ok(random() < 1);
      if (message === 3) setTimer("later", nowMs + 10, 30);
      if (message > 0 && message < 3) send(self, message - 1);
    },
    queries: { state: { arguments: z.unknown(), answer: (state: { heard: number }) => state } },
  });
  const driver = new ShardDriver(new Registry([echo]));
  driver.start();
  driver.append(1, ["echo", "a", 2], ["echo", "a", 3]);
  driver.append(100);
  assert.deepEqual(driver.ask("echo", "a"), { heard: 36 });
});

Deno.test("Shard dead-letters messages of unknown kinds", () => {
  const driver = new ShardDriver(registry);
  driver.start();
  const origin = { type: "gateway", start: "g", n: 1 } as const;
  driver.appendText(
    1,
    encodeFrame({ origin, types: [["ghost", 1], ["notebook", 1]], entries: [0, "x", 1, 1, "a", 2] }),
  );
  assert.deepEqual(seen(driver, "a"), [2]);
  driver.checkpoint();
  assert.deepEqual(driver.shard.counters.deadLettersByReason, { "unknown-kind": 1 });
});

Deno.test("Shard bounds the local turns that one message may cause", () => {
  const echo = defineActor<{ turns: number }, Json>({
    kind: "echo",
    state: jsonState({ schema: z.object({ turns: z.number() }), initial: () => ({ turns: 0 }) }),
    message: { version: 1, schema: z.json() as z.ZodType<Json>, accepts: (_value): _value is Json => true },
    receive(state, message, context) {
      state.turns++;
      context.send(context.self, message);
    },
    queries: { state: { arguments: z.object({}), answer: (state) => state } },
  });
  const endless = new ShardDriver(new Registry([echo]), { maxLocalTurns: 10 });
  endless.start();
  endless.append(1, ["echo", "a", 1]);
  assert.deepEqual(endless.ask("echo", "a"), { turns: 11 });
  endless.checkpoint();
  assert.deepEqual(endless.shard.counters.deadLettersByReason, { "too-many-local-turns": 1 });
});

Deno.test("Shard refuses to go on when records of its mailbox are missing", () => {
  const driver = new ShardDriver(registry);
  driver.start();
  driver.append(1, ["notebook", "a", 1]);
  driver.settle();
  const [first] = driver.log;
  driver.shard.deliver(1, [{ ...first!, offset: 9 }], 0);
  driver.shard.takeActions();
  driver.shard.deliver(1, [{ ...first!, offset: 9 }], 0);
  driver.settle();
  assert.match(driver.refusals[0]!, /records \d+\.\.8 of its mailbox are missing/);
});

Deno.test("Shard claims itself again when a load tells that another owner has claimed it", () => {
  const driver = new ShardDriver(registry);
  driver.start();
  driver.append(1, ["notebook", "a", 1]);
  const loaded = driver.shard.loaded.bind(driver.shard);
  driver.shard.loaded = (epoch, found) => loaded(epoch, epoch === 1 ? { ...found, epoch: 2 } : found);
  assert.deepEqual(seen(driver, "a"), [1]);
  assert.equal(driver.shard.counters.claims, 2);
});

Deno.test("Shard claims itself again when a page of timers tells that another owner has claimed it", () => {
  const driver = new ShardDriver(registry);
  driver.start();
  driver.append(100, ["notebook", "a", { wakeAtMs: 600, value: { send: "b", value: 1 } }]);
  driver.settle();
  driver.checkpoint();
  driver.takeOver();
  const dueLoaded = driver.shard.dueLoaded.bind(driver.shard);
  // Another owner has fired the timer, and saved that.
  driver.shard.dueLoaded = (epoch, page) => dueLoaded(epoch, epoch === 2 ? { epoch: 3, actors: [] } : page);
  driver.append(700, ["notebook", "b", 2]);
  assert.deepEqual(seen(driver, "b"), [1, 2]);
  assert.equal(driver.shard.counters.claims, 2);
});

Deno.test("Shard answers no query in the middle of a frame, be it one that a claim found begun", () => {
  const driver = new ShardDriver(registry);
  driver.start();
  driver.append(1, ["notebook", "a", 1]);
  driver.settle();
  const { shard } = driver;
  shard.begin();
  const memory = { ...emptyMemory, clockMs: 1 };
  const claim = { shard: 0, epoch: 9, commit: 1, positions: { mailbox: { offset: 0, index: 1 } }, memory };
  shard.started({ ...claim, outbox: [], requests: [], keys: new Uint8Array(0) }, 0);
  const request = { type: "ask", kind: "notebook", id: "a", query: "state", arguments: {} } as const;
  shard.query({ queryId: 1, folded: 1, request });
  shard.run(() => 0, 1);
  assert.deepEqual(shard.takeActions().filter(({ type }) => type === "answer"), []);
});

const ask = (queryId: number, id: string, folded: number) => {
  const request = { type: "ask", kind: "notebook", id, query: "state", arguments: {} } as const;
  return { queryId, folded, request };
};

/** A shard that has stored `a`, and has it no more in memory; a query of `id` waits for the next frame. */
function askedAhead(id: string): ShardDriver {
  const driver = new ShardDriver(registry);
  driver.start();
  driver.append(1, ["notebook", "a", 1]);
  driver.settle();
  driver.checkpoint();
  driver.takeOver();
  driver.settle();
  driver.shard.query(ask(1, id, driver.log.length + 1));
  driver.settle();
  assert.equal(driver.answers.get(1), undefined, "what it waits for is not folded");
  assert.deepEqual(driver.loads, [1], "no load is made for it alone");
  return driver;
}

Deno.test("Shard loads the actor of a query with what the frames need that the query waits for", () => {
  const driver = askedAhead("a");
  driver.append(2, ["notebook", "b", 2]);
  driver.settle();
  assert.equal(driver.answers.get(1)?.type, "answered");
  assert.deepEqual(driver.loads, [1, 2]);
});

Deno.test("Shard looks once more for an actor of a query that was not there: the frames may have made it", () => {
  const [nobody, made] = [askedAhead("b"), askedAhead("c")];
  nobody.append(2, ["notebook", "a", 2]);
  nobody.settle();
  assert.equal(nobody.answers.get(1)?.type, "absent");
  assert.deepEqual(nobody.loads, [1, 2, 1]);
  made.append(2, ["notebook", "b", { send: "c", value: 2 }]);
  made.settle();
  assert.equal(made.answers.get(1)?.type, "answered");
});

Deno.test("Shard makes a new actor with one load, whoever asks for it meanwhile", () => {
  const driver = new ShardDriver(registry);
  driver.start();
  const loaded = driver.shard.loaded.bind(driver.shard);
  let queries = 0;
  // One that waits for what is folded already, and one that waits for this frame.
  driver.shard.loaded = (epoch, found) => {
    for (const folded of [0, driver.log.length]) driver.shard.query(ask(++queries, "a", folded));
    driver.shard.run(() => driver.nowMs, 0);
    loaded(epoch, found);
  };
  driver.append(1, ["notebook", "a", 1]);
  driver.settle();
  assert.deepEqual(driver.loads, [1]);
  assert.deepEqual([...driver.answers.values()].map(({ type }) => type), ["answered", "answered"]);
});
