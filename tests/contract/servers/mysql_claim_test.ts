/** Claims on MySQL: whose connection they end, who is in whose way, and transactions that meet. */

import assert from "node:assert/strict";
import type { MySqlConnection } from "../../../runtime/store/mysql/connection.ts";
import type { MySqlSettings } from "../../../runtime/store/mysql/settings.ts";
import { StoreError } from "../../../runtime/store/port.ts";
import { skipUnlessServed } from "../../services/servers.ts";
import { within } from "../../services/within.ts";
import { checkpoint } from "../store_fixtures.ts";
import { openStore, withConnection, withDatabase } from "./mysql_databases.ts";
import { Proxy } from "./mysql_proxy.ts";

const ignore = skipUnlessServed("Claims on MySQL", ["mysql"]);

function test(name: string, use: (settings: MySqlSettings) => Promise<void>): void {
  Deno.test({ name, ignore, fn: () => withDatabase(use) });
}

/** Runs `use` with the connection of a node that has claimed the shards, in place of its store's. */
async function withOwner(
  settings: MySqlSettings,
  owner: string,
  shards: readonly number[],
  use: (connection: MySqlConnection) => Promise<void>,
): Promise<void> {
  const store = await openStore(settings);
  for (const shard of shards) await store.claim(shard, owner);
  await store.close();
  await withConnection(settings, async (connection) => {
    const [row] = await connection.rows("SELECT writer FROM shards WHERE shard = ?", [shards[0]!]);
    await connection.run("SELECT GET_LOCK(?, 5)", [String(row?.writer)]);
    await use(connection);
  }, settings.database);
}

const advance = "UPDATE shards SET commit_number = commit_number + 1 WHERE shard = ? AND epoch = ?";

test("MySqlStore claim() ends the owner's transaction that holds the row", (settings) =>
  withOwner(settings, "stuck", [0], async (stuck) => {
    // As an owner whose process was stopped inside a transaction.
    await stuck.run("START TRANSACTION");
    await stuck.run(advance, [0, 1]);
    const next = await openStore(settings);
    const claim = await within("the claim", next.claim(0, "next"), 5000);
    assert.deepEqual([claim.epoch, claim.commit], [2, 0]);
    await within("the end of the stuck connection", stuck.lost);
    await next.close();
  }));

test("MySqlStore claims of many shards end the connection of the one owner that holds a row, and no other's", (settings) =>
  withOwner(settings, "stuck", [0, 1], (stuck) =>
    withOwner(settings, "third", [2, 3, 4], async (third) => {
      await stuck.run("START TRANSACTION");
      await stuck.run(advance, [0, 1]);
      // In the middle of a commit of a shard that it keeps.
      await third.run("START TRANSACTION");
      await third.run(advance, [4, 1]);
      const next = await openStore(settings);
      const calls = [0, 1, 2, 3].map((shard) => ({ shard, owner: "next", death: null, after: 1 }));
      const claims = await within("the claims", next.claimTogether(calls));
      const places = claims.map((claim) =>
        claim instanceof StoreError ? claim.code : [claim.epoch, claim.commit]
      );
      assert.deepEqual(places, [[2, 0], [2, 0], [2, 0], [2, 0]]);
      await within("the end of the stuck connection", stuck.lost);
      assert.equal(third.isLost, false);
      await third.run("COMMIT");
      const rows = await next.rows();
      assert.deepEqual(rows.map(({ owner, epoch, commit }) => [owner, epoch, commit]), [
        ...calls.map(() => ["next", 2, 0]),
        ["third", 1, 1],
      ]);
      await next.close();
    })));

test("MySqlStore claim() does not wait for an owner that was fenced in the middle of its transaction", (settings) =>
  withOwner(settings, "zombie", [0], async (zombie) => {
    const next = await openStore(settings);
    await next.claim(0, "next", null, 1);
    await zombie.run("START TRANSACTION");
    await zombie.run(advance, [0, 1]);
    assert.equal((await within("the claim", next.claim(0, "next", null, 2))).epoch, 3);
    assert.equal(zombie.isLost, false, "it was in nobody's way");
    await next.close();
  }));

test("MySqlStore claims of many shards are raced one by one", async (settings) => {
  const [store, other] = [await openStore(settings), await openStore(settings)];
  await other.claim(1, "other");
  const call = (shard: number, after: number | null, owner = "a") => ({ shard, owner, death: null, after });
  const claims = await store.claimTogether([
    call(0, 0),
    call(1, 0),
    call(2, 0, "b"),
    call(0, 0),
    call(0, null, "again"),
  ]);
  assert.deepEqual(claims.map((claim) => claim instanceof StoreError ? claim.code : claim.epoch), [
    1,
    "raced",
    1,
    "raced",
    2,
  ]);
  assert.deepEqual((await store.rows()).map(({ owner, epoch }) => [owner, epoch]), [
    ["again", 2],
    ["other", 1],
    ["b", 1],
  ]);
  for (const one of [store, other]) await one.close();
});

