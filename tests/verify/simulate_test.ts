import assert from "node:assert/strict";
import { runToEnd, smallPlan } from "./simulated_run.ts";
import { StubServer } from "./stub_server.ts";
import { isRight, verify } from "./verifier.ts";

Deno.test("run() repeats a body under its key when it is answered with 429 or 5xx, stored or not", async () => {
  const keys: string[] = [];
  await using server = new StubServer({
    interfere: (attempt, key) => {
      keys.push(key);
      if (attempt % 5 === 1) return { response: new Response(null, { status: 503 }), isStored: false };
      if (attempt % 5 === 2) {
        const headers = { "retry-after": "0" };
        return { response: new Response(null, { status: 429, headers }), isStored: false };
      }
      // Stored, and the answer is lost on its way.
      if (attempt % 5 === 3) return { response: new Response(null, { status: 502 }), isStored: true };
      return null;
    },
  });
  const [live] = await runToEnd(smallPlan, server.url, 60);
  assert.ok(live);
  assert.equal(live.tally.accepted, 60 * 20);
  assert.equal(new Set(keys).size, 60);
  assert.equal(live.tally.repeatedBodies, keys.length - 60);
  const verification = await verify({ url: server.url, token: null }, [live.ledger]);
  assert.ok(isRight(verification), verification.examples.join("\n"));
});

Deno.test("run() leaves refused bodies out of what is expected when the server refuses some", async () => {
  await using server = new StubServer({
    interfere: (attempt) =>
      attempt % 10 === 0 ? { response: new Response(null, { status: 400 }), isStored: false } : null,
  });
  const [live] = await runToEnd(smallPlan, server.url, 60);
  assert.ok(live);
  assert.equal(live.tally.refused, 6 * 20);
  assert.equal(live.ledger.refused.length, 6);
  assert.ok(isRight(await verify({ url: server.url, token: null }, [live.ledger])));
});

Deno.test("run() ends with the server's answer when every body would be refused", async () => {
  await using server = new StubServer({
    interfere: () => ({ response: new Response("who are you?", { status: 401 }), isStored: false }),
  });
  await assert.rejects(runToEnd(smallPlan, server.url, 60), /readings answers 401 who are you\?/);
});

Deno.test("run() marks history as imported, and sends it before the live readings, in order", async () => {
  await using server = new StubServer();
  const phases = await runToEnd({ ...smallPlan, historyMs: 12 * 3_600_000 }, server.url, 20);
  assert.deepEqual(phases.map(({ ledger }) => ledger.stream), ["history", "live"]);
  assert.deepEqual([...server.searches], ["?import=1", ""]);
  for (const [id, readings] of server.readings) {
    const timesMs = readings.map(({ tsMs }) => tsMs);
    assert.deepEqual(timesMs, timesMs.toSorted((a, b) => a - b), `${id} arrived out of order`);
    assert.ok(timesMs.length >= 120, `${id} has ${timesMs.length} readings`);
  }
});
