/** Shards that leave a running node and come back to it, as a test says: on an engine of its own, with real threads. */

import assert from "node:assert/strict";
import type { Agreement } from "../../runtime/core/cluster.ts";
import { loadActorModule } from "../../runtime/node/actor_module.ts";
import { HostThreads } from "../../runtime/node/host_threads.ts";
import { EmbeddedEngine, type EngineOptions } from "../../runtime/node/node.ts";
import type { Agreements } from "../../runtime/node/node_membership.ts";
import { settle } from "../../runtime/node/options.ts";
import { openWriters } from "../../runtime/node/writers.ts";
import { Prng } from "../../runtime/simulation/prng.ts";
import { eventually } from "../services/eventually.ts";
import { withFolder } from "../services/folder.ts";
import { within } from "../services/within.ts";
import { add, counted, deadlineMs, definitionsUrl, hostsOf, startCounters } from "./engine_harness.ts";

const shards = 4;
const all = [0, 1, 2, 3];

/** What the test says that the nodes agreed. */
class Said implements Agreements {
  #number = 0;
  #hear: (agreement: Agreement) => void = () => assert.fail("Nobody listens yet");

  onAgreed(hear: (agreement: Agreement) => void): void {
    this.#hear = hear;
  }

  join(): Promise<void> {
    return Promise.resolve();
  }

  say(own: readonly number[]): void {
    this.#hear({ number: ++this.#number, own, durationMs: 1 });
  }
}

async function makeMember(dataDir: string, said: Said, options: Partial<EngineOptions>) {
  const onFatal = (error: Error) => assert.fail(`The engine lost a thread: ${error.message}`);
  const settings = settle({ definitionsUrl, dataDir, shards, threads: 2, onFatal, ...options });
  const actors = await loadActorModule(definitionsUrl, {});
  const [threads, writers] = [new HostThreads(settings), await openWriters(settings)];
  return new EmbeddedEngine({ settings, actors, threads, writers, tracing: null, agreements: said });
}

/** Runs `test` on an engine that starts with `own`, and stops it. */
function withMember(
  own: readonly number[],
  test: (engine: EmbeddedEngine, said: Said) => Promise<void>,
  options: Partial<EngineOptions> = {},
): Promise<void> {
  return withFolder(async (dataDir) => {
    const said = new Said();
    const engine = await makeMember(dataDir, said, options);
    const started = engine.start();
    said.say(own);
    await started;
    try {
      await test(engine, said);
    } finally {
      await engine.stop(deadlineMs);
    }
  });
}

/** An id of the shard. */
function idOf(engine: EmbeddedEngine, shard: number): string {
  for (let n = 0;; n++) if (engine.shardOf(`id-${n}`) === shard) return `id-${n}`;
}

const perBatch = 40;

/** Adds 1 to 20 counters, each addition also to a partner in another shard; `n`: which batch it is. */
async function load(engine: EmbeddedEngine, batches: number, onBatch: (n: number) => void): Promise<void> {
  for (let n = 0; n < batches; n++) {
    const batch = engine.batch();
    for (let i = 0; i < perBatch; i++) {
      batch.add("counter", `from-${i % 20}`, { add: 1, alsoTo: `to-${(i * 7) % 20}` });
    }
    await batch.send();
    onBatch(n);
  }
}

async function total(engine: EmbeddedEngine, prefix: string): Promise<number> {
  const totals = Array.from({ length: 20 }, (_, i) => counted(engine, `${prefix}-${i}`));
  return (await Promise.all(totals)).reduce((sum, { total }) => sum + total, 0);
}

/** All that `load` sent is folded once, at both its ends. */
async function assertOnce(engine: EmbeddedEngine, batches: number): Promise<void> {
  const sent = batches * perBatch;
  assert.equal(await total(engine, "from"), sent);
  // Sends between shards leave after a checkpoint.
  await eventually("the sends between shards", deadlineMs, async () => {
    await engine.flush(deadlineMs);
    return await total(engine, "to") >= sent || null;
  });
  assert.equal(await total(engine, "to"), sent);
}

function metric(text: string, name: string): number {
  const found = text.match(new RegExp(`^${name} (\\S+)$`, "m"));
  assert.ok(found, `${name} in the metrics`);
  return Number(found[1]);
}

function statesOf(engine: EmbeddedEngine): string[] {
  return engine.status().shards.map(({ state }) => state);
}

Deno.test("a node is ready when it belongs to an agreement and its own shards fold, be they none", () =>
  withFolder(async (dataDir) => {
    const said = new Said();
    const engine = await makeMember(dataDir, said, {});
    let isUp = false;
    const started = engine.start().then(() => isUp = true);
    await eventually("both hosts", deadlineMs, () => Promise.resolve(hostsOf(engine).length === 2 || null));
    assert.match(engine.status().waitingFor ?? "", /have not agreed yet/);
    assert.equal(isUp, false);
    said.say([]);
    await within("the start of a node without shards", started, deadlineMs);
    assert.deepEqual(statesOf(engine), all.map(() => "elsewhere"));
    assert.equal(engine.status().ready, true);
    await add(engine, "a", 2);
    said.say(all);
    assert.equal(engine.status().ready, false, "it has shards to claim");
    assert.deepEqual(await counted(engine, "a"), { total: 2, count: 1 });
    await engine.stop(deadlineMs);
  }));

