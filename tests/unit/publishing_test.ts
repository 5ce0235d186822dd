/** What shards publish of their checkpoints, and what becomes of it when the hot state is slow. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { z } from "zod";
import { MAILBOX } from "../../runtime/core/checkpoint.ts";
import { defaultPublishingLimits } from "../../runtime/core/limits.ts";
import { defineActor, Registry } from "../../runtime/core/registry.ts";
import { jsonState } from "../../runtime/core/state.ts";
import { maxQueuedEntries } from "../../runtime/hot/limits.ts";
import { type HotEntry, standingOf } from "../../runtime/hot/port.ts";
import { PublishQueue } from "../../runtime/hot/publish_queue.ts";
import { ShardDriver } from "./shard_driver.ts";

const counter = defineActor({
  kind: "counter",
  state: jsonState({ schema: z.object({ total: z.number() }), initial: () => ({ total: 0 }) }),
  message: { version: 1, schema: z.number(), accepts: (value) => typeof value === "number" },
  receive: (state: { total: number }, message: number) => void (state.total += message),
  queries: { state: { arguments: z.unknown(), answer: (state: { total: number }) => state } },
  published: { query: "state", fields: ({ total }: { total: number }) => ({ total }) },
});
/** A record's value is what to add. */
const registry = new Registry(
  [counter],
  (_topic, value, sink) => sink.message("counter", "a", Number(value)),
);
const topic = "readings";

function driverOf(limits = defaultPublishingLimits): ShardDriver {
  const driver = new ShardDriver(registry, {}, 0, 1, limits, [topic]);
  driver.start();
  return driver;
}

Deno.test("Shard publishes what a checkpoint contains once it is confirmed, and not before", () => {
  const driver = driverOf();
  driver.holdsCommits = true;
  driver.append(1000, ["counter", "a", 2]);
  driver.settle();
  driver.checkpoint();
  driver.append(1001, ["counter", "a", 3]);
  driver.settle();
  assert.equal(driver.published.length, 0);
  driver.commitHeld();
  driver.settle();
  assert.deepEqual(driver.published[0]?.answers, [
    { kind: "counter", id: "a", query: "state", json: '{"total":2}', fields: { total: 2 } },
  ]);
});

Deno.test("Shard publishes nothing of a checkpoint whose host dies before it is confirmed", () => {
  const driver = driverOf();
  driver.holdsCommits = true;
  driver.append(1000, ["counter", "a", 2]);
  driver.settle();
  driver.checkpoint();
  driver.takeOver();
  driver.settle();
  assert.deepEqual(driver.published, []);
});

Deno.test("Shard publishes whom a query has loaded: an owner that ended may have left its last message out", () => {
  const driver = driverOf();
  driver.append(1000, ["counter", "a", 2]);
  driver.settle();
  driver.checkpoint();
  driver.append(1001, ["counter", "a", 3]);
  driver.settle();
  driver.checkpoint();
  const last = () => driver.published.at(-1)?.answers.map(({ json }) => json);
  assert.deepEqual(last(), ['{"total":2}'], "not twice in a second");
  driver.takeOver();
  driver.settle();
  assert.deepEqual(driver.ask("counter", "a"), { total: 5 });
  driver.nowMs += 1000;
  driver.settle();
  assert.deepEqual(last(), ['{"total":5}']);
});

Deno.test("Shard publishes those first that were left out, and all in memory when told to", () => {
  const driver = driverOf({ ...defaultPublishingLimits, maxAnswers: 2 });
  driver.append(1000, ...["a", "b", "c", "d", "e"].map((id) => ["counter", id, 1] as const));
  const ids = () => driver.published.splice(0).flatMap(({ answers }) => answers.map(({ id }) => id));
  const next = () => {
    driver.nowMs += 1000;
    driver.checkpoint();
    return ids();
  };
  driver.settle();
  assert.deepEqual([next(), next(), next(), next()].map(({ length }) => length), [2, 2, 1, 0]);
  driver.shard.publishAll();
  assert.deepEqual([...next(), ...next(), ...next()].sort(), ["a", "b", "c", "d", "e"]);
});

