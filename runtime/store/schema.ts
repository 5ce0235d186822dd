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

const steps: readonly string[] = [version1, version2];

export const schemaVersion = steps.length;

/** Brings the file from the version it has to `schemaVersion`, in one transaction. */
export function migrate(db: DatabaseSync, fromVersion: number): void {
  if (fromVersion === schemaVersion) return;
  db.exec("BEGIN IMMEDIATE");
  for (const step of steps.slice(fromVersion)) db.exec(step);
  db.exec(`PRAGMA user_version = ${schemaVersion}; COMMIT`);
}
