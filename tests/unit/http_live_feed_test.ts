import assert from "node:assert/strict";
import {
  defaultHttpLimits,
  maxMissedEvents,
  maxMovingPerKind,
  movingHoldMs,
} from "../../actors/http/limits.ts";
import { LiveFeed } from "../../actors/http/live_feed.ts";
import { MovingActors } from "../../actors/http/moving.ts";
import { LiveEvent } from "../../actors/http/schemas.ts";
import { ProblemError } from "../../actors/http/problem.ts";
import { answered, FakeEngine } from "./http_fake_engine.ts";

const window = { from: 0, to: 1, count: 1, min: 2, max: 2, mean: 2, stdSample: null, stdPopulation: 0 };
const withLast = { ...window, last: { ts: 1, value: 2 } };
const windows = { total: {}, channels: { t: { "1h": withLast, "3h": withLast, "12h": withLast } } };

async function withFeed(test: (feed: LiveFeed, engine: FakeEngine, moving: MovingActors) => Promise<void>) {
  const engine = new FakeEngine();
  engine.answer = () => answered(windows);
  const moving = new MovingActors(["sensor", "series"]);
  const feed = new LiveFeed({
    engine,
    moving,
    limits: { ...defaultHttpLimits, maxListeners: 2 },
    log: (sentence) => assert.fail(sentence),
  });
  try {
    await test(feed, engine, moving);
  } finally {
    feed.close();
  }
}

type Reader = ReadableStreamDefaultReader<Uint8Array>;

async function next(reader: Reader): Promise<LiveEvent> {
  const { value } = await reader.read();
  const text = new TextDecoder().decode(value);
  assert.match(text, /^data: .*\n\n$/);
  return LiveEvent.parse(JSON.parse(text.slice("data: ".length)));
}

Deno.test("listen() gives an event at once, and one with the actors as soon as they answered", () =>
  withFeed(async (feed, _engine, moving) => {
    moving.note("sensor", "a");
    const reader = feed.listen().getReader();
    const first = await next(reader);
    assert.equal(first.ready, true);
    assert.deepEqual(first.moving, []);
    const second = await next(reader);
    assert.deepEqual(second.moving, [
      { kind: "sensor", id: "a", last: { t: { ts: 1, value: 2 } }, windows1h: { t: withLast } },
    ]);
    await reader.cancel();
  }));

Deno.test("tick() asks each actor once for all listeners, and nobody without listeners", () =>
  withFeed(async (feed, engine, moving) => {
    moving.note("sensor", "a");
    await feed.tick();
    assert.equal(engine.asked.length, 0);
    const readers = [feed.listen().getReader(), feed.listen().getReader()];
    for (const reader of readers) for (let count = 0; count < 2; count++) await next(reader);
    engine.asked.length = 0;
    await feed.tick();
    assert.equal(engine.asked.length, 1);
    assert.equal(engine.asked[0]?.options.consistency, "local");
    for (const reader of readers) {
      await next(reader);
      await reader.cancel();
    }
  }));

Deno.test("tick() tells what was accepted while actors were slow to answer", () =>
  withFeed(async (feed, engine, moving) => {
    const reader = feed.listen().getReader();
    for (let count = 0; count < 2; count++) await next(reader);
    moving.note("sensor", "a");
    const slow = Promise.withResolvers<void>();
    engine.ask = async () => {
      await slow.promise;
      return answered(windows);
    };
    const ticks = [feed.tick(), feed.tick()];
    engine.totals = { ...engine.totals, accepted: 5000 };
    slow.resolve();
    await Promise.all(ticks);
    const { ratePerSecond } = await next(reader);
    assert.ok(ratePerSecond > 0, `${ratePerSecond}`);
    await feed.tick();
    assert.equal((await next(reader)).ratePerSecond, 0);
    await reader.cancel();
  }));

Deno.test("A listener that does not read loses events and queues none", () =>
  withFeed(async (feed, engine) => {
    const reader = feed.listen().getReader();
    for (let count = 0; count < maxMissedEvents - 2; count++) await feed.tick();
    engine.totals = { ...engine.totals, messages: 1 };
    await feed.tick();
    const seen = [await next(reader), await next(reader)];
    assert.deepEqual(seen.map(({ messages }) => messages), [0, 0]);
    await feed.tick();
    assert.equal((await next(reader)).messages, 1);
    await reader.cancel();
  }));

Deno.test("A listener that reads nothing for too long is dropped, and its place is free", () =>
  withFeed(async (feed) => {
    const stalled = feed.listen().getReader();
    const reading = feed.listen().getReader();
    for (let count = 0; count < 2; count++) await next(reading);
    // One event more than it may miss, after the one that it had room for.
    for (let count = 0; count < maxMissedEvents + 2; count++) {
      await feed.tick();
      await next(reading);
    }
    await assert.rejects(stalled.read(), (thrown) => /is dropped/.test(String(thrown)));
    const another = feed.listen();
    await Promise.all([another.cancel(), reading.cancel()]);
  }));

Deno.test("listen() refuses more listeners than the bound, and has room when one has gone", () =>
  withFeed(async (feed) => {
    const [first, second] = [feed.listen(), feed.listen()];
    assert.throws(
      () => feed.listen(),
      (thrown) => thrown instanceof ProblemError && thrown.code === "too-many-listeners",
    );
    await first.cancel();
    const third = feed.listen();
    await Promise.all([second.cancel(), third.cancel()]);
  }));

Deno.test("close() ends the streams", () =>
  withFeed(async (feed) => {
    const reader = feed.listen().getReader();
    await next(reader);
    feed.close();
    while (!(await reader.read()).done);
  }));

Deno.test("note() follows a bounded number of each kind and keeps those that moved lately", () => {
  const moving = new MovingActors(["sensor", "series"]);
  const count = maxMovingPerKind;
  for (let i = 0; i < count; i++) moving.note("sensor", `s${i}`, i);
  moving.note("sensor", "newcomer", movingHoldMs - 1);
  moving.note("ballot", "b", 0);
  assert.ok(!moving.list().some(({ id }) => id === "newcomer" || id === "b"));
  moving.note("sensor", "s0", movingHoldMs);
  moving.note("sensor", "newcomer", movingHoldMs + 1);
  moving.note("series", "load1", 0);
  const ids = moving.list().map(({ id }) => id);
  assert.equal(ids.length, count + 1);
  assert.deepEqual(ids.slice(0, 2), ["newcomer", "s0"]);
  assert.ok(!ids.includes("s1"));
});

Deno.test("watch() notes what a source moves and passes it on", async () => {
  const engine = new FakeEngine();
  const moving = new MovingActors(["series"]);
  const batch = moving.watch(engine).batch("k");
  batch.add("series", "load1", [null, null, 1]);
  assert.equal(batch.size, 1);
  await batch.send();
  assert.deepEqual(engine.sent, [{ kind: "series", id: "load1", message: [null, null, 1], key: "k" }]);
  assert.deepEqual(moving.list(), [{ kind: "series", id: "load1" }]);
});
