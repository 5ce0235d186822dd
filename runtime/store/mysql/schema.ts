/**
 * The database and its tables.
 *
 * 1. The table `meta` says how many steps the tables have had; a step, once released, is never edited. The server
 *    commits each statement of one by itself, so each can be run again.
 * 2. Several nodes may start at once: one makes the tables, under the server's lock, and the others wait.
 * 3. A database of another program, another cluster, another shard count or a newer version is refused as it is.
 * 4. Keys are binary, so that they compare byte by byte; what is JSON is text, which people can read.
 */

import { StoreError } from "../port.ts";
import { newSecret } from "../secret.ts";
import { MySqlConnection, type Row } from "./connection.ts";
import { serverErrno } from "./errors.ts";
import { idBytes, labelBytes, migrationWaitSeconds } from "./limits.ts";
import type { MySqlSettings } from "./settings.ts";
import { integer, text, textOrNull } from "./values.ts";

const kind = `kind VARBINARY(${labelBytes}) NOT NULL`;
const id = `id VARBINARY(${idBytes}) NOT NULL`;

function table(name: string, ...parts: readonly string[]): string {
  return `CREATE TABLE IF NOT EXISTS ${name} (${parts.join(", ")})
    ENGINE = InnoDB ROW_FORMAT = DYNAMIC DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`;
}

const version1: readonly string[] = [
  table(
    "shards",
    "shard INT NOT NULL PRIMARY KEY",
    "epoch BIGINT NOT NULL",
    "commit_number BIGINT NOT NULL",
    "owner TEXT NOT NULL",
    // The name of the lock that the owner's connection holds.
    "writer VARCHAR(64) NOT NULL",
    "positions LONGTEXT NOT NULL",
    "memory LONGTEXT NOT NULL",
  ),
  table(
    "actors",
    kind,
    id,
    "shard INT NOT NULL",
    "due_ms DOUBLE",
    "commit_number BIGINT NOT NULL",
    "hot LONGBLOB NOT NULL",
    "PRIMARY KEY (kind, id, shard)",
    "KEY actors_by_due (shard, due_ms, kind, id)",
  ),
  // Apart, because hot rows are rewritten every second.
  table(
    "cold_rows",
    kind,
    id,
    "shard INT NOT NULL",
    "cold LONGBLOB NOT NULL",
    "PRIMARY KEY (kind, id, shard)",
  ),
  table("tallies", "shard INT NOT NULL", kind, "actors BIGINT NOT NULL", "PRIMARY KEY (shard, kind)"),
  table(
    "outbox",
    "shard INT NOT NULL",
    "target INT NOT NULL",
    "n BIGINT NOT NULL",
    "frame LONGTEXT NOT NULL",
    "PRIMARY KEY (shard, target, n)",
  ),
  table(
    "requests",
    "shard INT NOT NULL",
    "n BIGINT NOT NULL",
    "request LONGTEXT NOT NULL",
    "PRIMARY KEY (shard, n)",
  ),
  table(
    "idempotency_keys",
    "shard INT NOT NULL",
    "at_ms DOUBLE NOT NULL",
    "commit_number BIGINT NOT NULL",
    "hashes LONGBLOB NOT NULL",
    "PRIMARY KEY (shard, at_ms, commit_number)",
  ),
  table(
    "history",
    kind,
    id,
    "step_ms DOUBLE NOT NULL",
    "start_ms DOUBLE NOT NULL",
    "part BIGINT NOT NULL",
    "pane LONGBLOB NOT NULL",
    "PRIMARY KEY (kind, id, step_ms, start_ms, part)",
    "KEY history_by_start (start_ms)",
  ),
  table(
    "dead_letters",
    `id VARBINARY(${idBytes}) NOT NULL PRIMARY KEY`,
    "at_ms DOUBLE NOT NULL",
    kind,
    `actor_id VARBINARY(${idBytes}) NOT NULL`,
    `reason VARBINARY(${labelBytes}) NOT NULL`,
    "replays INT NOT NULL",
    "replayed_at_ms DOUBLE",
    "letter LONGTEXT NOT NULL",
    // Every column of a filter: rows that do not match are never fetched.
    "KEY dead_letters_by_time (at_ms, id, kind, actor_id, reason)",
  ),
];

