/** The engine on real threads and real files, without faults. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { LogError } from "../../runtime/log/port.ts";
import { StoreError } from "../../runtime/store/port.ts";
import { eventually } from "../services/eventually.ts";
import { withFolder } from "../services/folder.ts";
import { startEngine } from "../../runtime/node/node.ts";
import { EngineError } from "../../runtime/node/engine.ts";
import type { Notice } from "../../runtime/node/notice.ts";
import { add, counted, deadlineMs, definitionsUrl, startCounters, withEngine } from "./engine_harness.ts";

const strict = { consistency: "strict", deadlineMs } as const;

Deno.test("send() and ask() make a round trip when messages go to many actors", () =>
  withEngine(async (engine) => {
    const batch = engine.batch();
    for (let i = 0; i < 1000; i++) batch.add("counter", `c${i % 50}`, { add: i % 7 });
    assert.equal(batch.size, 1000);
    await batch.send();
    let count = 0;
    for (let c = 0; c < 50; c++) count += (await counted(engine, `c${c}`)).count;
    assert.equal(count, 1000);
    assert.deepEqual(await engine.ask({ kind: "counter", id: "never" }, "state", {}, strict), {
      type: "absent",
      ageMs: 0,
    });
    const unknown = await engine.ask({ kind: "counter", id: "c1" }, "nothing", {}, strict);
    assert.equal(unknown.type, "unknown");
  }));

Deno.test("ask() reflects every send that had resolved when senders and askers interleave", () =>
  withEngine(async (engine) => {
    const converse = async (id: string) => {
      for (let i = 1; i <= 100; i++) {
        await add(engine, id, 1);
        assert.equal((await counted(engine, id)).total, i, `counter/${id} after ${i} sends`);
      }
    };
    await Promise.all(Array.from({ length: 8 }, (_, n) => converse(`talker-${n}`)));
  }));

Deno.test("ask() with consistency local answers at once and tells its age", () =>
  withEngine(async (engine) => {
    await add(engine, "a", 1);
    await engine.flush(deadlineMs);
    const options = { consistency: "local", deadlineMs } as const;
    const current = await engine.ask({ kind: "counter", id: "a" }, "state", {}, options);
    assert.equal(current.type, "answered");
    assert.equal(current.ageMs, 0);
  }));

Deno.test("stop() and startEngine() keep every state when nothing else happens", () =>
  withFolder(async (dataDir) => {
    const first = await startCounters(dataDir);
    for (let i = 0; i < 20; i++) await add(first, `kept-${i}`, i);
    await first.stop(deadlineMs);
    await assert.rejects(add(first, "late", 1), { name: "EngineError", code: "stopping" });
    const second = await startCounters(dataDir);
    for (let i = 0; i < 20; i++) assert.deepEqual(await counted(second, `kept-${i}`), { total: i, count: 1 });
    await second.stop(deadlineMs);
  }));

Deno.test("send() folds a repeated body once when it has the same idempotency key", () =>
  withFolder(async (dataDir) => {
    const send = async (engine: Awaited<ReturnType<typeof startCounters>>, key?: string) => {
      const batch = engine.batch(key);
      // More than one part in every shard.
      for (let i = 0; i < 20_000; i++) batch.add("counter", `k${i % 10}`, { add: 1 });
      await batch.send();
    };
    const first = await startCounters(dataDir);
    await send(first, "one");
    await send(first, "one");
    assert.equal((await counted(first, "k3")).count, 2000);
    await first.stop(deadlineMs);
    const second = await startCounters(dataDir);
    await send(second, "one");
    assert.equal((await counted(second, "k3")).count, 2000, "the key is remembered over a restart");
    await send(second, "two");
    await send(second);
    assert.equal((await counted(second, "k3")).count, 6000);
    await second.stop(deadlineMs);
  }));

Deno.test("send() is refused as keys_full when a shard remembers as many keys as it may", () =>
  withEngine(async (engine) => {
    let refused: unknown = null;
    for (let i = 0; i < 1000 && refused === null; i++) {
      await add(engine, "k", 1, `key-${i}`).catch((error: unknown) => refused = error);
      // The gateway learns of it by its host's reports, which come with asks' answers or soon after.
      await engine.flush(deadlineMs);
    }
    assert.ok(refused instanceof EngineError);
    assert.equal(refused.code, "keys_full");
    await add(engine, "k", 1);
  }, { limits: { maxKeys: 10 } }));

Deno.test("a message that throws becomes a dead letter, and all others are folded", () =>
  withEngine(async (engine) => {
    const batch = engine.batch();
    for (let i = 0; i < 300; i++) {
      batch.add("counter", "worn", { add: 1 });
      batch.add("counter", `beside-${i % 5}`, { add: 1 });
      if (i === 100) batch.add("counter", "worn", { throws: "broken on purpose" });
    }
    await batch.send();
    assert.deepEqual(await counted(engine, "worn"), { total: 300, count: 300 });
    for (let i = 0; i < 5; i++) assert.equal((await counted(engine, `beside-${i}`)).count, 60);
    await engine.flush(deadlineMs);
    const { items } = await engine.store.deadLetters({ after: null, limit: 10 });
    assert.equal(items.length, 1);
    const [letter] = items;
    assert.ok(letter !== undefined && letter.detail.includes("broken on purpose"));
    assert.equal(letter.actorId, "worn");

    assert.deepEqual(await engine.replayDeadLetter(letter.id), { replays: 1 });
    await engine.flush(deadlineMs);
    const again = await engine.store.deadLetters({ after: null, limit: 10 });
    assert.deepEqual(again.items.map(({ id, replays }) => [id, replays]), [[letter.id, 1]], "it died again");
    assert.equal(await engine.replayDeadLetter("no-such-letter"), null);
  }));

Deno.test("an actor that throws too often is suspended, and resume() folds what waited, once per key", () => {
  const notices: Notice[] = [];
  return withEngine(async (engine) => {
    const target = { kind: "counter", id: "worn" };
    const batch = engine.batch();
    for (let i = 0; i < 6; i++) batch.add("counter", "worn", { throws: "worn out" });
    for (let i = 0; i < 3; i++) batch.add("counter", "worn", { add: 1 });
    await batch.send();
    const answer = await engine.ask(target, "state", {}, strict);
    assert.ok(answer.type === "answered" && answer.suspended?.parked === 3);
    const listed = async () => {
      await engine.flush(deadlineMs);
      // Hosts report to the main thread ten times a second.
      return await eventually("a list of the suspended", deadlineMs, async () => {
        const { items } = await engine.suspended("", 10, deadlineMs);
        return items.length === 0 ? null : items;
      });
    };
    assert.deepEqual(await listed(), [{ ...target, sinceMs: answer.suspended.sinceMs }]);
    assert.match(await engine.metrics(), /^sensorium_suspended_actors 1$/m);
    const told = (event: string) => notices.filter((notice) => notice.event === event);
    assert.deepEqual(told("actor-suspended").map(({ message }) => message), [
      "counter/worn is suspended, and its messages wait until it is resumed: it threw too often.",
    ]);
    const letters = told("dead-letter");
    assert.equal(letters.reduce((sum, { times = 1 }) => sum + times, 0), 6);
    assert.ok(letters.every(({ fields }) => fields?.reason === "threw"));

    await engine.resume(target, "resume", "key");
    assert.deepEqual(await counted(engine, "worn"), { total: 3, count: 3 });
    const again = engine.batch();
    for (let i = 0; i < 6; i++) again.add("counter", "worn", { throws: "worn out" });
    again.add("counter", "worn", { add: 1 });
    await again.send();
    await engine.resume(target, "resume", "key");
    assert.deepEqual(await counted(engine, "worn"), { total: 3, count: 3 }, "a repeat changes nothing");
    await engine.resume(target, "discard");
    await add(engine, "worn", 5);
    assert.deepEqual(await counted(engine, "worn"), { total: 8, count: 4 });
    await engine.flush(deadlineMs);
    const { items } = await engine.store.deadLetters({ after: null, limit: 20, reason: "discarded" });
    assert.deepEqual(items.map(({ message }) => message), ['{"add":1}']);
  }, { report: (notice) => notices.push(notice) });
});

Deno.test("replayDeadLetter() counts a message once when it is asked for again and again", () =>
  withEngine(async (engine) => {
    const batch = engine.batch();
    batch.add("counter", "picky", { add: 5, unlessCount: 0 });
    await batch.send();
    await engine.flush(deadlineMs);
    const { items: [letter] } = await engine.store.deadLetters({ after: null, limit: 10 });
    assert.ok(letter !== undefined);
    await add(engine, "picky", 1);
    // The client lost the first answers, so to speak.
    const replays = await Promise.all([1, 2, 3].map(() => engine.replayDeadLetter(letter.id)));
    assert.deepEqual(replays, [1, 2, 3].map(() => ({ replays: 1 })));
    assert.deepEqual(await counted(engine, "picky"), { total: 6, count: 2 });
    await engine.flush(deadlineMs);
    assert.equal(await engine.replayDeadLetter(letter.id), null, "it was folded");
    const now = await engine.store.deadLetter(letter.id);
    assert.ok(now !== null && now.replayedAtMs !== null && now.replays === 1);
    assert.deepEqual(await counted(engine, "picky"), { total: 6, count: 2 });
  }));

Deno.test("flush() makes the store show every actor that was sent to", () =>
  withEngine(async (engine) => {
    for (let i = 0; i < 10; i++) await add(engine, `listed-${i}`, 1);
    await engine.flush(deadlineMs);
    const { ids } = await engine.store.list("counter", null, 100);
    assert.equal(ids.length, 10);
    assert.ok(engine.status().ready, String(engine.status().waitingFor));
  }));

Deno.test("startEngine() throws the store's error and ends its threads when the folder has other shards", () =>
  withFolder(async (dataDir) => {
    await (await startCounters(dataDir)).stop(deadlineMs);
    await assert.rejects(startCounters(dataDir, { shards: 5 }), StoreError);
    await (await startCounters(dataDir)).stop(deadlineMs);
  }));

Deno.test("startEngine() throws the log's error and leaves the files alone when they are not a log's", () =>
  withFolder(async (dataDir) => {
    await (await startCounters(dataDir)).stop(deadlineMs);
    const folder = join(dataDir, "log");
    const files = [...Deno.readDirSync(folder)].filter(({ isFile }) => isFile).map(({ name }) =>
      join(folder, name)
    );
    for (const file of files) await Deno.writeTextFile(file, "somebody else's notes");
    await assert.rejects(startCounters(dataDir), LogError);
    for (const file of files) assert.equal(await Deno.readTextFile(file), "somebody else's notes");
  }));

Deno.test("startEngine() says what a module of actors lacks when it has no definitions", () =>
  withFolder(async (dataDir) => {
    const options = { dataDir, shards: 1, threads: 1 };
    await assert.rejects(
      startEngine({ ...options, definitionsUrl: new URL("./engine_harness.ts", definitionsUrl).href }),
      /does not export a function definitions/,
    );
    await assert.rejects(
      startEngine({ ...options, definitionsUrl: `file://${join(dataDir, "missing.ts")}` }),
      /Cannot import the actors' definitions/,
    );
  }));
