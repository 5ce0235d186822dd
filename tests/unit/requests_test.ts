/** Requests of actors to services. Numbers in brackets are those of `requests.ts`. */

import assert from "node:assert/strict";
import { partMarker, replayMarker } from "../../runtime/core/frame.ts";
import { deliveryBody, parseControl, replyBody } from "../../runtime/core/control.ts";
import {
  defaultRequestDeadlineMs,
  maxRequestDeadlineMs,
  maxRequestUnits,
} from "../../runtime/core/limits.ts";
import { answered, type Order, RequestsRig } from "./requests_rig.ts";
import type { Json } from "../../runtime/core/actor.ts";
import type { TraceAnswer } from "../../runtime/core/queries.ts";

const once: Order = { ask: ["what?"] };

Deno.test("[1] requests have dense numbers over all actors, and their answers reach whoever asked", () => {
  const rig = new RequestsRig();
  rig.tell(1000, "a", { ask: ["one", "two"] }).tell(1000, "b", { ask: ["three"], service: "mailer" });
  assert.deepEqual(rig.state("a").made, [1, 2]);
  assert.deepEqual(rig.state("b").made, [3]);
  rig.checkpoint();
  assert.deepEqual(
    rig.requested.map(({ n, from, service, body, dueMs }) => [n, from.id, service, body, dueMs]),
    [
      [1, "a", "oracle", '"one"', 1000 + defaultRequestDeadlineMs],
      [2, "a", "oracle", '"two"', 1000 + defaultRequestDeadlineMs],
      [3, "b", "mailer", '"three"', 1000 + defaultRequestDeadlineMs],
    ],
  );
  rig.reply(1100, "b", 3, { well: [1] }).reply(1100, "a", 2, "second").reply(1101, "a", 1, null);
  assert.deepEqual(rig.state("a").heard, ['2 answered "second"', "1 answered null"]);
  assert.deepEqual(rig.state("b").heard, ['3 answered {"well":[1]}']);
  rig.checkpoint();
  assert.deepEqual([...rig.requestRows.keys()], []);
  assert.equal(rig.memory.requests, 3);
});

Deno.test("[2] a request leaves after the commit that contains it, soon, and none of an uncommitted turn does", () => {
  const rig = new RequestsRig();
  rig.holdsCommits = true;
  rig.tell(1000, "a", once);
  rig.checkpoint();
  assert.deepEqual(rig.left(), [], "its commit is under way");
  rig.takeOver();
  rig.settle();
  assert.deepEqual(rig.left(), [], "the commit never was");
  rig.holdsCommits = false;
  rig.commitHeld();
  const startMs = rig.nowMs;
  rig.wait(startMs + 50);
  assert.deepEqual(rig.left(), [1], "without waiting for the interval");
});

Deno.test("[2] a takeover hands over what is open once more: the same number, body and deadline", () => {
  const rig = new RequestsRig();
  rig.tell(1000, "a", { ask: [{ q: 1 }, { q: 2 }, { q: 3 }] });
  rig.checkpoint();
  rig.reply(1001, "a", 2, "x");
  rig.checkpoint();
  const first = rig.requested.map(({ n, body, dueMs }) => [n, body, dueMs]);
  rig.requested.length = 0;
  rig.takeOver();
  rig.settle();
  const again = rig.requested.map(({ n, body, dueMs }) => [n, body, dueMs]);
  assert.deepEqual(again, [first[0], first[2]]);
  rig.tell(1002, "a", once);
  assert.deepEqual(rig.state("a").made, [1, 2, 3, 4]);
});

Deno.test("[2] a commit whose answer is lost sends its requests by the next claim", () => {
  const rig = new RequestsRig();
  rig.holdsCommits = true;
  rig.tell(1000, "a", once);
  rig.checkpoint();
  rig.loseCommitAnswers();
  rig.holdsCommits = false;
  rig.settle();
  assert.deepEqual(rig.left(), [1]);
  assert.deepEqual(rig.state("a").made, [1]);
});

