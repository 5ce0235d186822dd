/**
 * Some faults of several nodes, under load: the short form of `deno task chaos --nodes 3`, which has all of them. A failure
 * prints its seed, as in `chaos_test.ts`.
 */

import assert from "node:assert/strict";
import { skipUnlessServersInstalled } from "../services/own_server.ts";
import { isRight, verificationText } from "../verify/verifier.ts";
import { condemnedThreads, runChaos } from "./chaos_run.ts";
import { faultText, recoveryText } from "./report.ts";

/** Long enough for the others to miss the one that stands still or is cut off: its session is 6 s. */
const onServers = { brokers: 1, nodes: 3, nodeMs: 9000, stopMs: 0, pauseMs: 0 } as const;
/** A death that a launcher tells of, one that nobody tells of and that is none, and the servers' shortest. */
const faults = ["kill-two", "pause-machine", "exhaust-query", "kill-mariadb"] as const;

Deno.test({
  name: "several nodes lose and repeat nothing when they are killed and paused, and their store is killed",
  ignore: skipUnlessServersInstalled("Chaos among several nodes", ["kafka", "mariadb", "redis"]),
  fn: async () => {
    const seed = Number(Deno.env.get("CHAOS_SEED") ?? Date.now() % 1_000_000);
    console.log(`CHAOS_SEED=${seed}`);
    const report = await runChaos({
      seed,
      rounds: faults.length,
      forMs: Infinity,
      only: faults,
      maxAfterMs: 500,
      onServers,
      onRound: (round) => console.log(`${faultText(round.fault)}: recovered in ${recoveryText(round)}`),
      onNote: (sentence) => console.error(`\n${sentence}\n`),
      abort: new AbortController().signal,
    });
    const { rounds, verification, repeatedBodies, records } = report;
    assert.ok(isRight(verification), `CHAOS_SEED=${seed}\n${verificationText(verification)}`);
    assert.ok(repeatedBodies > 0, "no body was under way at any fault");
    console.log(`${records} records of topics, and all of them counted once`);
    assert.ok(records > 0, "no record of a topic was acknowledged");
    assert.deepEqual(new Set(rounds.map(({ fault }) => fault.kind)), new Set(faults));
    assert.equal(condemnedThreads(report), 0, "threads condemned by the watchdog");
  },
});
