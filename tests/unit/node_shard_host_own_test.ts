/** Shards that come to a running host and leave it. Numbers in brackets are those of `host.ts`. */

import assert from "node:assert/strict";
import fc from "fast-check";
import type { Checkpoint } from "../../runtime/core/checkpoint.ts";
import { shardOf } from "../../runtime/core/murmur2.ts";
import type { HostMessage } from "../../runtime/node/host_protocol.ts";
import { MemoryStore } from "../../runtime/store/memory_store.ts";
import { MemoryStoreCore } from "../../runtime/store/memory_store_core.ts";
import { type Store, StoreError } from "../../runtime/store/port.ts";
import { type Rig, until, withRig } from "./shard_host_rig.ts";

const shardCount = 3;
/** By shard, an id of it. */
const ids = Array.from({ length: shardCount }, (_, shard) => {
  for (let n = 0;; n++) if (shardOf(`id-${n}`, shardCount) === shard) return `id-${n}`;
});

type HostReport = Extract<HostMessage, { type: "report" }>;

function lastReport(rig: Rig): HostReport {
  const reports = rig.posted.flatMap((message) => message.type === "report" ? [message] : []);
  const last = reports.at(-1);
  assert.ok(last);
  return last;
}

function epochOf(rig: Rig, shard: number): number {
  return rig.core.loadNow(shard, []).epoch;
}

async function counter(rig: Rig, name: string): Promise<number> {
  const metric = (await rig.host.metrics()).find((metric) => metric.name === `sensorium_${name}_total`);
  return metric?.values.reduce((sum, { value }) => sum + value, 0) ?? NaN;
}

/** A store that notes what is asked of it. */
class NotingStore {
  readonly core = new MemoryStoreCore(shardCount);
  readonly #store: Store = new MemoryStore(this.core);
  readonly calls: string[] = [];
  /** What stands before a call is carried out. */
  before: (call: string) => Promise<void> = () => Promise.resolve();

  #note<T>(call: string, perform: () => Promise<T>): Promise<T> {
    this.calls.push(call);
    return this.before(call).then(perform);
  }

  readonly methods: Partial<Store> = {
    epoch: (shard) => this.#note(`epoch ${shard}`, () => this.#store.epoch(shard)),
    claim: (shard, ...rest) => this.#note(`claim ${shard}`, () => this.#store.claim(shard, ...rest)),
    load: (shard, keys) => this.#note(`load ${shard}`, () => this.#store.load(shard, keys)),
    due: (shard, ...rest) => this.#note(`due ${shard}`, () => this.#store.due(shard, ...rest)),
    commit: (checkpoints: readonly Checkpoint[]) =>
      this.#note(
        `commit ${checkpoints.map(({ shard }) => shard).sort().join(" ")}`,
        () => this.#store.commit(checkpoints),
      ),
  };
}

Deno.test("ShardHost.own() stops what leaves, starts what comes from the store, and leaves the others alone [3]", () =>
  withRig({}, async (rig) => {
    const ends = await Promise.all(ids.map((id, shard) => rig.send(shard + 1, id)));
    for (const [shard, id] of ids.entries()) {
      assert.equal(await rig.total(ends[shard]!, id), shard + 1);
      await rig.flush(ends[shard]!, shard);
    }
    assert.deepEqual([0, 1, 2].map((shard) => epochOf(rig, shard)), [1, 1, 1]);
    const waiting = rig.ask(ends[1]! + 1, ids[1]);
    await rig.host.own({ number: 2, shards: [0, 2] });
    assert.deepEqual(await waiting, { type: "moved" }, "what waits is told");
    assert.deepEqual(await rig.ask(0, ids[1]), { type: "moved" });
    const { number, shards } = lastReport(rig);
    assert.deepEqual([number, shards.map(({ shard }) => shard)], [2, [0, 2]], "and told of at once");

    const end = await rig.send(10, ids[1]);
    assert.equal(await rig.total(await rig.send(10, ids[0]), ids[0]), 11);
    await rig.host.own({ number: 3, shards: [0, 1, 2] });
    assert.equal(await rig.total(end, ids[1]), 12);
    assert.deepEqual([0, 1, 2].map((shard) => epochOf(rig, shard)), [1, 2, 1]);
  }, shardCount));

