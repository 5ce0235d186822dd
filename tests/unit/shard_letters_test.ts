/** What becomes of messages and states that cannot be folded: dead letters, replays, versions, damaged states. */

import assert from "node:assert/strict";
import { z } from "zod";
import type { Json } from "../../runtime/core/actor.ts";
import { encodeFrame, partMarker, replayMarker, type WireType } from "../../runtime/core/frame.ts";
import { defineActor, Registry } from "../../runtime/core/registry.ts";
import { jsonState } from "../../runtime/core/state.ts";
import { ShardDriver } from "./shard_driver.ts";

type State = { values: number[]; trigger: number };

/** Does as it is told: `run` maps a message to what it does. Messages before version 2 were called `old`. */
function kindThat(run: (state: State, message: Json, context: Parameters<Receive>[2]) => void, version = 2) {
  return defineActor<State, Json>({
    kind: "k",
    state: jsonState<State>({
      schema: z.object({ values: z.array(z.number()), trigger: z.number() }),
      initial: (id) => {
        if (id === "unborn") throw new Error("no such thing");
        return { values: [], trigger: 0 };
      },
    }),
    message: {
      version,
      schema: z.json() as z.ZodType<Json>,
      accepts: (value): value is Json => value !== "refused",
      migrate: (_version, value) => {
        if (value === "hopeless") throw new Error("no way");
        return `${value}, migrated`;
      },
    },
    receive: run,
    queries: { state: { arguments: z.object({}), answer: (state) => state } },
  });
}
type Receive = ReturnType<typeof defineActor<State, Json>>["receive"];

function driverOf(run: Receive): ShardDriver {
  const driver = new ShardDriver(new Registry([kindThat(run)]));
  driver.start();
  return driver;
}

const values = (driver: ShardDriver, id: string) => (driver.ask("k", id) as State).values;
const letters = (driver: ShardDriver) => driver.checkpoints.flatMap(({ deadLetters }) => deadLetters);
const replayed = (driver: ShardDriver) => driver.checkpoints.flatMap((checkpoint) => checkpoint.replayed);

/** Folds everything, then commits it. */
function save(driver: ShardDriver): void {
  driver.settle();
  driver.checkpoint();
}

let n = 0;
function append(driver: ShardDriver, stampMs: number, types: readonly WireType[], entries: Json[]): void {
  const origin = { type: "gateway", start: "letters", n: ++n } as const;
  driver.appendText(stampMs, encodeFrame({ origin, types, entries }));
}

interface Order {
  readonly poison?: true;
  readonly letters?: number;
  readonly send?: string;
  readonly timers?: readonly string[];
  readonly body?: Json;
}

/** Numbers are kept, texts thrown; an order says what to do otherwise. */
const obedient: Receive = (state, message, context) => {
  if (typeof message === "number") state.values.push(message);
  else if (typeof message === "string") throw new Error(message);
  else {
    const { poison = false, letters = 0, send, timers = [], body = null } = message as Order;
    if (poison) state.trigger = NaN;
    for (let i = 0; i < letters; i++) context.deadLetter("asked", `letter ${i}`);
    if (send !== undefined) context.send({ kind: "k", id: send }, body);
    for (const name of timers) context.setTimer(name, context.nowMs + 10, body);
  }
};

Deno.test("a dead letter is counted though its shard began again before it heard of the commit", () => {
  const driver = driverOf(() => {
    throw new Error("boom");
  });
  driver.holdsCommits = true;
  driver.append(1, ["k", "a", 1]);
  driver.settle();
  driver.checkpoint();
  driver.commitUnanswered();
  driver.holdsCommits = false;
  driver.append(2, ["k", "b", 1]);
  save(driver);
  assert.equal(driver.shard.counters.deadLetters, letters(driver).length);
  assert.equal(letters(driver).length, 2);
});

Deno.test("a dead letter says the version that its message is of", () => {
  const driver = driverOf(obedient);
  append(driver, 1, [["k", 1], ["ghost", 7], ["k", 2], ["k", 3]], [
    ...[0, "a", "hopeless"],
    ...[0, "a", "throws"],
    ...[1, "a", "x"],
    ...[2, "a", "now"],
  ]);
  save(driver);
  assert.deepEqual(letters(driver).map(({ message, messageVersion }) => [message, messageVersion]), [
    ['"hopeless"', 1],
    ['"throws, migrated"', 2],
    ['"x"', 7],
    ['"now"', 2],
  ]);
});

