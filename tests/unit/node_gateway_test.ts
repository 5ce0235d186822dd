/** The gateway over a log whose appends the test settles. */

import assert from "node:assert/strict";
import { decodeFrame, type Frame } from "../../runtime/core/frame.ts";
import { defineActor, Registry } from "../../runtime/core/registry.ts";
import { jsonState } from "../../runtime/core/state.ts";
import { type AppendReceipt, LogError, type NewFrame } from "../../runtime/log/port.ts";
import { Backlog } from "../../runtime/node/backlog.ts";
import { type Piece, ShardedBatch } from "../../runtime/node/batch.ts";
import { Deadlines } from "../../runtime/node/deadlines.ts";
import { Gateway } from "../../runtime/node/gateway.ts";
import { EngineError } from "../../runtime/node/engine.ts";
import { ShardedRecords } from "../../runtime/node/record_batch.ts";
import { Repeats } from "../../runtime/node/repeats.ts";
import type { Tracing } from "../../runtime/node/tracing.ts";
import type { Waiting } from "../../runtime/node/waiting.ts";
import { shardOf } from "../../runtime/core/murmur2.ts";
import {
  appendBudgetMs,
  maxAppendBytes,
  maxBacklogBytes,
  maxFrameContexts,
  maxFrameMessages,
  maxPartMessages,
} from "../../runtime/node/limits.ts";
import { z } from "zod";

const registry = new Registry([defineActor({
  kind: "note",
  state: jsonState({ schema: z.null(), initial: () => null }),
  message: { version: 1, schema: z.string(), accepts: (value) => typeof value === "string" },
  receive() {},
  queries: {},
})]);

interface Append {
  readonly frames: readonly NewFrame[];
  succeed(): void;
  fail(error: LogError): void;
}

class Rig {
  readonly appends: Append[] = [];
  readonly backlog = new Backlog(2);
  readonly refusals = ["", ""];
  keysFull = false;
  nowMs = 0;
  waitingFor: string | null = null;
  readonly reports: string[] = [];
  readonly deadlines: Deadlines;
  readonly gateway: Gateway;
  readonly #offsets = [0, 0];
  readonly #repeats = new Repeats({ nowMs: () => this.nowMs }, ({ message }) => this.reports.push(message));

