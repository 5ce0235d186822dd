/** A node under more load than it can take. The figure `overload` of the benches is the same for longer. */

import assert from "node:assert/strict";
import { defaultHttpLimits } from "../../actors/http/limits.ts";
import { loadFlags, withBench } from "../bench/measured_server.ts";
import { overload } from "../overload/overload.ts";
import { isRight, verificationText } from "../verify/verifier.ts";

const MiB = 2 ** 20;
/** A half more than a node was seen to take: the bodies alone would be more, were all of them held until they are durable. */
const maxRssBytes = 1500 * MiB;
/** By the bounds of `Turns` two seconds, and what the log, the sender and a busy machine add. */
const maxAcceptedMs = 10_000;
const maxReadMs = 5000;
const maxRecoveryMs = 5000;

Deno.test("A node under far too much load stays small, answers, refuses the rest and loses nothing", () =>
  withBench(loadFlags, async (bench) => {
    const crowd = { trickling: 200, unread: 100, listeners: 1000 };
    const found = await overload(bench, {
      connections: 5000,
      crowd,
      sustainedSeconds: 2,
      floodSeconds: 4,
      streams: 32,
      bodyReadings: 500,
    });
    const { tally, verification } = found;
    assert.deepEqual(tally.wrong, []);
    assert.deepEqual(tally.unanswered, []);
    assert.ok((tally.refused.get(503) ?? 0) > 0, "nothing was refused: it was no overload");
    assert.ok(tally.accepted > 0);
    assert.ok(tally.latencies.quantileMs(0.99) < maxAcceptedMs, `${tally.latencies.quantileMs(0.99)} ms`);
    assert.ok(found.reads.quantileMs(0.99) < maxReadMs, `${found.reads.quantileMs(0.99)} ms`);
    assert.ok(found.recoveredAfterMs < maxRecoveryMs, `${found.recoveredAfterMs} ms`);
    assert.ok(found.maxRssBytes < maxRssBytes, `${found.maxRssBytes / MiB} MiB`);
    assert.equal(found.listening, defaultHttpLimits.maxListeners);
    assert.equal(found.listenersRefused, crowd.listeners - found.listening);
    assert.equal(found.listenersRefusedWrongly, 0);
    assert.ok(isRight(verification), verificationText(verification));
  }));