Deno.test("a replayed message is folded once per replay, and its letter is noted as replayed or dead again", () => {
  let isMended = false;
  const driver = driverOf((state, message, context) => {
    if (typeof message === "string" && isMended) state.values.push(message.length);
    else obedient(state, message, context);
  });
  driver.append(1, ["k", "a", "oops"], ["k", "a", 1]);
  save(driver);
  const [first] = letters(driver);
  const replay = (stampMs: number, replays: number) => {
    const part = [partMarker, `000000000000000${replays}`, 2, replayMarker, first!.id, replays];
    append(driver, stampMs, [["k", 2]], [...part, 0, "a", "oops", 0, "a", stampMs]);
  };
  replay(2, 1);
  save(driver);
  const [, again] = letters(driver);
  assert.deepEqual(again, { ...first, offset: again!.offset, stack: again!.stack, atMs: 2, replays: 1 });
  assert.deepEqual(replayed(driver), []);

  isMended = true;
  replay(3, 2);
  replay(4, 2);
  save(driver);
  assert.deepEqual(values(driver, "a"), [1, 2, 4, 3, 4], "the repeat of the second replay is dropped");
  assert.equal(letters(driver).length, 2);
  assert.deepEqual(replayed(driver), [{ id: first!.id, replays: 2, atMs: 3 }]);
});

Deno.test("letters have ids of their own when one turn makes several, replayed or by many timers", () => {
  const driver = driverOf(obedient);
  driver.append(1, ["k", "a", { letters: 2 }], ["k", "b", { timers: ["x", "y/z"], body: { letters: 2 } }]);
  driver.append(20, ["k", "a", 1]);
  save(driver);
  const ids = letters(driver).map(({ id }) => id);
  assert.equal(new Set(ids).size, 6);
  for (const id of ids) assert.match(id, /^[0-9a-z-]+$/);
  append(driver, 30, [["k", 2]], [replayMarker, ids[0]!, 1, 0, "a", { letters: 2 }]);
  save(driver);
  const [one, other] = letters(driver).slice(6);
  assert.equal(one!.id, ids[0]);
  assert.ok(!ids.includes(other!.id), `${other!.id} is new`);
});

Deno.test("a timer's message is migrated when it was set by an older version, and dead-lettered when it cannot be", () => {
  const old = new ShardDriver(new Registry([kindThat(obedient, 1)]));
  old.start();
  old.append(1, ["k", "a", { timers: ["t"], body: "hello" }], ["k", "b", {
    timers: ["t"],
    body: "hopeless",
  }]);
  save(old);
  const heard: Json[] = [];
  const now = driverOf((_state, message) => void heard.push(message));
  for (const [key, row] of old.rows) now.rows.set(key, row);
  now.start();
  append(now, 50, [["k", 2]], [0, "c", 0]);
  save(now);
  assert.deepEqual(heard, ["hello, migrated", 0]);
  assert.deepEqual(letters(now).map(({ reason, messageVersion }) => [reason, messageVersion]), [[
    "invalid",
    1,
  ]]);
  now.start();
  append(now, 60, [["k", 2]], [0, "c", 1]);
  save(now);
  assert.equal(letters(now).length, 1, "the timer is gone");
});

Deno.test("setTimer() and send() throw when the message is refused or the id is none", () => {
  const driver = driverOf(obedient);
  driver.append(
    1,
    ["k", "a", { timers: ["t"], body: "refused" }],
    ["k", "a", { send: "", body: 1 }],
    ["k", "a", { send: "\ud800", body: 1 }],
    ["k", "a", { send: "nul\0", body: 1 }],
    ["k", "a", { send: "x".repeat(1025), body: 1 }],
    ["k", "a", { send: "b", body: 1 }],
  );
  assert.deepEqual(values(driver, "b"), [1]);
  save(driver);
  assert.deepEqual(letters(driver).map(({ detail }) => detail.slice(0, 46)), [
    'The timer t has a message that is refused: "re',
    "Cannot send to a k: An id must not be empty",
    "Cannot send to a k: An id must be well-formed ",
    "Cannot send to a k: An id must not contain con",
    "Cannot send to a k: An id has at most 1024 byt",
  ]);
});

