/** The store on MySQL when connections are cut, rows are locked, and the server stands still or is away. */

import assert from "node:assert/strict";
import { RemoteStore } from "../../../runtime/store/remote_store.ts";
import { StoreError } from "../../../runtime/store/port.ts";
import { startStoreThread } from "../../../runtime/store/start_store_thread.ts";
import type { MySqlSettings } from "../../../runtime/store/mysql/settings.ts";
import { ownMariadb, skipUnlessServersInstalled } from "../../services/own_server.ts";
import { skipUnlessServed } from "../../services/servers.ts";
import { within } from "../../services/within.ts";
import { checkpoint, shardCount } from "../store_fixtures.ts";
import { openStore, settingsOf, withConnection, withDatabase } from "./mysql_databases.ts";
import { Proxy } from "./mysql_proxy.ts";

const ignore = skipUnlessServed("The store on MySQL", ["mysql"]);
const ignoreOwn = skipUnlessServersInstalled("The store on a server of its own", ["mariadb"]);

function test(name: string, use: (settings: MySqlSettings) => Promise<void>): void {
  Deno.test({ name, ignore, fn: () => withDatabase(use) });
}

/** Ends the connections to the database, but for those that ask. */
async function killAll(settings: MySqlSettings): Promise<number> {
  return await withConnection(settings, async (connection) => {
    const rows = await connection.rows(
      "SELECT id FROM information_schema.PROCESSLIST WHERE db = ? AND id <> CONNECTION_ID()",
      [settings.database],
    );
    for (const { id } of rows) await connection.run(`KILL ${String(id)}`);
    return rows.length;
  });
}

test("MySqlStore goes on at once when all its connections were killed", async (settings) => {
  const store = await openStore(settings);
  const claim = await store.claim(0, "a");
  await store.load(0, []);
  assert.ok(await killAll(settings) >= 2);
  const made = checkpoint(claim, { actors: [{ id: "a", hot: "x" }] });
  assert.deepEqual(await store.commit([made]), ["committed"]);
  assert.deepEqual((await store.load(0, [{ kind: "sensor", id: "a" }])).ids, ["a"]);
  await store.close();
});

test("MySqlStore commit() goes on when it meets a row that another transaction holds for a while", async (settings) => {
  const store = await openStore(settings);
  const claim = await store.claim(0, "a");
  await withConnection(settings, async (other) => {
    await other.run("START TRANSACTION");
    await other.run("SELECT * FROM shards WHERE shard = 0 FOR UPDATE");
    const commit = store.commit([checkpoint(claim)]);
    // Longer than the commit waits for a lock.
    await other.run("DO SLEEP(1.5)");
    await other.run("ROLLBACK");
    assert.deepEqual(await within("the commit", commit), ["committed"]);
  }, settings.database);
  await store.close();
});

for (const when of ["before", "after"] as const) {
  test(`MySqlStore commit() is committed once when its connection is cut ${when} COMMIT arrives`, async (settings) => {
    const proxy = new Proxy(settings);
    const store = await openStore(await proxy.start());
    const claim = await store.claim(0, "a");
    proxy.cut = { at: "COMMIT", when };
    const made = checkpoint(claim, {
      actors: [{ id: "a", hot: "x" }],
      history: [{ id: "a", startMs: 0, part: 1, row: "increment" }],
      outbox: [{ target: 1, n: 1, text: "f" }],
    });
    assert.deepEqual(await store.commit([made]), ["committed"]);
    assert.equal(proxy.cut, null, "it was cut");
    assert.deepEqual(await store.countActors(), [{ kind: "sensor", count: 1 }]);
    assert.equal((await store.claim(0, "b")).commit, 1);
    await store.close();
    await proxy.stop();
  });
}

test("MySqlStore commit() is fenced, not repeated, when another claims while its outcome is unknown", async (settings) => {
  const proxy = new Proxy(settings);
  const store = await openStore(await proxy.start());
  const claim = await store.claim(0, "a");
  const other = await openStore(settings);
  await other.claim(0, "b");
  proxy.cut = { at: "COMMIT", when: "before" };
  assert.deepEqual(await store.commit([checkpoint(claim)]), ["fenced"]);
  await store.close();
  await other.close();
  await proxy.stop();
});

Deno.test({
  name: "The store's thread waits for a server that is stopped, stands still, and starts again, and says so",
  ignore: ignoreOwn,
  fn: async () => {
    await using own = await ownMariadb();
    const { server } = own;
    await server.stop();
    const said: (string | null)[] = [];
    let wake = () => {};
    const onWaiting = (waitingFor: string | null) => {
      said.push(waitingFor);
      wake();
    };
    const hears = async (count: number) => {
      while (said.length < count) {
        await within(
          `sentence ${count}`,
          new Promise<void>((r) => wake = r),
          20_000,
        );
      }
    };
    const thread = startStoreThread(
      { type: "mysql", settings: settingsOf(server.address, "sensorium"), shards: shardCount },
      { onWaiting },
    );
    const store = new RemoteStore(thread.connect());
    await using _ = {
      [Symbol.asyncDispose]: async () => {
        await store.close();
        await thread.close();
      },
    };
    await hears(1);
    assert.match(String(said[0]), /^MySQL at 127\.0\.0\.1:\d+ does not answer: .*ECONNREFUSED/);
    await assert.rejects(store.claim(0, "a"), { code: "unavailable" });
    await server.start();
    assert.equal((await within("the store", thread.ready, 20_000)).log, null);
    assert.equal(said[1], null);
    const claim = await store.claim(0, "a");

    await server.stop();
    await hears(3);
    await assert.rejects(
      store.commit([checkpoint(claim)]),
      (thrown) => thrown instanceof StoreError && thrown.code === "unavailable",
    );
    await server.start();
    await hears(4);
    assert.equal(said[3], null);
    assert.deepEqual(await store.commit([checkpoint(claim)]), ["committed"]);

    await server.pause();
    const commit = store.commit([checkpoint({ ...claim, commit: 1 })]);
    await hears(5);
    await assert.rejects(store.load(0, []), { code: "unavailable", message: /gave no answer/ });
    await server.resume();
    assert.deepEqual(await within("the commit", commit, 20_000), ["committed"]);
    await hears(6);

    await assert.rejects(thread.hold(), { code: "refused", message: /has no file/ });
  },
});
