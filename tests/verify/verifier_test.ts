import assert from "node:assert/strict";
import { runToEnd, smallPlan } from "./simulated_run.ts";
import { type StubFaults, StubServer } from "./stub_server.ts";
import { isRight, type Verification, verify } from "./verifier.ts";

async function verifyAfterRun(faults: StubFaults, plan = smallPlan): Promise<Verification> {
  await using server = new StubServer(faults);
  const phases = await runToEnd(plan, server.url, 100);
  return await verify({ url: server.url, token: null }, phases.map(({ ledger }) => ledger));
}

/** A function that is true at its `n`-th call only. */
function onCall(n: number): () => boolean {
  let calls = 0;
  return () => ++calls === n;
}

Deno.test("verify() finds nothing when the server has everything once", async () => {
  const verification = await verifyAfterRun({});
  assert.ok(isRight(verification), verification.examples.join("\n"));
  assert.equal(verification.sensors, 40);
  assert.ok(verification.values >= 2 * 2000);
});

Deno.test("verify() finds nothing when readings are late, out of order and duplicated", async () => {
  const plan = {
    ...smallPlan,
    historyMs: 3_600_000,
    lateRatio: 0.1,
    outOfOrderRatio: 0.3,
    duplicateRatio: 0.2,
  };
  const verification = await verifyAfterRun({}, plan);
  assert.ok(isRight(verification), verification.examples.join("\n"));
});

Deno.test("verify() reports one lost reading when the server forgets one", async () => {
  const isIt = onCall(777);
  const verification = await verifyAfterRun({ store: (reading) => isIt() ? [] : [reading] });
  assert.equal(verification.lost, 1);
  assert.equal(verification.twice, 0);
  assert.equal(verification.wrongSensors, 1);
});

Deno.test("verify() reports one reading twice when the server stores one again", async () => {
  const isIt = onCall(777);
  const verification = await verifyAfterRun({ store: (reading) => isIt() ? [reading, reading] : [reading] });
  assert.equal(verification.lost, 0);
  assert.equal(verification.twice, 1);
  assert.equal(verification.wrongSensors, 1);
});

Deno.test("verify() names the window when a minimum is wrong", async () => {
  const verification = await verifyAfterRun({
    answer: (id, { channels }) => {
      const window = id.endsWith("-3") ? channels.temperature?.["12h"] : undefined;
      if (typeof window?.min === "number") window.min -= 0.125;
    },
  });
  assert.deepEqual([verification.lost, verification.twice, verification.wrongSensors], [0, 0, 1]);
  assert.equal(verification.examples.length, 1);
  assert.match(verification.examples[0]!, /-3: temperature 12h .*: min is .*, should be /);
});

Deno.test("verify() reports a sensor's readings as lost when the server does not know it", async () => {
  const verification = await verifyAfterRun({
    store: (reading) => reading.id.endsWith("-3") ? [] : [reading],
  });
  // 100 bodies for 40 lanes of one sensor each: three of 20 readings for each of the first 20 lanes.
  assert.equal(verification.lost, 60);
  assert.equal(verification.wrongSensors, 1);
});
