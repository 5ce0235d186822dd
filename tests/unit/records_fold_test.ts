/**
 * Foreign topics that are folded directly: each record once, in order per topic, whatever the interleaving and wherever
 * the shard begins anew. Guarantees 6 of `shard.ts`, 1 of `inbox.ts`, all of `records.ts`.
 */

import assert from "node:assert/strict";
import fc from "fast-check";
import { z } from "zod";
import type { Json } from "../../runtime/core/actor.ts";
import { MAILBOX } from "../../runtime/core/checkpoint.ts";
import { encodeFrame } from "../../runtime/core/frame.ts";
import { shardOf } from "../../runtime/core/murmur2.ts";
import { parseRecords, type ReadRecord } from "../../runtime/core/records.ts";
import { defineActor, Registry } from "../../runtime/core/registry.ts";
import { jsonState } from "../../runtime/core/state.ts";
import { cutRecords, packRecords } from "../../runtime/log/pack_records.ts";
import { ShardDriver } from "./shard_driver.ts";

type State = { seen: Json[]; atMs: number };

let kill: (() => void) | null = null;

/** Remembers every message; some are fatal. */
const recorder = defineActor<State, Json>({
  kind: "recorder",
  state: jsonState<State>({
    schema: z.object({ seen: z.array(z.json()), atMs: z.number() }),
    initial: () => ({ seen: [], atMs: 0 }),
  }),
  message: {
    version: 1,
    schema: z.json() as z.ZodType<Json>,
    accepts: (value): value is Json => value !== undefined,
  },
  receive: (state, message, context) => {
    if (typeof message === "string" && message.startsWith("throw")) throw new Error("It throws");
    if (typeof message === "string" && message.startsWith("kill")) kill?.();
    if (typeof message === "string" && message.startsWith("local")) {
      context.send(context.self, `sent by ${message}`);
    }
    state.seen.push(message);
    state.atMs = context.nowMs;
  },
  queries: { state: { arguments: z.object({}), answer: (state) => state } },
});

/** `id:message,message`; text that begins with "!" is no record. */
const readRecord: ReadRecord = (_topic, value, sink) => {
  if (value.startsWith("!")) return sink.refuse("malformed", "It begins with !");
  const [id = "", messages = ""] = value.split(":");
  for (const message of messages.split(",")) if (message !== "") sink.message("recorder", id, message);
};

const registry = new Registry([recorder], readRecord);
const topics = ["readings", "other"];
const driverOf = (limits = {}) => new ShardDriver(registry, limits, 0, 1, null, topics);
const seen = (driver: ShardDriver, id: string) =>
  (driver.ask("recorder", id) as State | undefined)?.seen ?? [];
const letters = (driver: ShardDriver) => {
  const all = driver.checkpoints.flatMap(({ deadLetters }) => deadLetters);
  return [...new Map(all.map((letter) => [letter.id, letter])).values()];
};

const step = fc.record({
  topic: fc.constantFrom(...topics, MAILBOX),
  count: fc.integer({ min: 1, max: 6 }),
  items: fc.integer({ min: 1, max: 3 }),
  gap: fc.integer({ min: 1, max: 3 }),
  form: fc.constantFrom("plain", "plain", "plain", "throw", "local", "refused", "wrong"),
  atOnce: fc.constantFrom(1, 2, 3, Infinity),
  passesMs: fc.constantFrom(0, 10, 1500, 5000),
  shard: fc.constantFrom("waits", "folds", "folds", "saves", "dies", "dies unheard"),
});

Deno.test("a shard folds each record once and in order per topic, however topics interleave and wherever it dies", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.boolean(), (steps, isSmall) => {
      const driver = driverOf(isSmall ? { foldBudgetMs: 0 } : {});
      if (isSmall) driver.sliceMs = 0;
      driver.nowMs = 1000;
      driver.start();
      const offsets: Record<string, number> = { readings: -1, other: -1 };
      const expected: Record<string, Json[]> = { readings: [], other: [], [MAILBOX]: [] };
      const dead: Record<string, number[]> = { readings: [], other: [] };
      let n = 0;
      for (const { topic, count, items, gap, form, atOnce, passesMs, shard } of steps) {
        driver.nowMs += passesMs;
        driver.recordsAtOnce = atOnce;
        for (let place = 0; place < count; place++) {
          const text = `${form}${n++}`;
          if (topic === MAILBOX) {
            driver.append(driver.nowMs, ["recorder", topic, `mail${n}`]);
            expected[topic]!.push(`mail${n}`);
            continue;
          }
          const offset = offsets[topic]! += gap;
          const messages = Array.from({ length: items }, (_, item) => `${text}.${item}`);
          if (form === "refused") driver.appendRecord(topic, offset, topic, "!");
          else driver.appendRecord(topic, offset, form === "wrong" ? "x" : topic, `${topic}:${messages}`);
          if (form === "plain") expected[topic]!.push(...messages);
          else if (form === "local") {
            expected[topic]!.push(...messages.flatMap((message) => [message, `sent by ${message}`]));
          } else dead[topic]!.push(...(form === "refused" ? [offset] : messages.map(() => offset)));
        }
        driver.holdsCommits = shard === "dies unheard";
        if (shard !== "waits") driver.settle();
        if (shard === "saves") driver.checkpoint();
        if (shard === "dies") driver.takeOver();
        if (shard === "dies unheard") driver.loseCommitAnswers();
      }
      driver.holdsCommits = false;
      driver.settle();
      driver.nowMs += 5000;
      driver.checkpoint();
      assert.deepEqual(driver.refusals, []);
      assert.deepEqual(seen(driver, MAILBOX), expected[MAILBOX]);
      for (const topic of topics) {
        // A throw too many suspends the actor: what comes then is parked or dead.
        if (letters(driver).some(({ detail }) => detail.includes("suspended"))) continue;
        assert.deepEqual(seen(driver, topic), expected[topic]);
        const found = letters(driver).filter((letter) => letter.topic === `${topic}/0`);
        assert.deepEqual(found.map(({ offset }) => offset).sort((a, b) => a - b), dead[topic]);
      }
    }),
    { numRuns: 300 },
  );
});