const stages = [
  { underWay: /^epoch 1/, senders: [1] },
  { underWay: /^claim 1/, senders: [1] },
  { underWay: /^load 1/, senders: [1] },
  { underWay: /^commit 1$/, senders: [1] },
  { underWay: /^commit.* 1/, senders: [0, 1, 2] },
];

Deno.test("ShardHost.own() begins nothing more of a shard that left, whatever of it was under way [3]", async () => {
  for (const { underWay, senders } of stages) {
    const store = new NotingStore();
    const gate = Promise.withResolvers<void>();
    store.before = (call) => underWay.test(call) ? gate.promise : Promise.resolve();
    await withRig({ store: store.methods }, async (rig) => {
      for (const shard of senders) await rig.send(1, ids[shard]);
      const barriers = senders.map((shard) => rig.host.ask(shard, 1, { type: "barrier" }));
      await until(String(underWay), () => store.calls.some((call) => underWay.test(call)));
      await rig.host.own({ number: 2, shards: [0, 2] });
      const begun = store.calls.length;
      gate.resolve();
      await Promise.all(barriers);
      assert.equal(await rig.total(await rig.send(1, ids[0]), ids[0]), senders.includes(0) ? 2 : 1);
      for (const shard of [0, 2]) await rig.flush(0, shard);
      assert.deepEqual(store.calls.slice(begun).filter((call) => call.includes("1")), [], String(underWay));

      await rig.host.own({ number: 3, shards: [0, 1, 2] });
      assert.equal(await rig.total(1, ids[1]), 1, "folded once, whether that commit was made or not");
    }, shardCount);
  }
});

Deno.test("ShardHost.own() repeats no commit of a shard that left, and goes on with that of the others [3]", async () => {
  const store = new NotingStore();
  let isFull = true;
  store.before = (call) =>
    isFull && call.startsWith("commit")
      ? Promise.reject(new StoreError("full", "the test says so"))
      : Promise.resolve();
  await withRig({ store: store.methods }, async (rig) => {
    const ends = await Promise.all(ids.map((id) => rig.send(1, id)));
    const flushed = rig.flush(ends[0]!, 0);
    const moved = rig.host.ask(1, ends[1]!, { type: "barrier" });
    await until(
      "commits of both",
      () => [0, 1].every((shard) => store.calls.some((call) => call.match(`^commit.*${shard}`))),
    );
    await rig.host.own({ number: 2, shards: [0] });
    const begun = store.calls.length;
    assert.deepEqual(await moved, { type: "moved" });
    isFull = false;
    await flushed;
    assert.deepEqual(
      store.calls.slice(begun).filter((call) => call.startsWith("commit") && call !== "commit 0"),
      [],
    );
  }, shardCount);
});

Deno.test("ShardHost's counters and totals never go down when shards leave and come back [4]", () =>
  withRig({}, async (rig) => {
    const seen = async () => [await counter(rig, "messages_folded"), await counter(rig, "claims")];
    const fold = async () => {
      for (const [shard, id] of ids.entries()) await rig.flush(await rig.send(1, id), shard);
    };
    await fold();
    assert.deepEqual(await seen(), [3, 3]);
    await rig.host.own({ number: 2, shards: [] });
    assert.deepEqual(await seen(), [3, 3]);
    assert.equal(lastReport(rig).totals.messages, 3);
    await rig.host.own({ number: 3, shards: [0, 1, 2] });
    await fold();
    assert.deepEqual(await seen(), [6, 6]);
    await rig.host.own({ number: 4, shards: [1] });
    assert.equal(lastReport(rig).totals.messages, 6);
  }, shardCount));

Deno.test("ShardHost folds every message once, whatever shards it is told to have in between [3]", () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.subarray([0, 1, 2]), { minLength: 1, maxLength: 12 }),
      (agreements) =>
        withRig({}, async (rig) => {
          let number = 1;
          let ends: number[] = [];
          for (const shards of agreements) {
            ends = await Promise.all(ids.map((id) => rig.send(1, id)));
            await rig.host.own({ number: ++number, shards });
            if (shards.length > 1) await rig.total(ends[shards[0]!]!, ids[shards[0]!]);
          }
          await rig.host.own({ number: ++number, shards: [0, 1, 2] });
          for (const [shard, id] of ids.entries()) {
            assert.equal(await rig.total(ends[shard]!, id), agreements.length);
          }
        }, shardCount),
    ),
    { numRuns: 40 },
  ));
