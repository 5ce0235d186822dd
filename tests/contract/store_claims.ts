/** The contract of port `Store`: who owns a shard, and the guard of every commit. */

import assert from "node:assert/strict";
import { emptyMemory } from "../../runtime/core/checkpoint.ts";
import { StoreError } from "../../runtime/store/port.ts";
import { checkpoint, deadLetter, minuteMs, shardCount } from "./store_fixtures.ts";
import { commitAll, sensor, type Test } from "./store_tests.ts";

export function claimTests(test: Test): void {
  test("claim() starts a shard at epoch 1 with nothing when nobody has had it", async (store) => {
    assert.deepEqual(await store.claim(3, "a"), {
      shard: 3,
      epoch: 1,
      commit: 0,
      positions: {},
      memory: emptyMemory,
      outbox: [],
      requests: [],
      keys: new Uint8Array(0),
    });
  });

  test("claim() gives two claimers different epochs when they claim at once", async (store) => {
    const claims = await Promise.all([store.claim(0, "a"), store.claim(0, "b"), store.claim(1, "a")]);
    assert.deepEqual(claims.map(({ epoch }) => epoch).sort(), [1, 1, 2]);
  });

  test("claim() refuses a shard that the store does not have", async (store) => {
    await assert.rejects(store.claim(shardCount, "a"), { name: "InvariantError" });
  });

  test("commit() is fenced and writes nothing when another has claimed", async (store) => {
    const old = await store.claim(0, "old");
    const current = await store.claim(0, "new");
    const late = checkpoint(old, { actors: [{ id: "a", hot: "late" }], deadLetters: [deadLetter("late")] });
    assert.deepEqual(await store.commit([late]), ["fenced"]);
    assert.deepEqual((await store.load(0, [sensor("a")])).ids, []);
    assert.equal(await store.deadLetter("late"), null);
    assert.deepEqual(await store.commit([checkpoint(current)]), ["committed"]);
  });

  test("commit() is fenced when its number is not the next", async (store) => {
    const claim = await store.claim(0, "a");
    assert.deepEqual(await store.commit([checkpoint({ ...claim, commit: 1 })]), ["fenced"]);
    assert.deepEqual(await store.commit([checkpoint({ ...claim, shard: 1 })]), ["fenced"]);
  });

  test("commit() answers committed and changes nothing when it is repeated", async (store) => {
    const claim = await store.claim(0, "a");
    const make = () =>
      checkpoint(claim, {
        actors: [{ id: "a", hot: "1" }],
        outbox: [{ target: 1, n: 1, text: "f" }],
        history: [{ id: "a", startMs: 0, part: 1, row: "h" }],
      });
    assert.deepEqual(await store.commit([make()]), ["committed"]);
    assert.deepEqual(await store.commit([make()]), ["committed"]);
    assert.deepEqual(await store.countActors(), [{ kind: "sensor", count: 1 }]);
    const next = await store.claim(0, "b");
    assert.equal(next.commit, 1);
    assert.deepEqual(next.outbox, [{ target: 1, n: 1, text: "f" }]);
  });

  test("commit() writes the others when one of a batch is fenced", async (store) => {
    const [first, fenced, third] = [
      await store.claim(0, "a"),
      await store.claim(1, "a"),
      await store.claim(2, "a"),
    ];
    await store.claim(1, "b");
    const batch = [first, fenced, third].map((claim) =>
      checkpoint(claim, { actors: [{ id: `of-${claim.shard}`, hot: "x" }] })
    );
    assert.deepEqual(await store.commit(batch), ["committed", "fenced", "committed"]);
    assert.deepEqual((await store.list("sensor", null, 10)).ids, ["of-0", "of-2"]);
  });

  test("commit() changes nothing when its columns do not fit together", async (store) => {
    const claim = await store.claim(0, "a");
    const whole = checkpoint(claim, { actors: [{ id: "a", hot: "x" }] });
    const broken = { ...whole, snapshots: { ...whole.snapshots, dueMs: [] } };
    await assert.rejects(store.commit([broken]), { name: "InvariantError" });
    assert.equal((await store.claim(0, "b")).commit, 0);
  });

  test("commit() numbers go on over epochs and a reopened store", async (store, fixture) => {
    await commitAll(store, {}, { positions: { mailbox: { offset: 4, index: 1 } } });
    const claim = await (await fixture.reopen()).claim(0, "b");
    assert.equal(claim.epoch, 2);
    assert.equal(claim.commit, 2);
    assert.deepEqual(claim.positions, { mailbox: { offset: 4, index: 1 } });
  });

  test("every call is refused as closed after close()", async (store) => {
    await store.close();
    const isClosed = (thrown: unknown) => thrown instanceof StoreError && thrown.code === "closed";
    await assert.rejects(store.claim(0, "a"), isClosed);
    await assert.rejects(store.load(0, []), isClosed);
    await store.close();
  });
}