const statements = ["SELECT shard, epoch, commit_number", "UPDATE shards SET epoch", "SELECT shard, hashes"];

for (const stopAt of statements) {
  test(`MySqlStore claim() is in nobody's way when it stops at ${stopAt}`, async (settings) => {
    const proxy = new Proxy(settings);
    const stopping = await openStore(await proxy.start());
    await stopping.claim(1, "stopping");
    proxy.stopAt = stopAt;
    const stopped = stopping.claim(0, "stopped", null, 0);
    const settled = Promise.allSettled([stopped]);
    const next = await openStore(settings);
    while (proxy.stopAt !== null) await next.epoch(0);
    const claim = await within("the claim", next.claim(0, "next"));
    assert.deepEqual(await next.commit([checkpoint(claim)]), ["committed"]);
    await proxy.stop();
    const [outcome] = await settled;
    assert.ok(outcome.status === "rejected" && outcome.reason.code === "unavailable", "it never heard of it");
    assert.equal(await next.epoch(0), claim.epoch);
    for (const store of [stopping, next]) await store.close();
  });
}

test("MySqlStore claim() counts a death whatever its owner commits meanwhile", async (settings) => {
  const [owner, next] = [await openStore(settings), await openStore(settings)];
  const claim = await owner.claim(0, "owner");
  const place = { offset: 7, index: 2, timer: 0, step: 0 };
  let [commit, isClaimed] = [0, false];
  const commits = async () => {
    while (!isClaimed && (await owner.commit([checkpoint({ ...claim, commit })]))[0] === "committed") {
      commit++;
    }
  };
  const committing = commits();
  const taken = await next.claim(0, "next", { epoch: 1, place }, 1);
  isClaimed = true;
  await committing;
  assert.deepEqual([taken.epoch, taken.commit], [2, commit]);
  assert.deepEqual(taken.memory.attempts, { place, attempts: 1, epoch: 1, isOpen: false });
  for (const store of [owner, next]) await store.close();
});

async function deadlocks(connection: MySqlConnection): Promise<number> {
  // MariaDB's name of it, and MySQL's.
  const [status] = await connection.rows("SHOW GLOBAL STATUS LIKE 'Innodb_deadlocks'");
  if (status !== undefined) return Number(status.Value);
  const sql = "SELECT COUNT AS n FROM information_schema.INNODB_METRICS WHERE NAME = 'lock_deadlocks'";
  return Number((await connection.rows(sql))[0]?.n);
}

/** The server refreshes what it says of transactions only when nobody has asked for a tenth of a second. */
const pauseSeconds = 0.15;

/** Lets the transaction of `commit` and one of `other`'s wait for each other's row; whether the server ended a deadlock. */
async function meet<T>(other: MySqlConnection, commit: () => Promise<T>): Promise<readonly [boolean, T]> {
  const before = await deadlocks(other);
  await other.run("START TRANSACTION");
  // The server ends the transaction that has changed less.
  const frames = Array.from({ length: 300 }, (_, n) => `(7, 0, ${n}, '')`);
  await other.run(`INSERT INTO outbox (shard, target, n, frame) VALUES ${frames.join()}`);
  await other.run("SELECT * FROM shards WHERE shard = 1 FOR UPDATE");
  const committing = commit();
  const waits = "SELECT COUNT(*) AS n FROM information_schema.INNODB_TRX WHERE trx_state = 'LOCK WAIT'";
  do await other.run(`DO SLEEP(${pauseSeconds})`); while ((await other.rows(waits))[0]?.n === 0);
  await other.run("SELECT * FROM shards WHERE shard = 0 FOR UPDATE");
  const isMet = await deadlocks(other) > before;
  await other.run("ROLLBACK");
  return [isMet, await within("the commit", committing)];
}

test("MySqlStore commit() is committed once when the server ends its transaction for a deadlock", async (settings) => {
  const store = await openStore(settings);
  const claims = [await store.claim(0, "a"), await store.claim(1, "a")];
  const made = (commit: number) =>
    claims.map((claim) =>
      checkpoint({ ...claim, commit }, { outbox: [{ target: 2, n: commit + 1, text: `of ${claim.shard}` }] })
    );
  let commits = 0;
  await withConnection(settings, async (other) => {
    // On a slow machine the commit may have waited its second, and begun again, before the two meet.
    for (let isMet = false; !isMet;) {
      assert.ok(commits < 5, "the transactions never met");
      const [hasMet, results] = await meet(other, () => store.commit(made(commits)));
      assert.deepEqual(results, ["committed", "committed"]);
      commits++;
      isMet = hasMet;
    }
  }, settings.database);
  for (const shard of [0, 1]) {
    const { commit, outbox } = await store.claim(shard, "b");
    assert.deepEqual([commit, outbox.length], [commits, commits]);
  }
  await store.close();
});