/** A step for which `CREATE TABLE IF NOT EXISTS` is no help: not every server knows `ADD COLUMN IF NOT EXISTS`. */
async function addColumn(connection: MySqlConnection, table: string, column: string): Promise<void> {
  try {
    await connection.run(`ALTER TABLE ${table} ADD COLUMN ${column}`);
  } catch (thrown) {
    if (serverErrno(thrown) !== duplicateColumn) throw thrown;
  }
}

const duplicateColumn = 1060;

type Step = (connection: MySqlConnection) => Promise<void>;

const steps: readonly Step[] = [
  async (connection) => {
    for (const statement of version1) await connection.run(statement);
  },
  // When the last commit or claim was, by the server's clock.
  (connection) => addColumn(connection, "shards", "committed_at_ms BIGINT NOT NULL DEFAULT 0"),
  async (connection) => {
    await addColumn(connection, "meta", "secret VARCHAR(64)");
    // Prepared: the driver's errors quote a statement with its values, and a prepared one without them.
    await connection.write("UPDATE meta SET secret = ? WHERE secret IS NULL", [newSecret()]);
  },
];

const schemaVersion = steps.length;

const metaTable = table(
  "meta",
  "one INT NOT NULL PRIMARY KEY",
  "version INT NOT NULL",
  // A random name given when the tables were made.
  "identity VARCHAR(64) NOT NULL",
  "prefix VARCHAR(255) NOT NULL",
  "shards INT NOT NULL",
  // The identity of the log whose frames are folded in here; null until it is known.
  "log TEXT",
);

/** What opening found. */
export interface MySqlOpening {
  /** Random name given when the tables were made. */
  readonly identity: string;
  readonly log: string | null;
  /** Made with the tables: by it the cluster's nodes know each other. */
  readonly secret: string;
  readonly warning: string | null;
}

function refuse(settings: MySqlSettings, found: string, right: string): never {
  throw new StoreError("refused", `Cannot use the database "${settings.database}": ${found}; ${right}`);
}

const unknownDatabase = 1049;

/** A connection to the database, which is made when there is none. */
export async function connectOrMake(settings: MySqlSettings): Promise<MySqlConnection> {
  try {
    return await MySqlConnection.open(settings);
  } catch (thrown) {
    if (serverErrno(thrown) !== unknownDatabase) throw thrown;
  }
  await createDatabase(settings);
  return await MySqlConnection.open(settings);
}

async function createDatabase(settings: MySqlSettings): Promise<void> {
  const { database, user } = settings;
  const name = `\`${database.replaceAll("`", "``")}\``;
  const connection = await MySqlConnection.open(settings, null);
  try {
    await connection.run(`CREATE DATABASE IF NOT EXISTS ${name}`);
  } catch (thrown) {
    if (serverErrno(thrown) === null) throw thrown;
    const right = `let an administrator run: CREATE DATABASE ${name}; GRANT ALL ON ${name}.* TO '${user}'`;
    refuse(settings, `there is none, and the user "${user}" may not make it`, right);
  } finally {
    connection.destroy();
  }
}

/** Opens the database and brings its tables from the version they have to `schemaVersion`. */
export async function openDatabase(settings: MySqlSettings, shards: number): Promise<MySqlOpening> {
  const connection = await connectOrMake(settings);
  try {
    const lock = "CONCAT('sensorium.', SHA1(DATABASE()))";
    const [row] = await connection.rows(`SELECT GET_LOCK(${lock}, ${migrationWaitSeconds}) AS got`);
    if (row?.got !== 1) throw new StoreError("unavailable", "another node is making the tables");
    const meta = await migrated(connection, settings, shards);
    return { ...meta, warning: await warningOf(connection) };
  } finally {
    // Ends the lock as well.
    connection.destroy();
  }
}