Deno.test("Shard makes checkpoints of nothing only when those who wait are due to be published", () => {
  const driver = driverOf();
  for (driver.nowMs = 0; driver.nowMs < 20_000; driver.nowMs += 25) {
    if (driver.nowMs % 500 === 0) driver.append(driver.nowMs, ["counter", "a", 1]);
    driver.settle();
  }
  const empty = driver.checkpoints.filter(({ snapshots }) => snapshots.ids.length === 0).length;
  assert.ok(driver.published.length >= 19, `once a second: ${driver.published.length} times`);
  assert.ok(empty <= driver.published.length, `${empty} of ${driver.checkpoints.length} are empty`);
});

Deno.test("Shard publishes how far it is in foreign topics, which move no position of the mailbox", () => {
  const driver = driverOf();
  const published = [0, 1, 2].map((offset) => {
    driver.appendRecord(topic, offset, "a", "1");
    driver.settle();
    driver.nowMs += defaultPublishingLimits.intervalMs;
    driver.checkpoint();
    return driver.published.splice(0).map(({ positions, answers }) => {
      return { ...standingOf(positions), json: answers[0]?.json };
    });
  });
  const position = driver.log.length - 1;
  assert.deepEqual(published.flat(), [
    { position, records: 1, json: '{"total":1}' },
    { position, records: 2, json: '{"total":2}' },
    { position, records: 3, json: '{"total":3}' },
  ]);
});

Deno.test("Shard never publishes what is not confirmed, nor goes back", () => {
  const step = fc.constantFrom("append", "checkpoint", "confirm", "die", "wait");
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const driver = driverOf();
    driver.holdsCommits = true;
    let last = { epoch: 0, position: -1 };
    let total = 0;
    for (const each of steps) {
      if (each === "append") driver.append(1000, ["counter", "a", 1]);
      else if (each === "confirm") driver.commitHeld();
      else if (each === "die") driver.takeOver();
      else driver.nowMs += 1000;
      if (each === "checkpoint") driver.checkpoint();
      else driver.settle();
      const confirmed = driver.checkpoints.at(-1)?.positions[MAILBOX]?.offset ?? -1;
      for (const { epoch, positions, answers } of driver.published.splice(0)) {
        const position = positions[MAILBOX] ?? -1;
        assert.ok(position <= confirmed, `published ${position}, confirmed ${confirmed}`);
        assert.ok(epoch > last.epoch || (epoch === last.epoch && position >= last.position));
        last = { epoch, position };
        for (const { json } of answers) {
          assert.ok(JSON.parse(json).total >= total);
          total = JSON.parse(json).total;
        }
      }
    }
  }));
});

function entry(key: string, position = 1): HotEntry {
  return { key, epoch: 1, position, records: 0, atMs: 0, json: "1" };
}

Deno.test("PublishQueue keeps the newest of each key, sheds what has no room, and goes on after a failure", async () => {
  const counts: Record<string, number> = {};
  const puts: HotEntry[][] = [];
  let answer = Promise.withResolvers<number>();
  const hot = {
    put: (entries: readonly HotEntry[]) => {
      puts.push([...entries]);
      return answer.promise;
    },
  };
  const queue = new PublishQueue(hot, (outcome, n) => counts[outcome] = (counts[outcome] ?? 0) + n);
  queue.add([entry("first")]);
  queue.add([entry("a", 1), entry("a", 2)]);
  queue.add(Array.from({ length: maxQueuedEntries }, (_, n) => entry(`k${n}`)));
  assert.equal(queue.size, maxQueuedEntries);
  assert.deepEqual([counts["replaced"], counts["shed"]], [1, 1]);
  answer.reject(new Error("slow"));
  answer = Promise.withResolvers();
  answer.resolve(1);
  for (let turn = 0; queue.size > 0 && turn < 1000; turn++) await Promise.resolve();
  await Promise.resolve();
  assert.equal(queue.size, 0);
  assert.equal(counts["failed"], 1);
  // Of each put of the others, one was taken.
  const putsThen = puts.length - 1;
  assert.deepEqual([counts["put"], counts["older"]], [putsThen, maxQueuedEntries - putsThen]);
  assert.deepEqual(puts[1]?.[0], entry("a", 2));
});