Deno.test("[2] a request that times out before its commit is confirmed is never sent, and leaves no row", () => {
  const rig = new RequestsRig();
  rig.holdsCommits = true;
  rig.tell(1000, "a", { ask: ["slow"], deadlineMs: 10 }).checkpoint();
  rig.tell(1100, "b", "later");
  rig.holdsCommits = false;
  rig.commitHeld();
  rig.checkpoint();
  assert.deepEqual(rig.state("a").heard, ["1 timeout"]);
  assert.deepEqual(rig.left(), []);
  assert.equal(rig.requestRows.size, 0);
});

Deno.test("[3] an answer that comes three times is folded once, over takeovers and evictions too", () => {
  const rig = new RequestsRig({ actorBytes: 1 });
  rig.tell(1000, "a", once);
  rig.checkpoint();
  rig.reply(1001, "a", 1, "x").reply(1002, "a", 1, "x");
  rig.checkpoint();
  rig.takeOver();
  rig.settle();
  rig.reply(1003, "a", 1, "y");
  assert.deepEqual(rig.state("a").heard, ['1 answered "x"']);
  assert.equal(rig.shard.counters.repeatedAnswers, 1);
  assert.deepEqual(rig.letters(), []);
});

Deno.test("[3] an outcome is in a checkpoint soon, so that a crash has little asked again", () => {
  const rig = new RequestsRig();
  rig.tell(1000, "a", once).checkpoint();
  rig.reply(1001, "a", 1, "x");
  rig.wait(rig.nowMs + 50);
  assert.equal(rig.requestRows.size, 0);
  rig.left();
  rig.takeOver();
  rig.settle();
  assert.deepEqual(rig.left(), []);
});

Deno.test("[3] an answer to a request of another actor, or to none, changes nothing", () => {
  const rig = new RequestsRig();
  rig.tell(1000, "a", once);
  rig.checkpoint();
  rig.reply(1001, "b", 1, "x").reply(1001, "a", 7, "x").reply(1001, "a", 1, "y");
  assert.equal(rig.ask("asker", "b"), "absent");
  assert.deepEqual(rig.state("a").heard, ['1 answered "y"']);
  assert.equal(rig.shard.counters.repeatedAnswers, 2);
});

Deno.test("a failure that the service reports is an outcome like an answer", () => {
  const rig = new RequestsRig();
  rig.tell(1000, "a", { ask: [1, 2] });
  rig.checkpoint();
  const failed = { type: "failed", code: "unknown-service", detail: "No oracle" } as const;
  rig.appendReply(1001, { kind: "asker", id: "a" }, 2, failed);
  rig.appendReply(1001, { kind: "asker", id: "a" }, 1, { ...failed, code: "failed" });
  assert.deepEqual(rig.state("a").heard, ["2 unknown-service", "1 failed"]);
});

Deno.test("a request times out at its deadline, before the frame's entries; what comes later is dropped", () => {
  const rig = new RequestsRig();
  rig.tell(1000, "a", { ask: ["slow"], deadlineMs: 500 }).checkpoint();
  rig.tell(1499, "a", "still open");
  rig.reply(1500, "a", 1, "too late");
  assert.deepEqual(rig.state("a").heard, ["still open", "1 timeout"]);
  assert.equal(rig.shard.counters.repeatedAnswers, 1);
  assert.equal(rig.shard.counters.lateRequests, 1);
  rig.checkpoint();
  assert.equal(rig.requestRows.size, 0);
});

Deno.test("a trace has a request's time-out and its answer", () => {
  const rig = new RequestsRig();
  const traced = (): string[] => {
    const answer = rig.request({ type: "trace", kind: "asker", id: "a", limit: 10 });
    assert.ok(answer?.type === "answered", `found ${answer?.type}`);
    const { messages } = JSON.parse(answer.json) as TraceAnswer;
    return messages.map(({ message, timer, outcome }) => `${message} ${timer} ${outcome}`);
  };
  rig.tell(1000, "a", "begins to be traced");
  traced();
  rig.tell(1000, "a", { ask: ["slow", "quick"], deadlineMs: 500 }).checkpoint();
  rig.reply(1400, "a", 2, "in time").tell(1500, "b", "moves the clock");
  const [answer, timeOut] = traced().slice(-2);
  assert.match(answer!, /"in time".* folded$/);
  assert.match(timeOut!, /timeout.* 1500\/asker\/a\/request 1 folded$/);
});

