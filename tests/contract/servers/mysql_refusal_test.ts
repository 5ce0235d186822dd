/** Opening the store on MySQL: what it refuses, with a sentence each; what it makes, and brings up to date. */

import assert from "node:assert/strict";
import { join } from "node:path";
import type { MySqlSettings } from "../../../runtime/store/mysql/settings.ts";
import { ownMariadb, skipUnlessServersInstalled } from "../../services/own_server.ts";
import { skipUnlessServed } from "../../services/servers.ts";
import { checkpoint } from "../store_fixtures.ts";
import { openStore, settingsOf, withConnection, withDatabase } from "./mysql_databases.ts";

const ignore = skipUnlessServed("The store on MySQL", ["mysql"]);

async function refuses(settings: MySqlSettings, message: RegExp): Promise<void> {
  await assert.rejects(openStore(settings), (thrown) => {
    assert.ok(thrown instanceof Error && "code" in thrown);
    assert.equal(thrown.code, "refused");
    assert.match(thrown.message, message);
    assert.ok(!thrown.message.includes("a secret"), "no password");
    return true;
  });
}

const cases: readonly [name: string, sql: string, message: RegExp][] = [
  ["a newer version", "UPDATE meta SET version = 99", /have version 99, and this program knows up to/],
  ["another prefix", "UPDATE meta SET prefix = 'other'", /with the prefix "other", not "sensorium"; set/],
  ["another shard count", "UPDATE meta SET shards = 3", /it was made for 3 shards, not 8; set 3/],
  ["another program", "DROP TABLE meta", /it holds tables of another program .* a database of its own/],
];

for (const [name, sql, message] of cases) {
  Deno.test({
    name: `MySqlStore open() refuses a database of ${name}`,
    ignore,
    fn: () =>
      withDatabase(async (settings) => {
        await (await openStore(settings)).close();
        await withConnection(settings, (connection) => connection.run(sql), settings.database);
        await refuses(settings, message);
      }),
  });
}

Deno.test({
  name: "MySqlStore open() refuses wrong credentials, and TLS that is not offered",
  ignore,
  fn: () =>
    withDatabase(async (settings) => {
      await refuses(
        { ...settings, user: "nobody", password: "a secret" },
        /Access denied for user 'nobody'.*; correct the user or the password/,
      );
      await refuses({ ...settings, tls: { ca: "not a certificate" } }, /Cannot open the store on MySQL at/);
    }),
});

Deno.test({
  name: "MySqlStore open() makes the tables once when several nodes start together",
  ignore,
  fn: () =>
    withDatabase(async (settings) => {
      const stores = await Promise.all([1, 2, 3].map(() => openStore(settings)));
      const claims = await Promise.all(stores.map((store, shard) => store.claim(shard, "a")));
      assert.deepEqual(claims.map(({ epoch }) => epoch), [1, 1, 1]);
      for (const store of stores) await store.close();
    }),
});

for (
  const [name, sql] of [
    ["of version 1", "ALTER TABLE shards DROP COLUMN committed_at_ms"],
    ["whose step from version 1 was cut short", "DO 0"],
  ] as const
) {
  Deno.test({
    name: `MySqlStore open() brings a database ${name} up to date, with all that is in it`,
    ignore,
    fn: () =>
      withDatabase(async (settings) => {
        const store = await openStore(settings);
        await store.commit([checkpoint(await store.claim(0, "a"), { actors: [{ id: "a", hot: "x" }] })]);
        await store.close();
        await withConnection(settings, async (connection) => {
          await connection.run(sql);
          await connection.run("UPDATE meta SET version = 1");
        }, settings.database);
        const migrated = await openStore(settings);
        const rows = await migrated.rows();
        assert.deepEqual(rows.map(({ shard, epoch, commit }) => [shard, epoch, commit]), [[0, 1, 1]]);
        const claim = await migrated.claim(0, "b", null, 1);
        assert.deepEqual(await migrated.commit([checkpoint(claim)]), ["committed"]);
        await migrated.close();
        await (await openStore(settings)).close();
      }),
  });
}

Deno.test({
  name: "MySqlStore works by TLS, and says what is wrong with an authority, or without TLS",
  ignore: skipUnlessServersInstalled("The store on MySQL by TLS", ["mariadb"]),
  async fn() {
    const user = { name: "al", password: "a secret" };
    await using own = await ownMariadb({ user, tls: true });
    const { server } = own;
    const ca = await Deno.readTextFile(join(server.folder, "tls", "ca.pem"));
    const plain = { ...settingsOf(server.address, "sensorium"), user: user.name, password: user.password };

    const store = await openStore({ ...plain, tls: { ca } });
    const claim = await store.claim(0, "a");
    assert.deepEqual(await store.commit([checkpoint(claim, { actors: [{ id: "a", hot: "x" }] })]), [
      "committed",
    ]);
    await store.close();

    await refuses(
      { ...plain, tls: { ca: null } },
      /certificate.*; name the authority that signed the server/i,
    );
    await refuses(plain, /Access denied for user 'al'.*turn TLS on where the server wants it/);
  },
});
