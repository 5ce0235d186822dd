/**
 * Every kind of fault once, under load: the short form of `deno task chaos`. A failure prints its seed; the same seed
 * repeats the faults, their order and their moments, though not what the machine makes of them. How long recoveries take
 * is told here and not judged: that is for a machine that does nothing else.
 */

import assert from "node:assert/strict";
import { isRight, verificationText } from "../verify/verifier.ts";
import { runChaos } from "./chaos_run.ts";
import { faultKinds } from "./plan.ts";
import { faultText, recoveryText } from "./report.ts";

const maxAfterMs = 1000;

Deno.test("Sensorium loses and repeats nothing when it is killed, paused, sabotaged and out of space under load", async () => {
  const seed = Number(Deno.env.get("CHAOS_SEED") ?? Date.now() % 1_000_000);
  console.log(`CHAOS_SEED=${seed}`);
  const { rounds, isComplete, verification, repeatedBodies } = await runChaos({
    seed,
    rounds: faultKinds.length,
    forMs: Infinity,
    only: null,
    maxAfterMs,
    onServers: null,
    onRound: (round) => console.log(`${faultText(round.fault)}: recovered in ${recoveryText(round)}`),
    onNote: (sentence) => console.error(`\n${sentence}\n`),
    abort: new AbortController().signal,
  });
  assert.ok(isRight(verification), `CHAOS_SEED=${seed}\n${verificationText(verification)}`);
  assert.ok(repeatedBodies > 0, "no body was under way at any fault");
  const played = new Set(rounds.map(({ fault }) => fault.kind));
  assert.deepEqual(played, new Set(faultKinds.filter((kind) => kind !== "full-disk" || isComplete)));
});