Deno.test("records wait for a tick of the claim, and while they come one is sent each second", () => {
  const driver = driverOf();
  driver.nowMs = 5000;
  driver.appendRecord("readings", 0, "a", "a:1");
  driver.start();
  driver.settle();
  const state = driver.ask("recorder", "a") as State;
  assert.deepEqual(state, { seen: ["1"], atMs: 5000 });
  const { length } = driver.log;
  driver.nowMs = 5500;
  driver.appendRecord("readings", 1, "a", "a:2");
  driver.settle();
  assert.deepEqual(driver.ask("recorder", "a"), { seen: ["1", "2"], atMs: 5000 });
  assert.equal(driver.log.length, length, "the clock is young enough");
  driver.nowMs = 9000;
  driver.appendRecord("readings", 2, "a", "a:3");
  driver.settle();
  assert.deepEqual(driver.ask("recorder", "a"), { seen: ["1", "2", "3"], atMs: 9000 });
  assert.equal(driver.log.length, length + 1);
});

Deno.test("a record that kills its host is a dead letter with its place in the topic", () => {
  const driver = driverOf();
  kill = () => driver.die("thread");
  driver.appendRecord("readings", 3, "a", "a:1");
  driver.appendRecord("readings", 7, "a", "a:2,kill,3");
  driver.appendRecord("readings", 8, "a", "a:4");
  driver.nowMs = 1000;
  driver.start();
  driver.settle();
  driver.checkpoint();
  kill = null;
  assert.deepEqual(seen(driver, "a"), ["1", "2", "3", "4"]);
  assert.equal(driver.deaths, 5);
  assert.deepEqual(
    letters(driver).map(({ id, topic, offset, reason }) => ({ id, topic, offset, reason })),
    [{ id: "readings-0-7-0-1-0-0", topic: "readings/0", offset: 7, reason: "killed-host" }],
  );
  assert.equal(driver.memory.attempts, null);
});

Deno.test("a topic that came through the mailbox goes on where that ended when it is folded directly", () => {
  const driver = driverOf();
  const through = (...offsets: number[]) =>
    driver.appendText(
      1000,
      encodeFrame({
        origin: { type: "source", topic: "readings", partition: 0, offsets },
        types: registry.wireTypes,
        entries: offsets.flatMap((offset) => [0, "a", `${offset}`]),
      }),
    );
  for (const offset of [0, 1, 2, 3, 4, 5]) driver.appendRecord("readings", offset, "a", `a:${offset}`);
  driver.nowMs = 1000;
  through(0, 1, 2);
  driver.start();
  driver.settle();
  through(2, 3, 4, 5);
  driver.settle();
  assert.deepEqual(seen(driver, "a"), ["0", "1", "2", "3", "4", "5"]);
});

const records = (...list: readonly (readonly [number, string | null, string | null])[]) =>
  list.map(([offset, key, value]) => ({
    offset,
    key: key === null ? null : new TextEncoder().encode(key),
    value: value === null ? null : new TextEncoder().encode(value),
  }));

Deno.test("parseRecords() refuses what is not keyed by id, is elsewhere, or cannot be read, and nothing else", () => {
  const shards = 8;
  const shard = shardOf("a", shards);
  const elsewhere = ["b", "c", "d"].find((id) => shardOf(id, shards) !== shard)!;
  const around = { topic: "readings", shard, next: 10, removed: { first: 0, last: 1 } };
  const list = records(
    [2, "a", "a:1"],
    [3, "b", "a:2"],
    [4, null, "a:3"],
    [5, elsewhere, `${elsewhere}:4`],
    [6, "a", null],
    [7, "a", ""],
    [8, "a", "a:5,é"],
  );
  list.push({ offset: 9, key: list[0]!.key, value: new Uint8Array([0xff, 0x61]) });
  const frame = parseRecords(packRecords(around, list), 0, shards, registry);
  const told = frame.runs.flatMap((run) =>
    run.type < 0 ? [run.text] : run.bodies.map((body) => `${run.text.slice(0, 1)} ${body}`)
  );
  assert.deepEqual(told, [
    "removed",
    "a 1",
    "wrong-key",
    "wrong-key",
    "wrong-partition",
    "malformed",
    "empty",
    "a 5",
    "a é",
    "malformed",
  ]);
  assert.deepEqual(frame.origin.type === "source" && frame.origin.offsets, [1, 2, 3, 4, 5, 6, 7, 8, 8, 9]);
});

Deno.test("cutRecords() keeps every record, and what was removed before the first", () => {
  const list = records([2, "a", "a:1"], [3, "a", "a:2"], [5, "a", "a:3"]);
  const around = { topic: "readings", shard: 0, next: 9, removed: { first: 0, last: 1 } };
  const frames = cutRecords(around, list, 5);
  assert.deepEqual(frames.map(({ offsets }) => [...offsets]), [[2, 3], [5]]);
  assert.deepEqual(frames.map(({ next }) => next), [4, 9]);
  assert.deepEqual(frames.map(({ removed }) => removed), [around.removed, null]);
  assert.deepEqual(cutRecords(around, [], 5).map(({ next }) => next), [9]);
});
