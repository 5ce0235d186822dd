/**
 * A real process under load, killed with `kill -9` at seeded moments and started again on the same folder. Every
 * body that has no answer is repeated; at the end every window of every sensor must be exactly what was sent.
 */

import assert from "node:assert/strict";
import { fraction } from "../../actors/simulate/hash.ts";
import type { Plan } from "../../actors/simulate/plan.ts";
import { run } from "../../actors/simulate/run.ts";
import { freePort } from "../services/free_port.ts";
import { isRight, verificationText, verify } from "../verify/verifier.ts";
import { ServerProcess } from "./server_process.ts";

const kills = 3;
const forMs = 12_000;

/** Milliseconds after a start until the kill: from barely ready to in full swing. */
function killDelayMs(seed: number, kill: number): number {
  return 200 + 2300 * fraction(seed, kill, 0, 0);
}

Deno.test("Sensorium loses and repeats nothing when it is killed under load", async () => {
  const seed = Number(Deno.env.get("CHAOS_SEED") ?? Date.now() % 1_000_000);
  console.log(`CHAOS_SEED=${seed}`);
  const plan: Plan = {
    seed,
    sensors: 2000,
    originMs: Date.now(),
    ratePerSecond: 5000,
    bodyReadings: 50,
    historyMs: 0,
    panelRatio: 0.5,
    lateRatio: 0.02,
    outOfOrderRatio: 0.05,
    duplicateRatio: 0.05,
  };
  const dataFolder = await Deno.makeTempDir({ prefix: "sensorium-kill-" });
  const options = {
    port: freePort(),
    adminPort: freePort(),
    dataFolder,
    flags: ["--no-host-metrics", "--checkpoint-ms", "300"],
  };
  const abandon = new AbortController();
  let server = new ServerProcess(options);
  try {
    await server.untilReady();
    const sending = run({
      plan,
      target: { url: server.url, token: null, connections: 8 },
      forMs,
      isPaced: true,
      liveOriginMs: Date.now,
      stop: abandon.signal,
      abandon: abandon.signal,
    });
    // Awaited below; until then a failure must not count as unhandled.
    sending.catch(() => {});
    for (let kill = 0; kill < kills; kill++) {
      await new Promise((resolve) => setTimeout(resolve, killDelayMs(seed, kill)));
      await server.kill();
      server = new ServerProcess(options);
      await server.untilReady();
    }
    const phases = await sending;
    const tally = phases[0]!.tally;
    assert.equal(tally.refused, 0, tally.lastTrouble ?? "");
    assert.ok(tally.repeatedBodies > 0, "no body was under way at any kill");
    const verification = await verify({ url: server.url, token: null }, phases.map(({ ledger }) => ledger));
    assert.ok(isRight(verification), `CHAOS_SEED=${seed}\n${verificationText(verification)}`);
    await server.stop();
  } finally {
    abandon.abort();
    await server.kill();
    await Deno.remove(dataFolder, { recursive: true });
  }
});
