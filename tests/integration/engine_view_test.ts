/** What a running node tells of itself while it works, waits and restarts. */

import assert from "node:assert/strict";
import { HostDetails } from "../../actors/http/inside_schemas.ts";
import type { TraceAnswer } from "../../runtime/core/queries.ts";
import { EngineError } from "../../runtime/node/engine.ts";
import type { EmbeddedEngine } from "../../runtime/node/node.ts";
import { eventually } from "../services/eventually.ts";
import { add, counted, deadlineMs, hostsOf, withEngine } from "./engine_harness.ts";

/** Longer than two ticks of the watchdog, shorter than a hang. */
const lastsMs = 800;

async function send(engine: EmbeddedEngine, id: string, message: { [key: string]: number }): Promise<void> {
  const batch = engine.batch();
  batch.add("counter", id, message);
  await batch.send();
}

/** The host that folds the actor, as the tree has it. */
function hostOf(engine: EmbeddedEngine, id: string) {
  const host = engine.status().shards[engine.shardOf(id)]?.host;
  const child = hostsOf(engine).find((child) => child.id === `host-${host}`);
  assert.ok(typeof host === "number" && child?.kind === "worker");
  return { ...child, host, details: HostDetails.parse(child.details) };
}

/**
 * What `look` finds while the host is in a turn of the counter "slow" that lasts, with another message behind it. On a
 * machine that is busy with other things the turn may be over too early: then there is another one.
 */
async function duringTurn<T>(
  engine: EmbeddedEngine,
  look: (details: HostDetails) => Promise<T | null>,
): Promise<T> {
  await add(engine, "slow", 1);
  await counted(engine, "slow");
  return await eventually("a turn that lasts, with its actor", deadlineMs, async () => {
    const { details } = hostOf(engine, "slow");
    if (details.turn?.entry) return await look(details);
    if (details.shards.every(({ queuedFrames }) => queuedFrames === 0)) {
      await send(engine, "slow", { add: 1, lastsMs });
      await add(engine, "slow", 1);
    }
    return null;
  });
}

Deno.test("tree() tells whose message a host is in, since when, and what waits behind it", () =>
  withEngine(async (engine) => {
    const startMs = performance.now();
    const { turn, shards } = await duringTurn(engine, (details) => Promise.resolve(details));
    const shard = engine.shardOf("slow");
    assert.deepEqual([turn?.shard, turn?.entry], [shard, { kind: "counter", id: "slow" }]);
    assert.deepEqual([turn?.place?.index, turn?.place?.step], [0, 0]);
    assert.ok(
      turn !== null && turn.forMs > 0 && turn.forMs <= performance.now() - startMs,
      `${turn?.forMs} ms`,
    );
    const waiting = shards.find((each) => each.shard === shard);
    assert.equal(waiting?.state, "running");
    // What it folded just before the turn it could not report any more.
    assert.ok((waiting?.queuedFrames ?? 0) >= 2, `${waiting?.queuedFrames} frames`);
    assert.ok((waiting?.oldestAgeMs ?? 0) > 0, "the frame that is being folded is the oldest");
    await counted(engine, "slow");
    assert.equal(hostOf(engine, "slow").details.turn, null);
  }));

Deno.test("ask() says, when its time is over, which message its shard's host is in", () =>
  withEngine(async (engine) => {
    const target = { kind: "counter", id: "slow" };
    const error = await duringTurn(engine, async () => {
      const asking = engine.ask(target, "state", {}, { consistency: "strict", deadlineMs: 50 });
      return await asking.then(() => null, (thrown: unknown) => thrown);
    });
    assert.ok(error instanceof EngineError && error.waiting?.type === "ask", String(error));
    assert.match(
      error.message,
      /counter "slow": .* at the message of counter "slow" in frame \d+, entry 0; \d/,
    );
    const { state, turn, ...waiting } = error.waiting;
    assert.deepEqual([waiting.target, state, turn?.entry], [target, "running", target]);
  }));

Deno.test("tree() tells that a host was restarted, and why", () =>
  withEngine(async (engine) => {
    const before = hostOf(engine, "a");
    engine.killHost(before.host, "the test ends it");
    const after = await eventually("the next thread to report its shards", deadlineMs, () => {
      const host = hostOf(engine, "a");
      const isUp = host.details.shards.every(({ state }) => state === "running");
      return Promise.resolve(isUp ? host : null);
    });
    assert.deepEqual([before.restarts, after.restarts], [0, 1]);
    assert.match(after.lastError ?? "", /the test ends it/);
  }, { report: () => {} }));

Deno.test("trace() tells what became of an actor's messages, strictly, and begins anew after a host's death", () =>
  withEngine(async (engine) => {
    const trace = async (id: string): Promise<TraceAnswer> => {
      const result = await engine.trace({ kind: "counter", id }, 10, { consistency: "strict", deadlineMs });
      assert.ok(result.type === "answered", result.type);
      return JSON.parse(result.json);
    };
    const outcomes = async (id: string) =>
      (await trace(id)).messages.map(({ message, outcome }) => [JSON.parse(message).add ?? null, outcome]);
    await add(engine, "a", 1);
    assert.deepEqual(await outcomes("a"), [[1, null]]);
    await add(engine, "a", 2);
    const batch = engine.batch();
    batch.add("counter", "a", { throws: "on purpose" });
    batch.add("counter", "a", { add: 3 });
    await batch.send();
    assert.deepEqual((await outcomes("a")).slice(1), [
      [2, "folded"],
      [null, "threw: on purpose"],
      [3, "folded"],
    ]);
    await engine.flush(deadlineMs);
    engine.killHost(hostOf(engine, "a").host, "the test ends it");
    assert.deepEqual(await outcomes("a"), []);
    await add(engine, "a", 4);
    assert.deepEqual(await outcomes("a"), [[4, "folded"]]);
  }, { report: () => {} }));