async function migrated(
  connection: MySqlConnection,
  settings: MySqlSettings,
  shards: number,
): Promise<Omit<MySqlOpening, "warning">> {
  await checkOurs(connection, settings);
  await connection.run(metaTable);
  await connection.run(
    "INSERT IGNORE INTO meta (one, version, identity, prefix, shards) VALUES (1, 0, ?, ?, ?)",
    [crypto.randomUUID(), settings.prefix, shards],
  );
  const [meta] = await connection.rows("SELECT version, identity, prefix, shards, log FROM meta");
  const version = checkMeta(meta ?? {}, settings, shards);
  for (const [index, step] of steps.slice(version).entries()) {
    await step(connection);
    await connection.run("UPDATE meta SET version = ?", [version + index + 1]);
  }
  await makeShards(connection, shards);
  const what = "the store's own row";
  const [made] = await connection.rows("SELECT secret FROM meta");
  return {
    identity: text(meta?.identity, what),
    log: textOrNull(meta?.log, what),
    secret: text(made?.secret, what),
  };
}

/** Null: none is bound. */
export async function boundLog(connection: MySqlConnection): Promise<string | null> {
  const [meta] = await connection.rows("SELECT log FROM meta");
  return textOrNull(meta?.log ?? null, "the store's own row");
}

/** Remembers the log, unless one is bound: several nodes may start at once. Answers the one that is bound. */
export async function bindLog(connection: MySqlConnection, log: string): Promise<string | null> {
  await connection.run("UPDATE meta SET log = ? WHERE log IS NULL", [log]);
  return await boundLog(connection);
}

/** So that a claim has a row to lock. Rows that are there are not touched: a stuck owner may hold one. */
async function makeShards(connection: MySqlConnection, shards: number): Promise<void> {
  const [row] = await connection.rows("SELECT COUNT(*) AS n FROM shards");
  if (row?.n === shards) return;
  const rows = Array.from({ length: shards }, (_, shard) => `(${shard}, 0, 0, '', '', '{}', '{}')`);
  const columns = "shard, epoch, commit_number, owner, writer, positions, memory";
  await connection.run(`INSERT IGNORE INTO shards (${columns}) VALUES ${rows.join()}`);
}

async function checkOurs(connection: MySqlConnection, settings: MySqlSettings): Promise<void> {
  const sql = `SELECT TABLE_NAME AS t, (SELECT COUNT(*) FROM information_schema.COLUMNS
      WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'meta' AND COLUMN_NAME IN ('version', 'prefix', 'shards', 'log')
    ) AS ours FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() LIMIT 1`;
  const [row] = await connection.rows(sql);
  if (row === undefined || row.ours === 4) return;
  refuse(
    settings,
    `it holds tables of another program (as "${String(row.t)}")`,
    "give Sensorium a database of its own",
  );
}

function checkMeta(meta: Row, settings: MySqlSettings, shards: number): number {
  const what = "the store's own row";
  const version = integer(meta.version, what);
  if (version > schemaVersion) {
    const found = `its tables have version ${version}, and this program knows up to ${schemaVersion}`;
    refuse(settings, found, "use the newer program that made them, or another database");
  }
  const prefix = text(meta.prefix, what);
  if (prefix !== settings.prefix) {
    const right = "set that prefix, or use another database";
    refuse(settings, `it is of the cluster with the prefix "${prefix}", not "${settings.prefix}"`, right);
  }
  const made = integer(meta.shards, what);
  if (made !== shards) {
    refuse(settings, `it was made for ${made} shards, not ${shards}`, `set ${made}, or use another database`);
  }
  return version;
}

async function warningOf(connection: MySqlConnection): Promise<string | null> {
  const [row] = await connection.rows("SELECT @@innodb_flush_log_at_trx_commit AS flush");
  if (row?.flush === 1) return null;
  return "The MySQL server does not write each commit to its disk (innodb_flush_log_at_trx_commit is not 1): " +
    "when its machine fails, what was committed last is folded again";
}
