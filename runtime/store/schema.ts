/**
 * Tables of the embedded store.
 *
 * 1. `user_version` is the number of steps that a file has had; a step, once released, is never edited.
 * 2. Actors and history are rowid tables with an index of their keys: rows are appended, and only small index pages
 *    are touched at random. Clustered by key, history took 11,000 rows/s where this takes 58,000 (600 B rows of
 *    10,000 actors, at 250,000 rows).
 * 3. Texts have the BINARY collation: they compare by the bytes of their UTF-8.
 */

import type { DatabaseSync } from "node:sqlite";
import { crc32 } from "node:zlib";
import { coldKey, hotKey } from "./actor_rows.ts";
import { letterKey } from "./dead_letter_rows.ts";
import { historyKey } from "./history_rows.ts";
import { keysKey } from "./key_rows.ts";
import { outboxKey } from "./outbox_rows.ts";
import { requestKey } from "./request_rows.ts";
import { rowChecksum } from "./stored_row.ts";
import { tallyChecksum } from "./tallies.ts";

/** "SenS" in the file's header: ours, and a store. */
export const applicationId = 0x53656e53;

const version1 = `
  CREATE TABLE meta (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    identity TEXT NOT NULL,
    shards INTEGER NOT NULL,
    -- The identity of the log whose frames are folded in here; null until it is known.
    log TEXT,
    crc INTEGER NOT NULL
  );
  -- The checksum covers all but the owner's name, which is for people.
  CREATE TABLE shards (
    shard INTEGER PRIMARY KEY,
    epoch INTEGER NOT NULL,
    commit_number INTEGER NOT NULL,
    owner TEXT NOT NULL,
    positions TEXT NOT NULL,
    memory TEXT NOT NULL,
    crc INTEGER NOT NULL
  );
  CREATE TABLE actors (
    actor INTEGER PRIMARY KEY,
    shard INTEGER NOT NULL,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    due_ms INTEGER,
    hot BLOB NOT NULL,
    crc INTEGER NOT NULL
  );
  CREATE UNIQUE INDEX actors_by_key ON actors (kind, id, shard);
  CREATE INDEX actors_by_due ON actors (shard, due_ms, kind, id) WHERE due_ms IS NOT NULL;
  -- Kept by the commits, because counting a million rows would hold up the next one.
  CREATE TABLE kinds (kind TEXT PRIMARY KEY, actors INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE cold (actor INTEGER PRIMARY KEY, row BLOB NOT NULL, crc INTEGER NOT NULL);
  CREATE TABLE outbox (
    shard INTEGER NOT NULL,
    target INTEGER NOT NULL,
    n INTEGER NOT NULL,
    frame TEXT NOT NULL,
    crc INTEGER NOT NULL,
    PRIMARY KEY (shard, target, n)
  ) WITHOUT ROWID;
  CREATE TABLE keys (
    shard INTEGER NOT NULL,
    at_ms INTEGER NOT NULL,
    commit_number INTEGER NOT NULL,
    hashes BLOB NOT NULL,
    crc INTEGER NOT NULL,
    PRIMARY KEY (shard, at_ms, commit_number)
  ) WITHOUT ROWID;
  CREATE TABLE history (
    history INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    step_ms INTEGER NOT NULL,
    start_ms INTEGER NOT NULL,
    part INTEGER NOT NULL,
    row BLOB NOT NULL,
    crc INTEGER NOT NULL
  );
  CREATE UNIQUE INDEX history_by_key ON history (kind, id, step_ms, start_ms, part);
  CREATE INDEX history_by_start ON history (start_ms);
  -- The letter is JSON, where any character of an error's text survives; the columns are for finding it.
  CREATE TABLE dead_letters (
    id TEXT PRIMARY KEY,
    at_ms INTEGER NOT NULL,
    kind TEXT NOT NULL,
    actor_id TEXT NOT NULL,
    reason TEXT NOT NULL,
    letter TEXT NOT NULL,
    crc INTEGER NOT NULL
  );
  CREATE INDEX dead_letters_by_time ON dead_letters (at_ms, id, kind, actor_id, reason);
`;

const version2 = `
  -- The request is JSON, where any character of an id or a body survives.
  CREATE TABLE requests (
    shard INTEGER NOT NULL,
    n INTEGER NOT NULL,
    request TEXT NOT NULL,
    crc INTEGER NOT NULL,
    PRIMARY KEY (shard, n)
  ) WITHOUT ROWID;
`;

