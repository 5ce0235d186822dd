/** The last messages of an actor. Numbers in brackets are those of `trace.ts`. */

import assert from "node:assert/strict";
import { z } from "zod";
import type { Json } from "../../runtime/core/actor.ts";
import {
  maxTracedActors,
  maxTracedMessages,
  maxTracedUnits,
  recentFrameUnits,
  type ShardLimits,
  traceRetentionMs,
} from "../../runtime/core/limits.ts";
import type { TraceAnswer } from "../../runtime/core/queries.ts";
import { defineActor, Registry } from "../../runtime/core/registry.ts";
import { jsonState } from "../../runtime/core/state.ts";
import { ShardDriver } from "./shard_driver.ts";

const Heard = z.object({ heard: z.array(z.string()) });
const Order = z.object({ to: z.string().optional(), afterMs: z.number().optional(), body: z.string() });

/** Notes what it hears; sends on what an order says; "boom" throws, "refuse" is dead-lettered, "die" ends its host. */
const listener = (rig: () => Rig) =>
  defineActor<z.infer<typeof Heard>, Json>({
    kind: "k",
    state: jsonState({ schema: Heard, initial: () => ({ heard: [] }) }),
    message: {
      version: 1,
      schema: z.json() as z.ZodType<Json>,
      accepts: (_value): _value is Json => true,
    },
    receive(state, message, context) {
      const order = Order.safeParse(message);
      if (order.success) {
        const { to, afterMs, body } = order.data;
        if (to !== undefined) context.send({ kind: "k", id: to }, body);
        if (afterMs !== undefined) context.setTimer("t", context.nowMs + afterMs, body);
        return;
      }
      if (message === "boom") throw new Error("it cannot bear this");
      if (message === "refuse") context.deadLetter("refused", "It does not want this");
      if (message === "die" && rig().deaths === 0) rig().die("thread");
      state.heard.push(String(message));
    },
    queries: { state: { arguments: z.object({}), answer: (state) => state.heard } },
  });

class Rig extends ShardDriver {
  constructor(limits: Partial<ShardLimits> = {}) {
    super(new Registry([listener(() => this)]), limits);
    this.start();
  }

  /** One frame for each message. */
  tell(stampMs: number, id: string, ...messages: readonly Json[]): this {
    for (const message of messages) this.append(stampMs, ["k", id, message]);
    this.settle();
    return this;
  }

  trace(id: string, limit = maxTracedMessages): TraceAnswer {
    const answer = this.request({ type: "trace", kind: "k", id, limit });
    assert.ok(answer?.type === "answered", `found ${answer?.type}`);
    return JSON.parse(answer.json);
  }

  /** Each as "message by sender: outcome". */
  outcomes(id: string): string[] {
    return this.trace(id).messages.map(({ message, sender, outcome }) =>
      `${message.replaceAll('"', "")}${sender === null ? "" : ` by ${sender.id}`}: ${outcome}`
    );
  }
}

Deno.test("a trace begins with the frames folded last, and then tells what became of each message [4]", () => {
  const rig = new Rig();
  rig.append(1000, ["k", "a", "one"], ["k", "b", "other"], ["k", "a", "two"]);
  rig.tell(2000, "b", "other");
  const first = rig.trace("a");
  assert.equal(first.sinceMs, 2000);
  assert.deepEqual(first.messages.map(({ index, atMs, outcome }) => [index, atMs, outcome]), [
    [0, 1000, null],
    [2, 1000, null],
  ]);
  rig.tell(3000, "a", "three", "refuse");
  const [, , third] = rig.trace("a").messages;
  assert.deepEqual(third, {
    ...{ offset: third?.offset, index: 0, timer: "", timerNumber: 0, step: 0 },
    ...{ atMs: 3000, sender: null, message: '"three"', outcome: "folded" },
  });
  assert.deepEqual(rig.outcomes("a"), [
    "one: null",
    "two: null",
    "three: folded",
    "refuse: dead-letter: refused",
  ]);
  assert.deepEqual(rig.trace("a", 1).messages.map(({ message }) => message), ['"refuse"']);
});

Deno.test("a trace has local messages with their sender, and timers with their name", () => {
  const rig = new Rig();
  rig.tell(1000, "a", "one").trace("a");
  rig.tell(1000, "b", { to: "a", body: "from b" });
  rig.tell(1000, "a", { afterMs: 500, body: "later" });
  rig.tell(2000, "b", "moves the clock");
  assert.deepEqual(
    rig.trace("a").messages.slice(1).map(({ message, sender, step, timer, index, atMs }) => [
      ...[message, sender?.id, step, timer, index, atMs],
    ]),
    [
      ['"from b"', "b", 1, "", 0, 1000],
      ['{"afterMs":500,"body":"later"}', undefined, 0, "", 0, 1000],
      ['"later"', undefined, 0, "1500/k/a/t", -1, 2000],
    ],
  );
});

