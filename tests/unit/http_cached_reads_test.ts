/** Reads with `?consistency=cached`: what Redis, or the process itself, had last. */

import assert from "node:assert/strict";
import { MemoryHotState } from "../../runtime/hot/memory_hot.ts";
import { withApp } from "./http_app_under_test.ts";
import { answered } from "./http_fake_engine.ts";

Deno.test("?consistency=cached gives the last answer with its age, and a local one where there is none", () =>
  withApp({}, async ({ ask, engine }) => {
    engine.answer = () => answered({ channels: {} });
    const first = await (await ask("/sensors/a?consistency=cached")).json();
    assert.equal(first.consistency, "local");
    const second = await (await ask("/sensors/a?consistency=cached")).json();
    assert.equal(second.consistency, "cached");
    assert.ok(second.ageMs >= 0 && second.ageMs < 5000);
    assert.deepEqual(second.position, { mailbox: 41 });
    assert.equal(engine.asked.length, 1);
  }));

Deno.test("?consistency=cached asks the actor and logs when the cache cannot be reached", () => {
  const published = { get: () => Promise.reject(new Error("no cache")) };
  return withApp({ published }, async ({ ask, engine, logged }) => {
    engine.answer = () => answered({ channels: {} });
    for (const _ of [1, 2]) {
      const answer = await (await ask("/sensors/a?consistency=cached")).json();
      assert.equal(answer.consistency, "local");
    }
    assert.equal(logged.length, 2);
  });
});

/** What checkpoints of `ageMs` ago published of `sensor/a`. */
async function publishedState(ageMs: number, position = 41): Promise<MemoryHotState> {
  const hot = new MemoryHotState();
  const json = JSON.stringify({ channels: {}, from: "checkpoint" });
  const entry = { key: "sensor/a?state", epoch: 3, position, records: 0, atMs: Date.now() - ageMs, json };
  await hot.put([entry]);
  return hot;
}

Deno.test("?consistency=cached puts nothing where checkpoints publish: its answer may be unconfirmed", () => {
  const published = new MemoryHotState();
  return withApp({ published }, async ({ ask, engine }) => {
    engine.answer = () => answered({ channels: {} });
    const asked = async () => (await (await ask("/sensors/a?consistency=cached")).json()).consistency;
    assert.deepEqual([await asked(), await asked()], ["local", "cached"]);
    assert.equal(await published.get("sensor/a?state"), null);
  });
});

for (
  const { name, ageMs, consistency } of [
    { name: "gives what was published 50 s ago", ageMs: 50_000, consistency: "cached" },
    { name: "asks the actor instead of what is older than a minute", ageMs: 61_000, consistency: "local" },
  ]
) {
  Deno.test(`?consistency=cached ${name}`, async () => {
    const published = await publishedState(ageMs);
    await withApp({ published }, async ({ ask, engine }) => {
      engine.answer = () => answered({ channels: {} });
      const answer = await (await ask("/sensors/a?consistency=cached")).json();
      assert.equal(answer.consistency, consistency);
      if (consistency === "cached") assert.ok(answer.ageMs >= ageMs);
    });
  });
}

Deno.test("?consistency=cached never goes back from what the actor answered to an older checkpoint's", () => {
  const published = new MemoryHotState();
  return withApp({ published }, async ({ ask, engine }) => {
    engine.answer = () => answered({ channels: {} });
    await ask("/sensors/a?consistency=cached");
    const entry = await (await publishedState(100, 40)).get("sensor/a?state");
    if (entry !== null) await published.put([entry]);
    const { consistency, position } = await (await ask("/sensors/a?consistency=cached")).json();
    assert.deepEqual([consistency, position], ["cached", { mailbox: 41 }]);
  });
});

Deno.test("?consistency=cached never goes back from what is too old to be given to an older checkpoint's", async () => {
  const published = await publishedState(100, 40);
  const limits = { maxRememberedAgeMs: -1 };
  const hidden = { get: (key: string) => isHidden ? Promise.resolve(null) : published.get(key) };
  let isHidden = true;
  await withApp({ published: hidden, limits }, async ({ ask, engine }) => {
    engine.answer = () => answered({ channels: {} });
    await ask("/sensors/a?consistency=cached");
    isHidden = false;
    const { consistency, position } = await (await ask("/sensors/a?consistency=cached")).json();
    assert.deepEqual([consistency, position], ["local", { mailbox: 41 }]);
  });
});

Deno.test("?consistency=cached gives no answer for longer because the clock was set back", async () => {
  const [now, monotonicNow] = [Date.now, performance.now.bind(performance)];
  try {
    await withApp({}, async ({ ask, engine }) => {
      engine.answer = () => answered({ channels: {} });
      const asked = async () => (await (await ask("/sensors/a?consistency=cached")).json()).consistency;
      assert.deepEqual([await asked(), await asked()], ["local", "cached"]);
      Date.now = () => now() - 3_600_000;
      performance.now = () => monotonicNow() + 6000;
      assert.deepEqual([await asked(), await asked()], ["local", "cached"]);
    });
  } finally {
    Date.now = now;
    performance.now = monotonicNow;
  }
});