  constructor(sendDeadlineMs = 60_000, tracing: Tracing | null = null) {
    this.deadlines = new Deadlines(sendDeadlineMs);
    this.gateway = new Gateway({
      start: "start",
      shardCount: 2,
      log: { append: (frames) => this.#append(frames) },
      logWaitingFor: () => this.waitingFor,
      clock: { nowMs: () => this.nowMs, sleep: () => Promise.resolve() },
      backlog: this.backlog,
      shards: { refusal: (shard) => this.refusals[shard] || null, keysFull: () => this.keysFull },
      observer: { appended() {}, refused() {} },
      deadlines: this.deadlines,
      tracing,
      report: (notice) => this.#repeats.add(notice),
      onReceipt() {},
    });
  }

  #append(frames: readonly NewFrame[]): Promise<readonly AppendReceipt[]> {
    const { promise, resolve, reject } = Promise.withResolvers<readonly AppendReceipt[]>();
    const succeed = () =>
      resolve(frames.map(({ shard }) => ({ offset: this.#offsets[shard]!++, stampMs: 0 })));
    this.appends.push({ frames, succeed, fail: reject });
    return promise;
  }

  batch(key: string | null = null): ShardedBatch {
    return new ShardedBatch(registry, 2, key, (pieces, isKeyed) => this.gateway.send(pieces, isKeyed));
  }

  send(text: string, key: string | null = null, count = 1): Promise<void> {
    const batch = this.batch(key);
    for (let i = 0; i < count; i++) batch.add("note", "a", text);
    return batch.send();
  }

  [Symbol.dispose](): void {
    this.deadlines.close();
  }

  /** The append under way, once there is one after `settled` others. */
  async append(settled: number): Promise<Append> {
    for (let turns = 0; turns < 1000; turns++) {
      const append = this.appends[settled];
      if (append !== undefined) return append;
      await Promise.resolve();
    }
    return assert.fail(`Waited 1000 microtasks for append ${settled}`);
  }
}

function frameOf(append: Append, index = 0): Frame {
  return decodeFrame(append.frames[index]!.text);
}

Deno.test("Gateway.send() groups what arrives during an append into the next one", async () => {
  using rig = new Rig();
  const sends = [rig.send("one"), rig.send("two"), rig.send("three")];
  const first = await rig.append(0);
  assert.deepEqual(frameOf(first).entries, [0, "a", "one"]);
  first.succeed();
  const second = await rig.append(1);
  assert.deepEqual(frameOf(second).entries, [0, "a", "two", 0, "a", "three"]);
  assert.deepEqual(frameOf(second).origin, { type: "gateway", start: "start", n: 2 });
  second.succeed();
  await Promise.all(sends);
  assert.equal(rig.gateway.waitingBytes, 0);
});

Deno.test("Gateway.send() makes frames of their own of a foreign topic's records, in their order", async () => {
  using rig = new Rig();
  const records = (offset: number) => {
    const batch = new ShardedRecords(registry, 1, "ENTRY", 0, (pieces) => rig.gateway.send(pieces, false));
    batch.add(offset, "note", "a", `record ${offset}`, 10);
    return batch.send();
  };
  const sends = [rig.send("one"), records(7), records(8), rig.send("two"), rig.send("three")];
  (await rig.append(0)).succeed();
  const second = await rig.append(1);
  const source = (offset: number) => ({ type: "source", topic: "ENTRY", partition: 0, offsets: [offset] });
  const own = second.frames.map((_, at) => frameOf(second, at)).filter(({ origin }) =>
    origin.type === "source"
  );
  assert.deepEqual(own.map(({ origin }) => origin), [source(7), source(8)]);
  assert.deepEqual(own.map(({ entries }) => entries), [[0, "a", "record 7"], [0, "a", "record 8"]]);
  const rest = second.frames.map((_, at) => frameOf(second, at)).filter(({ origin }) =>
    origin.type === "gateway"
  );
  assert.deepEqual(rest.map(({ origin }) => origin), [{ type: "gateway", start: "start", n: 2 }]);
  assert.deepEqual(rest.map(({ entries }) => entries), [[0, "a", "two", 0, "a", "three"]]);
  second.succeed();
  await Promise.all(sends);
});

Deno.test("Gateway.send() repeats an append under the same number when its outcome is unknown", async () => {
  using rig = new Rig();
  const sending = rig.send("one");
  const later = rig.send("two");
  (await rig.append(0)).fail(new LogError("unknown", "lost"));
  const repeated = await rig.append(1);
  assert.deepEqual(repeated.frames, rig.appends[0]!.frames);
  repeated.succeed();
  await sending;
  const next = await rig.append(2);
  assert.deepEqual(frameOf(next).origin, { type: "gateway", start: "start", n: 2 });
  next.succeed();
  await later;
});

Deno.test("Gateway.send() tells each sender what is not known when the log never says whether it took a group", async () => {
  using rig = new Rig();
  const sending = waitingOf(rig.send("one"), /The outcome is unknown.*It said: lost$/);
  const append = await rig.append(0);
  rig.nowMs = appendBudgetMs;
  append.fail(new LogError("unknown", "lost"));
  const waiting = await sending;
  assert.ok(waiting?.type === "send");
  assert.deepEqual([waiting.state, waiting.waitedMs], ["log", appendBudgetMs]);
});

Deno.test("Gateway.send() says why when the log takes nothing", async () => {
  using rig = new Rig();
  const full = assert.rejects(rig.send("one"), { name: "EngineError", code: "log_full" });
  (await rig.append(0)).fail(new LogError("full", "no space"));
  await full;
  const away = assert.rejects(rig.send("two"), { name: "EngineError", code: "unavailable" });
  (await rig.append(1)).fail(new LogError("unavailable", "gone"));
  await away;
  const again = rig.send("three");
  (await rig.append(2)).succeed();
  await again;
});

/** What is waited for, of a send that fails as a timeout with this sentence. */
async function waitingOf(sending: Promise<void>, sentence: RegExp): Promise<Waiting | null> {
  const error = await sending.then(() => null, (thrown: unknown) => thrown);
  assert.ok(error instanceof EngineError, String(error));
  assert.equal(error.code, "timeout");
  assert.match(error.message, sentence);
  return error.waiting;
}

Deno.test("Gateway.send() fails as a timeout with unknown outcome when the log does not answer", async () => {
  using rig = new Rig(20);
  const batch = rig.batch();
  for (const id of ["a", "b", "c", "d"]) batch.add("note", id, "text");
  const sends = [
    waitingOf(
      rig.send("one"),
      /to a message for note "a" in shard \d: the log has it.*same Idempotency-Key$/,
    ),
    waitingOf(rig.send("two"), /an append before it is under way\. The outcome is unknown/),
    waitingOf(batch.send(), /20 ms to 4 messages for 2 shards/),
  ];
  rig.nowMs = 20;
  const [handed, behind, several] = await Promise.all(sends);
  const shard = shardOf("a", 2);
  const common = { type: "send", waitedMs: 20, outcome: "unknown" };
  const target = { kind: "note", id: "a" };
  assert.deepEqual(handed, { ...common, target, shards: [shard], messages: 1, state: "log" });
  assert.deepEqual(behind, { ...common, target, shards: [shard], messages: 1, state: "gateway" });
  assert.deepEqual(several, { ...common, target: null, shards: [0, 1], messages: 4, state: "gateway" });
  // The log comes back: what was sent keeps its order, and senders are served again.
  (await rig.append(0)).succeed();
  const second = await rig.append(1);
  const place = second.frames.findIndex((frame) => frame.shard === shard);
  assert.deepEqual(frameOf(second, place).entries.slice(0, 3), [0, "a", "two"]);
  second.succeed();
  const again = rig.send("three");
  (await rig.append(2)).succeed();
  await again;
});

Deno.test("Gateway reports a full log once, and once that it takes messages again", async () => {
  using rig = new Rig();
  let appends = 0;
  const send = async (error: LogError | null) => {
    const sending = rig.send("one").catch(() => {});
    const append = await rig.append(appends++);
    if (error === null) append.succeed();
    else append.fail(error);
    await sending;
  };
  const full = new LogError(
    "full",
    "Cannot append 4 frames to /data/log: no space; free some and append again.",
  );
  await send(null);
  assert.deepEqual(rig.reports, []);
  for (let n = 0; n < 3; n++) await send(full);
  assert.equal(rig.reports.length, 1);
  assert.match(
    rig.reports[0]!,
    /^Cannot append 4 frames to \/data\/log: .* append again\. Messages are refused/,
  );
  // A small append fits where a large one does not: that is no end yet.
  await send(null);
  await send(full);
  assert.equal(rig.reports.length, 1);
  rig.nowMs += 60_000;
  await send(null);
  await send(null);
  assert.equal(rig.reports.length, 3);
  assert.match(rig.reports[1]!, /refused meanwhile\. \(repeated 3 times in 60 s\)$/);
  assert.match(rig.reports[2]!, /takes messages again/);
  await send(new LogError("unavailable", "gone"));
  assert.match(rig.reports[3]!, /^gone\. Messages are refused/);
});

Deno.test("Gateway.send() is refused before anything is written when a bound is reached", async () => {
  using rig = new Rig();
  rig.backlog.appended(0, 0, maxBacklogBytes + 1, 0);
  await assert.rejects(rig.send("one"), { code: "overloaded", retryAfterS: 1 });
  rig.backlog.folded(0, 0);
  rig.keysFull = true;
  await assert.rejects(rig.send("one", "key"), { code: "keys_full" });
  rig.refusals.fill("records 3..4 are missing");
  await assert.rejects(rig.send("one"), { code: "unavailable", message: /records 3..4 are missing/ });
  rig.refusals.fill("");
  await rig.gateway.stop();
  await assert.rejects(rig.send("one"), { code: "stopping" });
  assert.equal(rig.appends.length, 0);
});

Deno.test("Gateway.send() keeps frames within their bound of messages", async () => {
  using rig = new Rig();
  const sending = rig.send("x", null, 10_000);
  const first = await rig.append(0);
  const sizes = first.frames.map((_, index) => frameOf(first, index).entries.length / 3);
  assert.equal(sizes.reduce((sum, size) => sum + size), 10_000);
  assert.ok(Math.max(...sizes) <= maxFrameMessages, String(sizes));
  first.succeed();
  await sending;
});

Deno.test("ShardedBatch.send() marks the parts of a keyed body alike when it is repeated", async () => {
  const pieces = async (key: string, count: number): Promise<readonly Piece[]> => {
    let sent: readonly Piece[] = [];
    const batch = new ShardedBatch(registry, 1, key, (pieces) => {
      sent = pieces;
      return Promise.resolve();
    });
    for (let i = 0; i < count; i++) batch.add("note", "a", `message ${i}`);
    await batch.send();
    return sent;
  };
  const texts = (await pieces("key", 5000)).map(({ text }) => text);
  assert.deepEqual((await pieces("key", 5000)).map(({ text }) => text), texts);
  assert.equal(texts.length, 4, "halves of at most the bound");
  const markers = texts.map((text) => /^-1,"([0-9a-f]{16})",(\d+),/.exec(text));
  const counts = markers.map((marker) => Number(marker?.[2]));
  assert.equal(counts.reduce((sum, count) => sum + count), 5000);
  assert.ok(Math.max(...counts) <= maxPartMessages);
  assert.equal(new Set(markers.map((marker) => marker?.[1])).size, 4, "every part has its own hash");
  const [other] = await pieces("other", 5000);
  assert.notEqual(other?.text, texts[0]);
});

/** Every request is traced, under the context that `current` says; null: it is not. */
class FakeTracing implements Tracing {
  current: string | null = null;
  readonly ended: string[] = [];

  begin(name: string, attributes: Record<string, unknown>) {
    const context = this.current;
    if (context === null) return null;
    const told = `${name} ${context} ${JSON.stringify(attributes)}`;
    const end = (problem?: string) =>
      void this.ended.push(problem === undefined ? told : `${told}: ${problem}`);
    return { context, end };
  }

  add(): string {
    return assert.fail("A gateway's spans have a beginning and an end of their own");
  }
}

Deno.test("Gateway.send() names in a frame the traced requests that wrote to it, and in no other", async () => {
  const tracing = new FakeTracing();
  using rig = new Rig(60_000, tracing);
  using untraced = new Rig();
  const first = [rig.send("one"), untraced.send("one")];
  assert.deepEqual((await rig.append(0)).frames, (await untraced.append(0)).frames);
  tracing.current = "context-1";
  const second = [rig.send("two"), rig.send("three")];
  tracing.current = null;
  second.push(rig.send("four"));
  (await rig.append(0)).succeed();
  (await untraced.append(0)).succeed();
  const append = await rig.append(1);
  assert.deepEqual(frameOf(append).contexts, ["context-1"]);
  assert.deepEqual(frameOf(append).entries, [0, "a", "two", 0, "a", "three", 0, "a", "four"]);
  append.succeed();
  await Promise.all([...first, ...second]);
  const attributes = '{"sensorium.bytes":13,"sensorium.messages":1,"sensorium.shards":1}';
  assert.equal(tracing.ended[0], `append context-1 ${attributes}`);
  assert.equal(tracing.ended.length, 2);
});

Deno.test("Gateway.send() names at most maxFrameContexts traced requests in a frame", async () => {
  const tracing = new FakeTracing();
  using rig = new Rig(60_000, tracing);
  const sends = [rig.send("first")];
  for (let n = 0; n <= maxFrameContexts; n++) {
    tracing.current = `context-${n}`;
    sends.push(rig.send("more"));
  }
  (await rig.append(0)).succeed();
  const append = await rig.append(1);
  assert.equal(frameOf(append).contexts?.length, maxFrameContexts);
  append.succeed();
  await Promise.all(sends);
});

Deno.test("Gateway.send() ends its span with what went wrong", async () => {
  const tracing = new FakeTracing();
  tracing.current = "context";
  using rig = new Rig(60_000, tracing);
  const sending = rig.send("one");
  (await rig.append(0)).fail(new LogError("full", "The disk is full."));
  await assert.rejects(sending, EngineError);
  assert.match(tracing.ended[0] ?? "", /: The disk is full\.$/);
});

/** Two pieces, of which one fills a group and the other is in the next. */
function sendTwoGroups(rig: Rig): Promise<unknown> {
  const [first, second] = shardOf("a", 2) === 0 ? ["a", idIn(1)] : [idIn(0), "a"];
  const batch = rig.batch();
  for (let n = 0; n < 8; n++) batch.add("note", first, "x".repeat(maxAppendBytes / 8));
  batch.add("note", second, "y");
  return batch.send().catch((thrown) => thrown);
}

function idIn(shard: number): string {
  return ["b", "c", "d", "e", "f", "g"].find((id) => shardOf(id, 2) === shard) ?? "";
}

for (const firstSucceeds of [true, false]) {
  const which = firstSucceeds ? "behind one that was written" : "before one that may yet be";
  Deno.test(`8: Gateway.send() says that the outcome is unknown when a part is refused ${which}`, async () => {
    using rig = new Rig();
    const told = sendTwoGroups(rig);
    const full = new LogError("full", "The disk is full.");
    const first = await rig.append(0);
    if (firstSucceeds) first.succeed();
    else first.fail(full);
    const second = await rig.append(1);
    if (firstSucceeds) second.fail(full);
    else second.succeed();
    const error = await told;
    assert.ok(error instanceof EngineError);
    assert.equal(error.code, "timeout");
    assert.match(
      error.message,
      /^Not all of .* refused a part, .* unknown: repeat it under the same Idempotency-Key/,
    );
    assert.equal(error.retryAfterS, 30, "as of a full disk");
    assert.equal(error.waiting?.type === "send" ? error.waiting.state : null, "part");
  });
}

Deno.test("8: Gateway refuses at once while the log waits for its servers, and what no append has taken", async () => {
  using rig = new Rig();
  const underWay = rig.send("under way");
  const first = await rig.append(0);
  const waiting = [rig.send("one"), rig.send("two")];
  rig.waitingFor = "Kafka at k:1 does not answer";
  rig.gateway.look();
  for (const send of [...waiting, rig.send("three")]) {
    await assert.rejects(send, (error) => {
      assert.ok(error instanceof EngineError);
      assert.deepEqual([error.code, error.retryAfterS], ["unavailable", 2]);
      assert.match(error.message, /^Cannot accept messages: Kafka at k:1 does not answer$/);
      return true;
    });
  }
  rig.waitingFor = null;
  const after = rig.send("after");
  first.succeed();
  await underWay;
  const second = await rig.append(1);
  assert.deepEqual(frameOf(second).entries, [0, "a", "after"]);
  assert.deepEqual(frameOf(second).origin, { type: "gateway", start: "start", n: 2 });
  second.succeed();
  await after;
  assert.equal(rig.gateway.waitingBytes, 0);
});