Deno.test("a message that throws is in the trace once, though its frame is folded again [3]", () => {
  const rig = new Rig();
  rig.tell(1000, "a", "one").trace("a");
  rig.append(2000, ["k", "a", "two"], ["k", "a", "boom"], ["k", "a", "three"]);
  rig.settle();
  assert.deepEqual(rig.outcomes("a"), [
    "one: folded",
    "two: folded",
    "boom: threw: it cannot bear this",
    "three: folded",
  ]);
});

Deno.test("a trace tells what is parked, what did not fit, and what was discarded", () => {
  const rig = new Rig({ failureIntensity: { failures: 0, withinMs: 60_000 }, maxParkedMessages: 1 });
  rig.tell(1000, "a", "one").trace("a");
  rig.tell(2000, "a", "boom", "waits", "too much");
  rig.appendControl(3000, "k", "a", "discard");
  rig.settle();
  assert.deepEqual(rig.outcomes("a").slice(1).map((line) => line.replace(/bear this\..*/, "bear this")), [
    "boom: threw: it cannot bear this",
    "waits: parked",
    "too much: dead-letter: suspended",
    "{control:discard}: folded",
    "waits: dead-letter: discarded",
  ]);
});

Deno.test("a trace goes on when its actor was evicted, and begins anew when its host died [2]", () => {
  const rig = new Rig({ actorBytes: 1 });
  rig.tell(1000, "a", "one").trace("a");
  rig.checkpoint();
  for (let other = 0; other < 5; other++) rig.tell(2000, `b${other}`, "other").checkpoint();
  assert.ok(rig.shard.counters.evictions > 0);
  rig.tell(3000, "a", "two");
  assert.equal(rig.outcomes("a").at(-1), "two: folded");
  assert.equal(rig.trace("a").sinceMs, 1000);
  rig.tell(4000, "b", "die");
  assert.equal(rig.deaths, 1);
  assert.equal(rig.trace("a").sinceMs, 4000);
});

Deno.test("a trace keeps its last messages, shortened, in the order of the log [3]", () => {
  const rig = new Rig();
  rig.tell(1000, "a", "first").trace("a");
  for (let n = 0; n < maxTracedMessages; n++) rig.tell(1000, "a", `message ${n}`);
  rig.tell(1000, "a", "x".repeat(5000));
  const { messages } = rig.trace("a");
  assert.equal(messages.length, maxTracedMessages);
  assert.equal(messages[0]?.message, '"message 1"');
  assert.equal(messages.at(-1)?.message.length, maxTracedUnits + 1);
});

Deno.test("traces are forgotten after their time, and the one asked for longest ago when there are too many [5]", () => {
  const rig = new Rig();
  const ids = Array.from({ length: maxTracedActors + 1 }, (_, n) => `a${n}`);
  for (const id of ids) rig.tell(1000, id, "one");
  for (const id of ids.slice(0, maxTracedActors)) rig.trace(id);
  rig.tell(2000, "b", "later");
  assert.equal(rig.trace("a0").sinceMs, 1000);
  rig.trace(ids[maxTracedActors]!);
  assert.deepEqual(["a0", "a2"].map((id) => rig.trace(id).sinceMs), [1000, 1000]);
  assert.equal(rig.trace("a1").sinceMs, 2000, "it was asked for longest ago");
  rig.tell(2000 + traceRetentionMs, "a0", "too late");
  assert.equal(rig.trace("a0").sinceMs, 2000 + traceRetentionMs);
});

Deno.test("frames that are kept for a first answer are bounded in text [4]", () => {
  const rig = new Rig();
  rig.tell(1000, "a", "old");
  for (let n = 0; n < 3; n++) rig.tell(1000, "b", "x".repeat(recentFrameUnits / 2));
  rig.tell(1000, "a", "new");
  assert.deepEqual(rig.outcomes("a"), ["new: null"]);
});

Deno.test("a trace is asked for as a query is: of an absent actor, of an unknown kind", () => {
  const rig = new Rig();
  const ask = (kind: string) => rig.request({ type: "trace", kind, id: "a", limit: 1 })?.type;
  assert.deepEqual([ask("k"), ask("other")], ["absent", "unknown"]);
});

Deno.test("a trace changes nothing of what is folded and saved [2]", () => {
  const run = (isTraced: boolean) => {
    const rig = new Rig();
    rig.tell(1000, "a", "one");
    if (isTraced) rig.trace("a");
    rig.tell(2000, "a", "boom", { to: "b", body: "x" }, { afterMs: 10, body: "y" }, "refuse").tell(
      3000,
      "b",
      "z",
    );
    rig.checkpoint();
    return [
      rig.rows,
      rig.checkpoints.map(({ deadLetters, positions }) => [deadLetters.map(({ id }) => id), positions]),
    ];
  };
  assert.deepEqual(run(true), run(false));
});