/** Checksums cover keys, an actor's row says whether it has a cold one, and all rows are counted. */
function version3(db: DatabaseSync): void {
  db.exec(`
    CREATE TABLE tallies (name TEXT PRIMARY KEY, rows INTEGER NOT NULL, crc INTEGER NOT NULL) WITHOUT ROWID;
    ALTER TABLE actors ADD COLUMN has_cold INTEGER NOT NULL DEFAULT 0;
    UPDATE actors SET has_cold = 1 WHERE actor IN (SELECT actor FROM cold);
  `);
  coverKeys(db);
  db.function("tally_crc", (name, rows) => tallyChecksum(String(name), Number(rows)));
  db.exec(`
    INSERT INTO tallies
    SELECT name, n, tally_crc(name, n) FROM (
      SELECT 'actors/' || kind AS name, actors AS n FROM kinds
      UNION ALL SELECT 'shards/' || shard, 1 FROM shards
      UNION ALL SELECT 'history', count(*) FROM history
      UNION ALL SELECT 'dead_letters', count(*) FROM dead_letters
      UNION ALL SELECT 'outbox/' || shard, count(*) FROM outbox GROUP BY shard
      UNION ALL SELECT 'requests/' || shard, count(*) FROM requests GROUP BY shard
      UNION ALL SELECT 'keys/' || shard, count(*) FROM keys GROUP BY shard
    );
    DROP TABLE kinds;
  `);
}

const noChecksum = -1;

type Stored = string | number | bigint | null | Uint8Array;

/** Gives each row the checksum that covers its key too. One that was damaged gets none, and stays so. */
function coverKeys(db: DatabaseSync): void {
  const cover = (table: string, row: string, columns: string, keyOf: (key: readonly Stored[]) => string) => {
    db.function(`cover_${table}`, { varargs: true }, (bytes: Stored, crc: Stored, ...key: Stored[]) => {
      const isRow = typeof bytes === "string" || bytes instanceof Uint8Array;
      return isRow && crc32(bytes) === crc ? rowChecksum(keyOf(key), bytes) : noChecksum;
    });
    db.exec(`UPDATE ${table} SET crc = cover_${table}(${row}, crc, ${columns})`);
  };
  const [number, text] = [Number, String];
  cover(
    "actors",
    "hot",
    "shard, due_ms, kind, id",
    ([shard, dueMs, kind, id]) =>
      hotKey(number(shard), dueMs === null ? null : number(dueMs), text(kind), text(id)),
  );
  const ofActor = (column: string) => `(SELECT ${column} FROM actors WHERE actors.actor = cold.actor)`;
  cover(
    "cold",
    "row",
    ["shard", "kind", "id"].map(ofActor).join(),
    ([shard, kind, id]) => coldKey(number(shard), text(kind), text(id)),
  );
  cover(
    "history",
    "row",
    "kind, id, step_ms, start_ms, part",
    ([kind, id, stepMs, startMs, part]) =>
      historyKey(text(kind), text(id), number(stepMs), number(startMs), number(part)),
  );
  cover(
    "outbox",
    "frame",
    "shard, target, n",
    ([shard, target, n]) => outboxKey(number(shard), number(target), number(n)),
  );
  cover("requests", "request", "shard, n", ([shard, n]) => requestKey(number(shard), number(n)));
  cover(
    "keys",
    "hashes",
    "shard, at_ms, commit_number",
    ([shard, atMs, commit]) => keysKey(number(shard), number(atMs), number(commit)),
  );
  cover("dead_letters", "letter", "id", () => letterKey);
}

/** For people, like the owner's name: no checksum covers it. */
const version4 = "ALTER TABLE shards ADD COLUMN committed_at_ms INTEGER NOT NULL DEFAULT 0";

const steps: readonly ((db: DatabaseSync) => void)[] = [
  (db) => db.exec(version1),
  (db) => db.exec(version2),
  version3,
  (db) => db.exec(version4),
];

export const schemaVersion = steps.length;

/** From this version on, all rows are counted. */
export const countedVersion = 3;

/** Brings the file from the version it has to `schemaVersion`, in one transaction. */
export function migrate(db: DatabaseSync, fromVersion: number): void {
  if (fromVersion === schemaVersion) return;
  db.exec("BEGIN IMMEDIATE");
  for (const step of steps.slice(fromVersion)) step(db);
  db.exec(`PRAGMA user_version = ${schemaVersion}; COMMIT`);
}
