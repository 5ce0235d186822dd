/** Databases of a test's own on the MySQL server that tests are given. */

import { MySqlConnection } from "../../../runtime/store/mysql/connection.ts";
import { MySqlStore } from "../../../runtime/store/mysql/mysql_store.ts";
import type { MySqlSettings } from "../../../runtime/store/mysql/settings.ts";
import { serverAddress, uniqueName } from "../../services/servers.ts";
import { shardCount } from "../store_fixtures.ts";
import type { StoreFixture } from "../store_tests.ts";

export function settingsOf(url: string, database: string): MySqlSettings {
  const { hostname, port, username, password } = new URL(url);
  return {
    host: hostname,
    port: Number(port || 3306),
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
    database,
    tls: null,
    prefix: "sensorium",
  };
}

/** A database that is not there yet. */
export function newDatabase(): MySqlSettings {
  return settingsOf(serverAddress("mysql"), uniqueName("sensorium_test"));
}

/** Runs `use` with a connection, by default without a database. */
export async function withConnection<T>(
  settings: MySqlSettings,
  use: (connection: MySqlConnection) => Promise<T>,
  database: string | null = null,
): Promise<T> {
  const connection = await MySqlConnection.open(settings, database);
  try {
    return await use(connection);
  } finally {
    connection.destroy();
    await connection.lost;
  }
}

export async function dropDatabase(settings: MySqlSettings): Promise<void> {
  await withConnection(
    settings,
    (connection) => connection.run(`DROP DATABASE IF EXISTS ${settings.database}`),
  );
}

export async function openStore(
  settings: MySqlSettings,
  onWaiting: (waitingFor: string | null) => void = () => {},
): Promise<MySqlStore> {
  const store = new MySqlStore({ settings, shards: shardCount }, onWaiting);
  await store.open();
  return store;
}

/** Runs `use` on a database of its own. */
export async function withDatabase(use: (settings: MySqlSettings) => Promise<void>): Promise<void> {
  const settings = newDatabase();
  try {
    await use(settings);
  } finally {
    await dropDatabase(settings);
  }
}

const tables = [
  "meta",
  "shards",
  "actors",
  "cold_rows",
  "tallies",
  "outbox",
  "requests",
  "idempotency_keys",
  "history",
  "dead_letters",
];

/** Takes away all that is in the tables, which are left: to make them takes longer than most tests. */
export async function emptied(settings: MySqlSettings): Promise<void> {
  await withConnection(settings, async (connection) => {
    for (const table of tables) await connection.run(`DELETE FROM ${table}`);
  }, settings.database);
}

/** For the contract: one database for all tests. */
export async function storeOf(settings: MySqlSettings): Promise<StoreFixture> {
  let store = await openStore(settings);
  return {
    store,
    reopen: async () => {
      await store.close();
      return store = await openStore(settings);
    },
    dispose: async () => {
      await store.close();
      await emptied(settings);
    },
  };
}
