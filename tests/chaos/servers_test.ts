/**
 * Every kind of fault of a node on Kafka, MySQL and Redis once, under load: the short form of `deno task chaos --servers`.
 * A failure prints its seed, as in `chaos_test.ts`.
 */

import assert from "node:assert/strict";
import { skipUnlessServersInstalled } from "../services/own_server.ts";
import { isRight, verificationText } from "../verify/verifier.ts";
import { condemnedThreads, runChaos } from "./chaos_run.ts";
import { serverFaultKinds } from "./plan.ts";
import { faultText, recoveryText } from "./report.ts";

/** As short as the node can notice: a ping of a store that stands still is late after 5 s. */
const onServers = { brokers: 1, nodes: 1, nodeMs: 0, stopMs: 3000, pauseMs: 10_000 } as const;

Deno.test({
  name: "Sensorium on servers loses and repeats nothing when it or one of them is killed, stopped and paused",
  ignore: skipUnlessServersInstalled("Chaos on servers", ["kafka", "mariadb", "redis"]),
  fn: async () => {
    const seed = Number(Deno.env.get("CHAOS_SEED") ?? Date.now() % 1_000_000);
    console.log(`CHAOS_SEED=${seed}`);
    const report = await runChaos({
      seed,
      rounds: serverFaultKinds.length,
      forMs: Infinity,
      only: null,
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
    assert.deepEqual(new Set(rounds.map(({ fault }) => fault.kind)), new Set(serverFaultKinds));
    assert.equal(condemnedThreads(report), 0, "threads condemned by the watchdog");
  },
});