Deno.test("a request times out when no frame comes, of an actor that was evicted, after a restart", () => {
  const rig = new RequestsRig({ actorBytes: 1 });
  rig.tell(1000, "a", { ask: ["slow"], deadlineMs: 500 }).tell(1000, "b", "x").checkpoint();
  rig.takeOver();
  rig.settle();
  rig.checkpoint();
  const { loads } = rig.shard.counters;
  rig.nowMs = 1000;
  rig.wait(3000);
  assert.ok(rig.shard.counters.loads > loads, "the actor was not in memory");
  assert.deepEqual(rig.state("a").heard, ["1 timeout"]);
});

Deno.test("timers and deadlines due at the same time fire by actor, its timers first, then requests by number", () => {
  const rig = new RequestsRig();
  const both: Order = { ask: new Array(11).fill("slow"), deadlineMs: 100, timer: ["x", 100] };
  rig.tell(1000, "b", { ask: ["slow"], deadlineMs: 99 }).tell(1000, "b", both).tell(1000, "a", both);
  const order: string[] = [];
  rig.onTurn = (text) => order.push(text);
  rig.tell(1100, "c", "the frame");
  const timeouts = (from: number) => Array.from({ length: 11 }, (_, place) => `${from + place} timeout`);
  assert.deepEqual(order, ["1 timeout", "x", ...timeouts(13), "x", ...timeouts(2), "the frame"]);
});

Deno.test("a request that has its outcome wakes nobody at its deadline", () => {
  const rig = new RequestsRig();
  rig.tell(1000, "a", { ask: [1, 2, 3], deadlineMs: 5000 }).checkpoint();
  for (const n of [1, 2, 3]) rig.reply(1001, "a", n, "x");
  rig.checkpoint();
  assert.equal(rig.shard.wakeAtMs(rig.nowMs), null);
  const frames = rig.log.length;
  rig.wait(100_000);
  assert.equal(rig.log.length, frames, "no tick");
});

Deno.test("[4] above the bound a request fails at once as overloaded, in its place, with a number of its own", () => {
  const rig = new RequestsRig({ maxOpenRequests: 2 });
  rig.tell(1000, "a", { ask: [1, 2, 3, 4] }, "next").checkpoint();
  assert.deepEqual(rig.state("a"), {
    made: [1, 2, 3, 4],
    heard: ["3 overloaded", "4 overloaded", "next"],
  });
  assert.deepEqual(rig.left(), [1, 2]);
  assert.equal(rig.shard.gauges().openRequests, 2);
  rig.reply(1001, "a", 1, "x").tell(1002, "a", { ask: [5, 6] });
  assert.deepEqual(rig.state("a").heard.slice(3), ['1 answered "x"', "6 overloaded"]);
  rig.takeOver();
  rig.settle();
  rig.tell(1003, "b", { ask: [7] });
  assert.deepEqual(rig.state("b").heard, ["7 overloaded"], "counted from the rows");
});

Deno.test("[4] the text of open requests is bounded too", () => {
  const rig = new RequestsRig({ maxOpenRequestUnits: 250 });
  rig.tell(1000, "a", { ask: ["x".repeat(100), "y".repeat(100), "z".repeat(100), ""] });
  assert.deepEqual(rig.state("a").heard, ["3 overloaded"]);
  rig.checkpoint();
  rig.reply(1001, "a", 1, "x").tell(1002, "a", { ask: ["w".repeat(100)] });
  assert.deepEqual(rig.state("a").heard.slice(1), ['1 answered "x"']);
});