const isRaced = (thrown: unknown) => thrown instanceof StoreError && thrown.code === "raced";

export function epochTests(test: Test): void {
  test("epoch() is that of the last claim, and 0 before the first", async (store, fixture) => {
    assert.equal(await store.epoch(2), 0);
    await store.claim(2, "a");
    const claim = await store.claim(2, "b");
    assert.equal(await store.epoch(2), 2);
    await store.commit([checkpoint(claim)]);
    assert.equal(await (await fixture.reopen()).epoch(2), 2);
  });

  test("claim() after an epoch takes a shard that still has it", async (store) => {
    assert.equal((await store.claim(0, "a", null, 0)).epoch, 1);
    const place = { offset: 7, index: 2, timer: 0, step: 0 };
    const claim = await store.claim(0, "b", { epoch: 1, place }, 1);
    assert.equal(claim.epoch, 2);
    assert.deepEqual(claim.memory.attempts, { place, attempts: 1, epoch: 1, isOpen: false });
  });

  test("claim() after an epoch is raced, and changes nothing, when another has claimed since", async (store) => {
    const current = await store.claim(0, "current");
    for (const after of [0, 2]) {
      const place = { offset: 7, index: 2, timer: 0, step: 0 };
      await assert.rejects(store.claim(0, "late", { epoch: 1, place }, after), isRaced);
    }
    assert.deepEqual((await store.rows()).map(({ owner, epoch }) => [owner, epoch]), [["current", 1]]);
    assert.deepEqual(await store.commit([checkpoint(current)]), ["committed"]);
    assert.equal((await store.claim(0, "next")).memory.attempts, null, "no death was counted");
  });

  test("claim() after an epoch lets one in of many that claim at once, and others of other shards", async (store) => {
    const names = ["a", "b", "c", "d"];
    const claims = names.map((name) => store.claim(0, name, null, 0));
    const other = store.claim(1, "other", null, 0);
    const settled = await Promise.allSettled(claims);
    const winners = names.filter((_, index) => settled[index]!.status === "fulfilled");
    assert.equal(winners.length, 1);
    for (const one of settled) {
      if (one.status === "rejected") assert.ok(isRaced(one.reason), String(one.reason));
    }
    assert.equal((await other).epoch, 1);
    assert.deepEqual((await store.rows()).map(({ shard, epoch, owner }) => [shard, epoch, owner]), [
      [0, 1, winners[0]],
      [1, 1, "other"],
    ]);
  });
}

/** By how much the clocks of a test and of a server may differ: far less than an hour, which a wrong zone would make. */
const clockDifferenceMs = 5 * minuteMs;

export function rowTests(test: Test): void {
  test("rows() tells of each shard that was claimed, by number", async (store, fixture) => {
    assert.deepEqual(await store.rows(), []);
    await store.claim(3, "é 3");
    const claim = await store.claim(0, "a");
    await store.load(1, []);
    const positions = { mailbox: { offset: 4, index: 1 }, "other.topic": { offset: -1, index: 0 } };
    await store.commit([checkpoint(claim, { positions })]);
    for (const open of [() => Promise.resolve(store), () => fixture.reopen()]) {
      const rows = await (await open()).rows();
      assert.deepEqual(rows.map(({ committedAtMs: _, ...row }) => row), [
        { shard: 0, epoch: 1, owner: "a", positions, commit: 1 },
        { shard: 3, epoch: 1, owner: "é 3", positions: {}, commit: 0 },
      ]);
    }
  });

  test("rows() says when the last commit or claim was", async (store) => {
    const time = async () => (await store.rows())[0]!.committedAtMs;
    const claim = await store.claim(0, "a");
    const claimedAtMs = await time();
    assert.ok(Number.isSafeInteger(claimedAtMs), `${claimedAtMs} is a whole number`);
    assert.ok(Math.abs(claimedAtMs - Date.now()) < clockDifferenceMs, `${claimedAtMs} is now`);
    const later = async (sinceMs: number, change: () => Promise<unknown>) => {
      for (const endMs = performance.now() + 5000; performance.now() < endMs;) {
        await change();
        const atMs = await time();
        assert.ok(atMs >= sinceMs, `${atMs} is not before ${sinceMs}`);
        if (atMs > sinceMs) return atMs;
      }
      throw new Error(`the row still says ${sinceMs} after 5 s`);
    };
    let commit = 0;
    const committedAtMs = await later(
      claimedAtMs,
      () => store.commit([checkpoint({ ...claim, commit: commit++ })]),
    );
    await later(committedAtMs, () => store.claim(0, "b"));
  });
}