Deno.test("send() gives NaN and -0 to an actor of the same shard as to one of another: as JSON does", () => {
  const heard: Json[] = [];
  const driver = driverOf((_state, message, context) => {
    heard.push(message);
    if (message === "go") { for (const body of [NaN, -0, [NaN]]) context.send({ kind: "k", id: "b" }, body); }
  });
  driver.append(1, ["k", "a", "go"]);
  driver.settle();
  assert.deepEqual(heard, ["go", null, 0, [null]]);
});

Deno.test("an actor whose state cannot be saved loses the messages since the checkpoint, its shard nothing", () => {
  const driver = driverOf(obedient);
  driver.append(1, ["k", "a", 1], ["k", "b", 1]);
  driver.append(2, ["k", "a", { timers: ["t"], body: 9 }]);
  save(driver);
  driver.append(3, ["k", "a", 2], ["k", "b", 2], ["k", "a", { poison: true }], ["k", "b", {
    send: "a",
    body: 3,
  }]);
  save(driver);
  assert.deepEqual(driver.refusals, []);
  assert.deepEqual(values(driver, "b"), [1, 2]);
  assert.equal(driver.ask("k", "a"), "failed");
  save(driver);
  assert.deepEqual(values(driver, "a"), [1]);
  assert.deepEqual(letters(driver).map(({ reason, message }) => `${reason} ${message}`), [
    "state-not-saved 2",
    'state-not-saved {"poison":true}',
    "state-not-saved 3",
  ]);
  assert.match(letters(driver)[0]!.detail, /k\/a cannot be saved: "trigger" is NaN/);
  driver.append(50, ["k", "b", 4], ["k", "a", 5]);
  assert.deepEqual(values(driver, "a"), [1, 9, 5], "it goes on, and so do its timers");
  save(driver);
  assert.equal(letters(driver).length, 3);
});

Deno.test("an actor whose state cannot be read or made is damaged, and its shard goes on", () => {
  const driver = driverOf(obedient);
  driver.append(1, ["k", "a", 1], ["k", "b", 1], ["k", "a", { timers: ["t"], body: 9 }]);
  save(driver);
  const row = driver.rows.get("k/a")!;
  const hot = row.hot.slice();
  const damaged = hot.slice();
  damaged[damaged.length - 1] = 0;
  driver.rows.set("k/a", { ...row, hot: damaged });
  driver.start();
  driver.append(50, ["k", "a", 2], ["k", "b", 2], ["k", "unborn", 3]);
  assert.deepEqual(values(driver, "b"), [1, 2]);
  assert.equal(driver.ask("k", "a"), "failed");
  save(driver);
  assert.deepEqual(driver.refusals, []);
  assert.deepEqual(letters(driver).map(({ reason, actorId }) => `${reason} ${actorId}`), [
    "state-unreadable a",
    "state-unreadable unborn",
  ]);
  assert.deepEqual(driver.rows.get("k/a")!.hot, damaged, "what is stored stays as it is");
  assert.ok(!driver.rows.has("k/unborn"));
  driver.rows.set("k/a", { ...row, hot });
  driver.start();
  driver.append(60, ["k", "b", 3]);
  assert.deepEqual(values(driver, "a"), [1, 9], "once it can be read, its timer fires");
});

Deno.test("a shard refuses rows of a program newer than itself", () => {
  const driver = driverOf(obedient);
  driver.append(1, ["k", "a", 1]);
  save(driver);
  const row = driver.rows.get("k/a")!;
  const hot = row.hot.slice();
  hot[1] = 9;
  driver.rows.set("k/a", { ...row, hot });
  driver.start();
  driver.append(2, ["k", "a", 2]);
  driver.settle();
  assert.match(driver.refusals[0]!, /state version 9; this program knows up to 1: start the newer program/);
});

Deno.test("a timer that threw is skipped when a checkpoint comes right before its frame", () => {
  const driver = driverOf(obedient);
  driver.append(1, ["k", "a", { timers: ["t"], body: "boom" }]);
  save(driver);
  driver.append(5, ["k", "c", 1]);
  driver.append(50, ["k", "c", 2]);
  // One frame a slice, and after the throw a checkpoint after each.
  driver.sliceMs = 0;
  const { shard } = driver;
  const started = shard.started.bind(shard);
  shard.started = (claim, nowMs) => {
    started(claim, nowMs);
    shard.hurry();
  };
  save(driver);
  assert.deepEqual(letters(driver).map(({ actorId }) => actorId), ["a"]);
  assert.equal(shard.counters.claims, 2, "it threw once");
});