Deno.test("shards that leave under load and come back, in any order, lose nothing and fold nothing twice", () =>
  withMember(all, async (engine, said) => {
    const random = new Prng(20261126);
    await load(engine, 120, () => {
      if (random.chance(0.3)) said.say(all.filter(() => random.chance(0.5)));
    });
    said.say(all);
    await assertOnce(engine, 120);
    assert.equal(engine.status().totals.accepted, 120 * perBatch);
  }));

Deno.test("shards that leave while their hosts are dead, and come back, are folded once", () =>
  withMember(all, async (engine, said) => {
    const random = new Prng(7);
    await load(engine, 120, (n) => {
      if (n % 20 === 10) engine.killHost(n % 40 === 10 ? 0 : 1, "the test ends it");
      if (n % 20 === 10 || random.chance(0.2)) said.say(all.filter(() => random.chance(0.6)));
    });
    said.say(all);
    await assertOnce(engine, 120);
  }));

Deno.test("a shard that leaves while it is claimed, at the start and later, is the node's when it is at the end", () =>
  withFolder(async (dataDir) => {
    const said = new Said();
    const engine = await makeMember(dataDir, said, {});
    const started = engine.start();
    for (const own of [all, [], [1, 2], all, [3]]) said.say(own);
    await within("the start", started, deadlineMs);
    assert.deepEqual(statesOf(engine), ["elsewhere", "elsewhere", "elsewhere", "running"]);
    await load(engine, 5, () => {
      for (const own of [all, [0], all, []]) said.say(own);
    });
    said.say(all);
    await assertOnce(engine, 5);
    await engine.stop(deadlineMs);
  }));

Deno.test("a shard that stays keeps its epoch and its place, whatever happens to the others", () =>
  withMember(all, async (engine, said) => {
    const kept = () => engine.status().shards.filter(({ shard }) => shard < 2);
    await add(engine, idOf(engine, 0), 1);
    await counted(engine, idOf(engine, 0));
    const before = kept().map(({ host, epoch }) => [host, epoch]);
    for (const own of [[0, 1], [0, 1, 2, 3], [0, 1, 3]]) {
      said.say(own);
      await eventually(
        "the shards that came",
        deadlineMs,
        () => Promise.resolve(engine.status().ready || null),
      );
    }
    assert.deepEqual(kept().map(({ host, epoch }) => [host, epoch]), before);
    assert.equal(engine.status().shards[3]?.epoch, 2);
  }));

Deno.test("nothing that a node counts goes down when shards leave, and what it says is of its own shards", () =>
  withMember(all, async (engine, said) => {
    await load(engine, 10, () => {});
    await engine.flush(deadlineMs);
    const before = await engine.metrics();
    said.say([0, 2]);
    await load(engine, 10, () => {});
    await engine.flush(deadlineMs, [0, 2]);
    const after = await engine.metrics();
    for (const name of ["messages_folded", "frames_folded", "snapshots", "claims", "messages_accepted"]) {
      const [was, is] = [before, after].map((text) => metric(text, `sensorium_${name}_total`));
      assert.ok(was! <= is!, `${name}: ${was}, then ${is}`);
    }
    assert.equal(metric(after, "sensorium_own_shards"), 2);
    await eventually(
      "a backlog of nothing, as what is elsewhere is nobody's here",
      deadlineMs,
      async () => metric(await engine.metrics(), "sensorium_backlog_bytes") === 0 || null,
    );
    assert.deepEqual(statesOf(engine), ["running", "elsewhere", "running", "elsewhere"]);
    const shown = hostsOf(engine).map((host) => host.kind === "worker" && JSON.stringify(host.details));
    assert.ok(shown.every((details) => !/"shard":[13]/.test(String(details))), "the tree");
    said.say(all);
    await assertOnce(engine, 20);
  }));

Deno.test("a node that stops flushes what is its own, waits for nothing that leaves meanwhile, and takes nothing any more", () =>
  withFolder(async (dataDir) => {
    const said = new Said();
    const engine = await makeMember(dataDir, said, { limits: { checkpointIntervalMs: 60_000 } });
    const started = engine.start();
    said.say([0, 1, 2]);
    await started;
    await load(engine, 20, () => {});
    // A frame of a shard that leaves now is folded by nobody.
    const stopped = engine.stop(deadlineMs);
    said.say([1, 2, 3]);
    await within("the stop", stopped, 10_000);
    const next = await startCounters(dataDir);
    await assertOnce(next, 20);
    assert.equal(next.status().shards[3]?.epoch, 1, "it did not take the one that came");
    await next.stop(deadlineMs);
  }));
