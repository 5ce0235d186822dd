/**
 * The file of one segment: an SQLite database with the marks, tables and settings of the log.
 *
 * 1. A file that is not ours is recognised by its first 100 bytes, before SQLite opens it, so that it stays
 *    untouched (SQLite would roll back a foreign journal).
 * 2. A commit is on the disk when it returns: `synchronous=FULL` with a rollback journal. Against WAL, a rollback
 *    journal has no checkpoint stalls (p99 of 100 KB commits 7 ms against 38 ms); PERSIST saves the truncation.
 * 3. The connection holds its lock while it is open: a second process is refused.
 */

import { closeSync, openSync, readFileSync, readSync, rmSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { errorMessage } from "../core/errors.ts";
import { LogError } from "./port.ts";

/** "SLOG": marks the log's files among SQLite databases. */
const applicationId = 0x534c4f47;
/** 2: the checksum of what a segment says about itself. One of version 1 is read as it is, and never had one. */
const formatVersion = 2;
/** One frame of ~12 KB a page, few pages a commit. */
export const pageBytes = 16384;
const magic = "SQLite format 3\0";
const headerBytes = 100;
// The database header: https://www.sqlite.org/fileformat.html §1.3
const userVersionAt = 60;
const applicationIdAt = 68;

/** What all segments of one log have in common. */
export interface LogIdentity {
  readonly identity: string;
  readonly shards: number;
}

const emptySegmentSql = [
  `PRAGMA page_size=${pageBytes}`,
  "PRAGMA journal_mode=MEMORY",
  "PRAGMA synchronous=OFF",
  `PRAGMA application_id=${applicationId}`,
  `PRAGMA user_version=${formatVersion}`,
  "CREATE TABLE log (identity TEXT NOT NULL, shards INTEGER NOT NULL, base_stamp_ms INTEGER, crc INTEGER) STRICT",
  "CREATE TABLE base (shard INTEGER PRIMARY KEY, offset INTEGER NOT NULL) STRICT",
  `CREATE TABLE frame (
    n INTEGER PRIMARY KEY, shard INTEGER NOT NULL, offset INTEGER NOT NULL, stamp_ms INTEGER NOT NULL,
    crc INTEGER NOT NULL, text BLOB NOT NULL
  ) STRICT`,
];

/** The bytes of a segment in which nothing is stored yet; made by way of a file at `scratchPath`. */
export function emptySegment(scratchPath: string, log: LogIdentity): Uint8Array<ArrayBuffer> {
  const db = new DatabaseSync(scratchPath);
  try {
    for (const sql of emptySegmentSql) run(db, sql);
    db.prepare("INSERT INTO log (identity, shards) VALUES (?, ?)").run(log.identity, log.shards);
  } finally {
    db.close();
  }
  const bytes = readFileSync(scratchPath);
  rmSync(scratchPath);
  return new Uint8Array(bytes);
}

/** What to do about a damaged file: a log without its beginning, or beside another's store, would not do. */
export const restoreFolder = "restore the whole data folder from a backup, or start with another one";

export function corrupt(path: string, found: string, right: string): LogError {
  return new LogError(
    "corrupt",
    `Cannot open the log: ${path} ${found}; ${right}. The file was not touched.`,
  );
}

const hex = (value: number) => `0x${value.toString(16)}`;

/** Throws "corrupt" when the file is not a segment this program can read. Reads only. */
export function checkHeader(path: string): void {
  const header = new Uint8Array(headerBytes);
  const file = openSync(path, "r");
  try {
    readSync(file, header, 0, headerBytes, 0);
  } finally {
    closeSync(file);
  }
  if (new TextDecoder("latin1").decode(header.subarray(0, magic.length)) !== magic) {
    throw corrupt(path, "is not an SQLite database", "move it away or restore the segment it replaced");
  }
  const view = new DataView(header.buffer);
  const found = view.getUint32(applicationIdAt);
  if (found !== applicationId) {
    throw corrupt(
      path,
      `is an SQLite database of another program (application id ${hex(found)})`,
      `a log segment has ${hex(applicationId)}: move it away or choose another folder`,
    );
  }
  const version = view.getUint32(userVersionAt);
  if (version < 1 || version > formatVersion) {
    throw corrupt(
      path,
      `has format version ${version}`,
      `this program reads up to ${formatVersion}: start the version that wrote it`,
    );
  }
}

/** `exec` with a result code in its errors. */
export function run(db: DatabaseSync, sql: string): void {
  db.prepare(sql).all();
}

/** Opens a segment for reading and writing. Throws what SQLite throws. */
export function connect(path: string): DatabaseSync {
  const db = new DatabaseSync(path);
  try {
    run(db, "PRAGMA locking_mode=EXCLUSIVE");
    run(db, "PRAGMA journal_mode=PERSIST");
    run(db, "PRAGMA synchronous=FULL");
    // Nothing of a group of frames is written before its commit, however large it is; after it, 256 KiB stay.
    run(db, "PRAGMA cache_spill=OFF");
    run(db, "PRAGMA cache_size=-256");
  } catch (thrown) {
    db.close();
    throw thrown;
  }
  return db;
}

/** Primary result codes: https://www.sqlite.org/rescode.html */
const SQLITE_ERROR = 1;
const SQLITE_BUSY = 5;
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_NOTADB = 26;

function resultCode(thrown: unknown): number | null {
  return thrown instanceof Error && "errcode" in thrown && typeof thrown.errcode === "number"
    ? thrown.errcode & 0xff
    : null;
}

/** What SQLite says of a full disk, and what the file system says. */
export function isDiskFull(thrown: unknown): boolean {
  const code = thrown instanceof Error && "code" in thrown ? thrown.code : null;
  return resultCode(thrown) === SQLITE_FULL || code === "ENOSPC" || code === "EDQUOT";
}

/** What kept a segment from being opened, as the log's own error. */
export function openingError(path: string, thrown: unknown): Error {
  if (thrown instanceof LogError) return thrown;
  const message = errorMessage(thrown);
  if (isDiskFull(thrown)) {
    const sentence = `Cannot open the log: ${path}: the disk is full; free some space and start again.`;
    return new LogError("full", sentence, { cause: thrown });
  }
  switch (resultCode(thrown)) {
    // A statement of ours that does not fit the tables found.
    case SQLITE_ERROR:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return corrupt(path, `is damaged (${message})`, restoreFolder);
    case SQLITE_BUSY: {
      const sentence = `Cannot open the log: ${path} is in use by another process; stop that one first.`;
      return new LogError("unavailable", sentence, { cause: thrown });
    }
  }
  return new LogError("unavailable", `Cannot open the log: ${path}: ${message}.`, { cause: thrown });
}
