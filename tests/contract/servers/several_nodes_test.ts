/** Several nodes that start at the same moment on servers that hold nothing yet. */

import assert from "node:assert/strict";
import { connect, createServer, type Socket } from "node:net";
import { RemoteLog } from "../../../runtime/log/remote_log.ts";
import { settle } from "../../../runtime/node/options.ts";
import { openWriters, type Writers } from "../../../runtime/node/writers.ts";
import { MySqlStore } from "../../../runtime/store/mysql/mysql_store.ts";
import type { MySqlOpening } from "../../../runtime/store/mysql/schema.ts";
import type { MySqlSettings } from "../../../runtime/store/mysql/settings.ts";
import { freePort } from "../../../deploy/services/free_port.ts";
import { serverAddress, skipUnlessServed, uniqueName } from "../../services/servers.ts";
import { within } from "../../services/within.ts";
import { checkpoint, shardCount } from "../store_fixtures.ts";
import { withConnection, withDatabase } from "./mysql_databases.ts";

const ignore = skipUnlessServed("Several nodes that start at once", ["mysql"]);

const rounds = 5;
const nodes = [0, 1, 2];

/** Each as a node of its own does, at once. */
async function openTogether(settings: MySqlSettings): Promise<readonly [MySqlStore[], MySqlOpening[]]> {
  const stores = nodes.map(() => new MySqlStore({ settings, shards: shardCount }));
  return [stores, await Promise.all(stores.map((store) => store.open()))];
}

const distinct = <T>(values: readonly T[]) => new Set(values).size;

Deno.test({
  name: "MySqlStore open() of several nodes at once agrees on identity, secret and log, however often",
  ignore,
  fn: async () => {
    const secrets = new Set<string>();
    for (let round = 0; round < rounds; round++) {
      await withDatabase(async (settings) => {
        const [stores, openings] = await openTogether(settings);
        assert.equal(distinct(openings.map(({ identity }) => identity)), 1);
        assert.equal(distinct(openings.map(({ secret }) => secret)), 1);
        const secret = openings[0]!.secret;
        assert.match(secret, /^[\w-]{43}$/);
        secrets.add(secret);
        await Promise.all(stores.map((store) => store.bindLog("a log")));
        assert.deepEqual(
          await Promise.all(stores.map((store) => store.boundLog())),
          nodes.map(() => "a log"),
        );
        const claims = await Promise.all(
          stores.map((store, shard) => store.claim(shard, `node ${shard}`, null, 0)),
        );
        assert.deepEqual(
          await Promise.all(stores.map((store, node) => store.commit([checkpoint(claims[node]!)]))),
          nodes.map(() => ["committed"]),
        );
        for (const store of stores) await store.close();
        const [again, reopened] = await openTogether(settings);
        for (const opening of reopened) assert.deepEqual([opening.secret, opening.log], [secret, "a log"]);
        for (const store of again) await store.close();
      });
    }
    assert.equal(secrets.size, rounds, "each cluster has its own");
  },
});

Deno.test({
  name: "MySqlStore bindLog() lets one log in when nodes of different logs start at once",
  ignore,
  fn: () =>
    withDatabase(async (settings) => {
      const [stores] = await openTogether(settings);
      const settled = await Promise.allSettled(stores.map((store, node) => store.bindLog(`log ${node}`)));
      const bound = await stores[0]!.boundLog();
      settled.forEach((one, node) => {
        assert.equal(one.status === "fulfilled", bound === `log ${node}`);
        if (one.status === "fulfilled") return;
        assert.equal(one.reason.code, "refused");
        assert.match(
          one.reason.message,
          new RegExp(`Cannot fold the log log ${node} .*: ${bound} is folded`),
        );
      });
      for (const store of stores) await store.close();
    }),
});

Deno.test({
  name: "MySqlStore open() keeps the secret out of the error when the statement that stores it fails",
  ignore,
  fn: () =>
    withDatabase(async (settings) => {
      const store = new MySqlStore({ settings, shards: shardCount });
      await store.open();
      await store.close();
      await withConnection(settings, async (connection) => {
        await connection.run("UPDATE meta SET secret = NULL, version = 2");
        await connection.run("ALTER TABLE meta MODIFY secret VARCHAR(3)");
      }, settings.database);
      const failing = new MySqlStore({ settings, shards: shardCount });
      await assert.rejects(failing.open(), (thrown) => {
        assert.ok(thrown instanceof Error);
        assert.match(thrown.message, /Data too long for column 'secret'/);
        assert.doesNotMatch(Deno.inspect(thrown), /[\w-]{43}/);
        return true;
      });
      await failing.close();
    }),
});

/** Brokers that are found on `port` from `open` on. */
function lateBroker(port: number, broker: string) {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const [host, brokerPort] = broker.split(":");
    const toBroker = connect(Number(brokerPort), host);
    for (const socket of [client, toBroker]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => sockets.delete(socket));
    }
    client.pipe(toBroker).pipe(client);
  });
  return {
    open: () => new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve)),
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

Deno.test({
  name: "openWriters() goes on when another node has bound the log, and appended, since the store was opened",
  ignore: skipUnlessServed("A node that finds the log later", ["mysql", "kafka"]),
  fn: () =>
    withDatabase(async (settings) => {
      const prefix = uniqueName("writers");
      const mysql = { ...settings, prefix };
      const [broker] = serverAddress("kafka").split(",");
      const late = freePort();
      const waits = Promise.withResolvers<void>();
      const open = (brokers: readonly string[], onWaiting: (sentence: string | null) => void) =>
        openWriters(settle({
          definitionsUrl: "",
          dataDir: "",
          shards: shardCount,
          threads: 1,
          servers: { kafka: { brokers, tls: null, sasl: null, prefix }, mysql },
          onWaiting,
        }));
      const second = open([`127.0.0.1:${late}`], (sentence) => {
        if (sentence?.includes("Kafka")) waits.resolve();
      });
      await within("the second node to wait for its log", waits.promise);
      const first = await within("the first node", open([broker!], () => {}), 20_000);
      const log = new RemoteLog(first.log.connect());
      await log.append([{ shard: 0, text: "a frame" }]);
      await log.close();
      const proxy = lateBroker(late, broker!);
      await proxy.open();
      const opened: Writers[] = [first];
      try {
        const found = await within("the second node", second, 20_000);
        opened.push(found);
        assert.equal(found.extents[0]!.end, 1);
      } finally {
        for (const writers of opened) await writers.close();
        await proxy.close();
      }
    }),
});