Deno.test("an actor that asks again whenever it is overloaded ends by the bound of local turns", () => {
  const rig = new RequestsRig({ maxOpenRequests: 0, maxLocalTurns: 3 });
  rig.tell(1000, "a", { ask: [1, 2, 3, 4, 5] });
  assert.deepEqual(rig.state("a").heard, ["1 overloaded", "2 overloaded", "3 overloaded"]);
  assert.deepEqual(rig.letters().map((letter) => letter.slice(0, 36)), [
    'too-many-local-turns 0 {"delivery":{',
    'too-many-local-turns 0 {"delivery":{',
  ]);
});

Deno.test("[1] a turn that throws after it asked has not asked, and the refold gives the numbers anew", () => {
  const rig = new RequestsRig();
  rig.tell(1000, "a", { ask: ["gone"], throws: "boom" }, { ask: ["first"] }, { ask: ["second"] });
  rig.checkpoint();
  assert.deepEqual(rig.state("a").made, [1, 2]);
  assert.deepEqual(rig.requested.map(({ n, body }) => [n, body]), [[1, '"first"'], [2, '"second"']]);
});

Deno.test("an answer whose turn throws is a dead letter, closes its request, and can be sent again", () => {
  const rig = new RequestsRig();
  rig.tell(1000, "a", once).checkpoint();
  rig.reply(1001, "a", 1, "boom").reply(1002, "a", 1, "again").tell(1002, "a", "next");
  assert.deepEqual(rig.state("a").heard, ["next"]);
  const delivery = deliveryBody({ request: 1, service: "oracle", ...answered("boom") });
  assert.deepEqual(rig.letters(), [`threw 0 ${JSON.stringify(delivery)}`]);
  assert.equal(rig.shard.gauges().openRequests, 0);
  const [letter] = rig.checkpoints.flatMap(({ deadLetters }) => deadLetters);
  assert.equal(letter!.detail, '1 answered "boom"');

  rig.mended.add('1 answered "boom"');
  const hash = "00112233445566ff";
  const entries = [partMarker, hash, 2, replayMarker, letter!.id, 1, 0, "a", delivery];
  for (const stampMs of [1003, 1004]) rig.appendEntries(stampMs, [["asker", 0]], entries);
  assert.deepEqual(rig.state("a").heard, ["next", '1 answered "boom"']);
});

Deno.test("a timeout whose turn throws is skipped by its place, and the other timers fire once", () => {
  const rig = new RequestsRig();
  rig.onTurn = (text) => {
    if (text === "2 timeout") throw new Error("boom");
  };
  rig.tell(1000, "a", { ask: [1, 2, 3], deadlineMs: 100, timer: ["x", 100] }).tell(1200, "b", "later");
  assert.deepEqual(rig.state("a").heard, ["x", "1 timeout", "3 timeout"]);
  assert.deepEqual(rig.letters().length, 1);
});

Deno.test("answers and timeouts of a suspended actor close their requests and wait, in order", () => {
  const rig = new RequestsRig({ actorBytes: 1 });
  rig.tell(1000, "a", { ask: [1, 2], deadlineMs: 100 }).checkpoint();
  rig.tell(1001, "a", ...new Array(6).fill("boom"));
  rig.reply(1002, "a", 1, "x").reply(1003, "a", 1, "y").tell(1004, "a", "text").tell(1200, "b", "later");
  rig.checkpoint();
  assert.equal(rig.requestRows.size, 0);
  rig.takeOver();
  rig.settle();
  assert.deepEqual(rig.state("a").heard, []);
  rig.appendControl(1300, "asker", "a", "resume");
  assert.deepEqual(rig.state("a").heard, ['1 answered "x"', "text", "2 timeout"]);
});

Deno.test("answers count as failures of their actor", () => {
  const rig = new RequestsRig();
  rig.tell(1000, "a", { ask: new Array(7).fill(1) }).checkpoint();
  for (let n = 1; n <= 7; n++) rig.reply(1001, "a", n, "boom");
  assert.equal(rig.shard.counters.suspensions, 1);
  rig.appendControl(1002, "asker", "a", "discard");
  assert.deepEqual(rig.letters().map((letter) => letter.split(" ")[0]), [
    ...new Array(6).fill("threw"),
    "discarded",
  ]);
});

