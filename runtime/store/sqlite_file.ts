/**
 * Opening and creating the store's file.
 *
 * 1. A file that is not ours, newer, damaged, or of another shard count is refused and left byte for byte as it was.
 * 2. A new file appears whole or not at all: it is built under another name and renamed.
 * 3. A write-ahead log that a crash cut short is read as far as it is whole, and that is said; a damaged one is refused.
 * 4. A file remembers the log that is folded into it: with another one, offsets would mean other frames.
 */

import { closeSync, existsSync, fsyncSync, openSync, readSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { platform } from "node:process";
import { DatabaseSync } from "node:sqlite";
import { crc32 } from "node:zlib";
import { FileLock } from "./file_lock.ts";
import { cacheBytes, openWaitMs, pageBytes, walBytes, wholeCheckBytes } from "./limits.ts";
import { StoreError } from "./port.ts";
import { applicationId, countedVersion, migrate, schemaVersion } from "./schema.ts";
import { translated } from "./sqlite_errors.ts";
import { checkText, integer, text, textOrNull } from "./stored_row.ts";
import { lossOf } from "./tallies.ts";
import { inspectWal } from "./wal.ts";

export interface StoreFileOptions {
  /** The file; SQLite keeps `-wal` beside it. Its folder exists. */
  readonly path: string;
  /** Shards of this installation; a file remembers the count it was made with. */
  readonly shards: number;
  /** Size in bytes at which the file counts as a full disk. */
  readonly maxBytes?: number;
}

/** What a file says about itself. */
export interface StoreMeta {
  /** Random name given when the file was made. */
  readonly identity: string;
  readonly shards: number;
  /** Identity of the log that is folded into it; null until `bindLog` was called. */
  readonly log: string | null;
}

/** What opening found. */
export interface StoreOpening extends StoreMeta {
  /** What a person should know, as a sentence; null when all is as it was left. */
  readonly warning: string | null;
}

export interface StoreFile {
  /** Released by whoever closes `db`. */
  readonly lock: FileLock;
  readonly db: DatabaseSync;
  readonly meta: StoreMeta;
  readonly warning: string | null;
}

const sqliteMagic = "SQLite format 3\0";
const headerBytes = 100;

function refuse(path: string, found: string, right: string): never {
  throw new StoreError("corrupt", `Cannot open the store ${path}: ${found}; ${right}`);
}

function refuseDamaged(path: string, where: string): never {
  refuse(
    path,
    `it is damaged (${where})`,
    "restore the whole data folder from a backup, or start with another one",
  );
}

function readHeader(path: string): Buffer {
  const header = Buffer.alloc(headerBytes);
  const file = openSync(path, "r");
  try {
    readSync(file, header, 0, headerBytes, 0);
  } finally {
    closeSync(file);
  }
  return header;
}

function checkVersion(path: string, version: number): void {
  if (version > schemaVersion) {
    const found = `it has format version ${version}, and this program knows up to ${schemaVersion}`;
    refuse(path, found, "use the newer program that wrote it, or another data folder");
  }
}

/** Refuses a file that is not ours, or newer. Looks at the header without SQLite, which would leave its own files beside a foreign one. */
export function checkHeader(path: string): void {
  const another = "choose another data folder, or move the file away";
  if (!statSync(path).isFile()) refuse(path, "it is not a file", another);
  // https://www.sqlite.org/fileformat.html#the_database_header
  const header = readHeader(path);
  if (header.toString("latin1", 0, 16) !== sqliteMagic) refuse(path, "it is not a SQLite file", another);
  if (header.readUInt32BE(68) !== applicationId) refuse(path, "it belongs to another program", another);
  checkVersion(path, header.readUInt32BE(60));
}

export function readVersion(db: DatabaseSync): number {
  return integer(db.prepare("PRAGMA user_version").get()?.user_version, "the format version");
}

function metaChecksum({ identity, shards, log }: StoreMeta): string {
  return `${identity} ${shards} ${log ?? "-"}`;
}

export function readMeta(db: DatabaseSync): StoreMeta {
  const what = "the store's own row";
  const row = db.prepare("SELECT identity, shards, log, crc FROM meta").get();
  const meta = {
    identity: text(row?.identity, what),
    shards: integer(row?.shards, what),
    log: textOrNull(row?.log, what),
  };
  checkText(metaChecksum(meta), row?.crc, what);
  return meta;
}

function writeMeta(db: DatabaseSync, meta: StoreMeta): void {
  db.prepare("INSERT OR REPLACE INTO meta VALUES (1, ?, ?, ?, ?)")
    .run(meta.identity, meta.shards, meta.log, crc32(metaChecksum(meta)));
}

/** Remembers the log that will be folded into the file. */
export function bindLog(file: StoreFile, log: string): StoreFile {
  const meta: StoreMeta = { ...file.meta, log };
  writeMeta(file.db, meta);
  return { ...file, meta };
}

/** Tables that every claim needs: small ones. */
const claimTables = ["meta", "shards", "tallies", "outbox", "requests", "keys"];

/** Those of them that a file has which is yet to be migrated. */
function claimTablesOf(db: DatabaseSync): string[] {
  const has = db.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?");
  return claimTables.filter((table) => has.get(table) !== undefined);
}

/** Where a page is damaged, by a `check` of SQLite's; null: nowhere. */
export function pageDamage(db: DatabaseSync, check: string): string | null {
  const [found] = Object.values(db.prepare(`PRAGMA ${check}`).get() ?? {});
  if (found === "ok") return null;
  // The first line names the database, of which there is one.
  return text(found, "the result of a check").replace(/^\*\*\*.*\*\*\*\n/, "").replaceAll(/\s+/g, " ");
}

/**
 * Looks for damaged pages, in as much of the file as takes no time to speak of. Of a small file, every index is compared
 * with its table too: an actor that its index does not find would begin anew.
 */
function checkPages(db: DatabaseSync, path: string): void {
  const isSmall = statSync(path).size <= wholeCheckBytes;
  const checks = isSmall
    ? ["integrity_check(1)"]
    : claimTablesOf(db).map((table) => `integrity_check(${table})`);
  for (const check of checks) {
    const where = pageDamage(db, check);
    if (where !== null) refuseDamaged(path, where);
  }
}

function checkCounts(db: DatabaseSync, path: string): void {
  const loss = lossOf(db);
  if (loss !== null) refuseDamaged(path, loss);
}

/** Reads version and shard count through a connection that cannot write. */
function probe({ path, shards }: StoreFileOptions): StoreMeta {
  const db = new DatabaseSync(path, { readOnly: true });
  try {
    db.exec(`PRAGMA busy_timeout = ${openWaitMs}`);
    checkVersion(path, readVersion(db));
    const meta = readMeta(db);
    if (meta.shards !== shards) {
      const right = `start with --shards ${meta.shards}, or with another data folder`;
      refuse(path, `it was made for ${meta.shards} shards, not ${shards}`, right);
    }
    checkPages(db, path);
    if (readVersion(db) >= countedVersion) checkCounts(db, path);
    return meta;
  } finally {
    db.close();
  }
}

/** Answers what to tell of the write-ahead log. */
function checkWal(path: string): string | null {
  const wal = `${path}-wal`;
  const state = inspectWal(wal);
  switch (state.type) {
    case "whole":
      return null;
    case "damaged":
      return refuseDamaged(path, `of its write-ahead log ${wal}, ${state.found}`);
    case "cut-short":
      return `The last ${state.lostBytes} bytes of ${wal} are not whole, as a crash leaves them: ` +
        "what they held is folded again from the log";
  }
}

/** Makes a rename durable. Windows has no handle of a folder to flush. */
function syncFolder(path: string): void {
  if (platform === "win32") return;
  const folder = openSync(dirname(path), "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}

function create({ path, shards }: StoreFileOptions): void {
  // SQLite would replay the old log into the new file; one that a refused start left behind is empty.
  if (existsSync(`${path}-wal`) && statSync(`${path}-wal`).size > 0) {
    refuse(path, `only its log ${path}-wal is there`, "put the file back beside it, or move the log away");
  }
  const building = `${path}.new`;
  for (const leftover of [building, `${building}-journal`, `${building}-wal`]) {
    rmSync(leftover, { force: true });
  }
  const db = new DatabaseSync(building);
  try {
    db.exec(`PRAGMA page_size = ${pageBytes}; PRAGMA application_id = ${applicationId}`);
    migrate(db, 0);
    writeMeta(db, { identity: crypto.randomUUID(), shards, log: null });
    db.exec("PRAGMA journal_mode = WAL");
  } finally {
    db.close();
  }
  renameSync(building, path);
  syncFolder(path);
}

/** Log at which SQLite copies pages back into the file, in pages. */
export const autoCheckpointPages = walBytes / pageBytes;

function configure(db: DatabaseSync, maxBytes: number | undefined): void {
  db.exec(`
    PRAGMA busy_timeout = ${openWaitMs};
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA wal_autocheckpoint = ${autoCheckpointPages};
    PRAGMA journal_size_limit = ${2 * walBytes};
    PRAGMA cache_size = ${-cacheBytes / 1024};
    PRAGMA temp_store = MEMORY;
  `);
  if (maxBytes !== undefined) db.exec(`PRAGMA max_page_count = ${Math.floor(maxBytes / pageBytes)}`);
}

/** Opens the file, made new where there is none. Throws a `StoreError`. */
export function openStoreFile(options: StoreFileOptions): StoreFile {
  const { path } = options;
  // First: beside a foreign file nothing is left.
  if (existsSync(path)) translated(`open the store ${path}`, () => checkHeader(path));
  const lock = new FileLock(path);
  try {
    return { lock, ...openLocked(options) };
  } catch (thrown) {
    lock.release();
    throw thrown;
  }
}

function openLocked(options: StoreFileOptions): Omit<StoreFile, "lock"> {
  const { path, maxBytes } = options;
  return translated(`open the store ${path}`, () => {
    if (!existsSync(path)) create(options);
    const warning = checkWal(path);
    const meta = probe(options);
    const db = new DatabaseSync(path);
    try {
      configure(db, maxBytes);
      migrate(db, readVersion(db));
      return { db, meta, warning };
    } catch (thrown) {
      db.close();
      throw thrown;
    }
  });
}
