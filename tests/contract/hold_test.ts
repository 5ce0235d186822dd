/** Files that are held while another process copies them. Copies are made here as `deno task backup` makes them. */

import assert from "node:assert/strict";
import { copyFileSync, existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { defaultLogLimits } from "../../runtime/log/limits.ts";
import { StoreError } from "../../runtime/store/port.ts";
import { SqliteStore } from "../../runtime/store/sqlite_store.ts";
import { range } from "./log_collector.ts";
import { readAll, rejectsWith } from "./log_contract.ts";
import { openLog, segmentFiles, tinyLimits } from "./log_folders.ts";
import { actorRows, checkpoint, shardCount } from "./store_fixtures.ts";
import { withFolder } from "../services/folder.ts";

const big = "h".repeat(20_000);

Deno.test("SqliteLog removes nothing while it is held, and what was trimmed when the hold ends", async () => {
  await withFolder(async (directory) => {
    const log = openLog(directory, { limits: tinyLimits });
    log.held.hold();
    for (const _ of range(0, 60)) await log.append([{ shard: 1, text: big }]);
    await log.trim(1, 60);
    assert.deepEqual(await log.extent(1), { begin: 0, end: 60 });
    const before = segmentFiles(directory).length;
    assert.ok(before > 3, `${before} segments`);
    assert.equal(log.held.release(), true);
    assert.equal(log.held.release(), false);
    assert.ok((await log.extent(1)).begin > 0);
    await log.close();
    assert.ok(segmentFiles(directory).length < before);
  });
});

Deno.test("SqliteLog.held.seal() names segments that have every frame and are a log of their own", async () => {
  await withFolder((directory) =>
    withFolder(async (copy) => {
      const log = openLog(directory);
      const texts = range(0, 30).map((n) => `${n} ${big}`);
      for (const text of texts) await log.append([{ shard: 2, text }]);
      log.held.hold();
      const names = await log.held.seal();
      const sealed = names.map((name) => readFileSync(join(directory, name), "latin1"));
      await log.append([{ shard: 2, text: "after" }]);
      for (const [at, name] of names.entries()) {
        assert.equal(readFileSync(join(directory, name), "latin1"), sealed[at]);
        copyFileSync(join(directory, name), join(copy, name));
      }
      await log.close();
      const restored = openLog(copy, { expected: log.identity });
      assert.deepEqual(await restored.extent(2), { begin: 0, end: 30 });
      assert.deepEqual((await readAll(restored, 2, 0)).texts, texts);
      await restored.close();
    })
  );
});

Deno.test("SqliteLog.held.seal() works on a log that has no frame, and again at once", async () => {
  await withFolder(async (directory) => {
    const log = openLog(directory);
    log.held.hold();
    assert.deepEqual(await log.held.seal(), ["00000001.db"]);
    assert.deepEqual(await log.held.seal(), ["00000001.db", "00000002.db"]);
    log.held.release();
    await rejectsWith("unavailable", log.held.seal());
    await log.close();
    const again = openLog(directory);
    assert.deepEqual(await again.extent(0), { begin: 0, end: 0 });
    await again.close();
  });
});

Deno.test("SqliteLog gives its hold up when the disk is full: appends are worth more than a backup", async () => {
  await withFolder(async (directory) => {
    const limits = { ...defaultLogLimits, segmentBytes: 200_000, totalBytes: 900_000 };
    const log = openLog(directory, { limits });
    log.held.hold();
    let isFull = false;
    for (let end = 0; end < 200 && !isFull; end++) {
      await log.append([{ shard: 0, text: big }]).then(() => log.trim(0, end), () => isFull = true);
    }
    assert.ok(isFull);
    assert.equal(log.held.release(), false);
    await log.close();
  });
});

/** Commits so many checkpoints to shard 0, after `claim`. */
async function commitMany(store: SqliteStore, from: number, to: number): Promise<void> {
  const claim = { shard: 0, epoch: 1 };
  for (const commit of range(from, to)) {
    const actors = range(0, 50).map((n) => ({ id: `a${n}`, hot: `${commit} ${"h".repeat(2000)}` }));
    await store.commit([checkpoint({ ...claim, commit }, {
      positions: { mailbox: { offset: commit, index: 0 } },
      actors,
    })]);
  }
}

Deno.test("SqliteStore's file stays as it is while it is held; with the log copied after it, it is a store", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "store.db");
    const copy = join(folder, "copy.db");
    const store = new SqliteStore({ path, shards: shardCount });
    await store.claim(0, "test");
    await commitMany(store, 0, 100);
    await store.hold();
    const held = readFileSync(path, "latin1");
    copyFileSync(path, copy);
    // More than SQLite would leave in the write-ahead log.
    await commitMany(store, 100, 500);
    assert.ok(statSync(`${path}-wal`).size > 40 * 2 ** 20);
    copyFileSync(`${path}-wal`, `${copy}-wal`);
    await commitMany(store, 500, 510);
    assert.equal(readFileSync(path, "latin1"), held);
    assert.equal(await store.release(), true);
    assert.equal(await store.release(), false);
    await commitMany(store, 510, 511);
    assert.notEqual(readFileSync(path, "latin1"), held);
    await store.close();

    const restored = new SqliteStore({ path: copy, shards: shardCount });
    const claim = await restored.claim(0, "test");
    assert.equal(claim.commit, 500);
    assert.deepEqual(claim.positions, { mailbox: { offset: 499, index: 0 } });
    const [row] = actorRows(await restored.load(0, [{ kind: "sensor", id: "a7" }]));
    assert.equal(row?.hot?.slice(0, 4), "499 ");
    await restored.close();
  });
});

Deno.test("SqliteStore gives its hold up when its write-ahead log grows too long, and is whole afterwards", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "store.db");
    const store = new SqliteStore({ path, shards: shardCount, heldWalBytes: 2 ** 20 });
    await store.claim(0, "test");
    await store.hold();
    await commitMany(store, 0, 40);
    assert.equal(await store.release(), false);
    await store.close();
    assert.ok(!existsSync(`${path}-wal`));
    const again = new SqliteStore({ path, shards: shardCount });
    assert.equal((await again.claim(0, "test")).commit, 40);
    await again.close();
  });
});

Deno.test("SqliteStore gives its hold up when the disk is full: commits are worth more than a backup", async () => {
  await withFolder(async (folder) => {
    const path = join(folder, "store.db");
    const store = new SqliteStore({ path, shards: shardCount, maxBytes: 2 ** 20 });
    await store.claim(0, "test");
    await store.hold();
    const actors = range(0, 1000).map((n) => ({ id: `a${n}`, hot: "h".repeat(2000) }));
    await rejectsFull(store.commit([checkpoint({ shard: 0, epoch: 1, commit: 0 }, { actors })]));
    assert.equal(await store.release(), false);
    await commitMany(store, 0, 5);
    await store.close();
  });
});

async function rejectsFull(commit: Promise<unknown>): Promise<void> {
  await assert.rejects(commit, (thrown) => thrown instanceof StoreError && thrown.code === "full");
}