Deno.test("an answer that kills its host is dead-lettered, and its request does not time out as well", () => {
  const rig = new RequestsRig();
  rig.tell(1000, "a", { ask: [1], deadlineMs: 100 }).checkpoint();
  rig.onTurn = (text) => {
    if (text.includes("kill")) rig.die("thread");
  };
  rig.reply(1001, "a", 1, "kill").tell(1200, "a", "later");
  assert.deepEqual(rig.state("a").heard, ["later"]);
  assert.deepEqual(rig.letters(), [
    `killed-host 0 ${JSON.stringify(deliveryBody({ request: 1, service: "oracle", ...answered("kill") }))}`,
  ]);
});

Deno.test("request() throws when it is not as it must be", () => {
  const refused: readonly [Partial<Order>, RegExp][] = [
    [{ service: "No Such Name" }, /A service's name is 1 to 32 of a-z, 0-9, "-", unlike "No Such Name"/],
    [{ service: "" }, /name is 1 to 32/],
    [{ deadlineMs: 0 }, /deadline is above 0 and at most 86400000 ms from now, not 0/],
    [{ deadlineMs: maxRequestDeadlineMs + 1 }, /deadline is above 0/],
    [
      { ask: ["x".repeat(maxRequestUnits)] },
      /has at most 65536 units of JSON text; this one to oracle has 65538/,
    ],
  ];
  for (const [parts, sentence] of refused) {
    const rig = new RequestsRig();
    rig.tell(1000, "a", { ask: [1], ...parts });
    rig.checkpoint();
    const [letter] = rig.checkpoints.flatMap(({ deadLetters }) => deadLetters);
    assert.match(letter!.detail, sentence);
    assert.deepEqual(rig.requested, []);
  }
});

Deno.test("an actor without answered() cannot ask, and no timer has a request's name", () => {
  const rig = new RequestsRig();
  rig.append(1000, ["mute", "a", 1]);
  rig.tell(1000, "a", { ask: [], timer: ["request 1", 10] });
  rig.checkpoint();
  const details = rig.checkpoints.flatMap(({ deadLetters }) => deadLetters).map(({ detail }) => detail);
  assert.match(details[0]!, /A mute cannot ask oracle: it has no `answered` that takes the answer/);
  assert.match(details[1]!, /another name than those of requests, unlike "request 1"/);
});

Deno.test("an answer for a kind that takes none any more is a dead letter, and its shard goes on", () => {
  const rig = new RequestsRig();
  rig.tell(1000, "a", { ask: [1, 2], deadlineMs: 1000 }).checkpoint();
  rig.left();
  ["mute", "ghost"].forEach((kind, place) => {
    const n = place + 1;
    rig.requestRows.set(n, { ...rig.requestRows.get(n)!, kind });
  });
  rig.takeOver();
  rig.settle();
  assert.deepEqual(rig.left(), [1], "nobody could take an answer to the other one");
  rig.tell(3000, "a", "later");
  assert.deepEqual(rig.state("a").heard, ["later"]);
  assert.deepEqual(rig.letters().map((letter) => letter.split(" ")[0]), ["invalid"]);
  assert.deepEqual([...rig.requestRows.keys()], [2], "kept for a program that knows the kind");
});

Deno.test("parseControl() takes back what the makers of bodies made, and nothing else", () => {
  const reply = { request: 3, outcome: answered([null]) };
  assert.deepEqual(parseControl(replyBody(reply)), { type: "answer", reply });
  const answer = { request: 3, service: "s", type: "failed", code: "timeout", detail: "late" } as const;
  assert.deepEqual(parseControl(deliveryBody(answer)), { type: "delivery", answer });
  const others: readonly Json[] = [
    { answer: null },
    { answer: { request: "3", type: "answered", value: 1 } },
    { answer: { request: 3, type: "answered" } },
    { answer: { request: 3, type: "failed", code: "toString", detail: "" } },
    { answer: { request: 3, type: "failed", code: "timeout" } },
    { delivery: { request: 3, type: "answered", value: 1 } },
    { delivery: [] },
  ];
  for (const body of others) assert.equal(parseControl(body), null);
});
