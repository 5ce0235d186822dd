/**
 * One segment of the log: frames of all shards in the order they came.
 *
 * 1. `append` stores all frames or none.
 * 2. A shard's frames in a segment are dense, from the segment's base offset on. Base offsets and the stamp before
 *    the first frame are stored when the segment is taken into use, so they outlive every frame before it.
 * 3. A frame is checked against its checksum whenever it is read from the file, the last one when it is opened: its
 *    stamp is the log's clock. What a segment says about itself has a checksum too.
 *
 * Frames are found through an index in memory (shard, offset → row): an index in the file would double the pages
 * that a commit writes.
 */

import type { DatabaseSync, StatementSync } from "node:sqlite";
import { crc32 } from "node:zlib";
import { MAILBOX } from "../core/checkpoint.ts";
import type { LogFrame } from "../core/log_frame.ts";
import {
  connect,
  corrupt,
  type LogIdentity,
  openingError,
  pageBytes,
  restoreFolder,
  run,
} from "./segment_file.ts";
import { LogError } from "./port.ts";

export type StoredFrame = Omit<LogFrame, "topic">;

interface Connection {
  readonly db: DatabaseSync;
  readonly begin: StatementSync;
  readonly commit: StatementSync;
  readonly insert: StatementSync;
  readonly select: StatementSync;
}

function prepare(db: DatabaseSync): Connection {
  return {
    db,
    begin: db.prepare("BEGIN IMMEDIATE"),
    commit: db.prepare("COMMIT"),
    insert: db.prepare("INSERT INTO frame (n, shard, offset, stamp_ms, crc, text) VALUES (?, ?, ?, ?, ?, ?)"),
    select: db.prepare("SELECT shard, offset, stamp_ms, crc, text FROM frame WHERE n = ?"),
  };
}

// Text is stored as UTF-8 bytes: as TEXT, the driver ends it at the first NUL.
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Over everything that is stored of a frame. */
export function checksum(frame: Omit<StoredFrame, "text">, text: Uint8Array): number {
  return crc32(text, crc32(`${frame.shard}/${frame.offset}/${frame.stampMs}/`));
}

/** Over what a segment says about itself, once it was taken into use. */
function selfChecksum({ identity, shards }: LogIdentity, stampMs: number, bases: readonly number[]): number {
  return crc32(`${identity}/${shards}/${stampMs}/${bases.join()}`);
}

export class Segment {
  readonly path: string;
  readonly sequence: number;
  readonly #log: LogIdentity;
  #connection: Connection | null = null;
  /** First offset of each shard; empty until the segment is taken into use. */
  #bases: number[] = [];
  /** Row of each frame, by shard and offset minus base. */
  #rows: number[][] = [];
  #rowCount = 0;
  #lastStampMs = 0;
  #maxBytes: number | null = null;

  private constructor(path: string, sequence: number, log: LogIdentity) {
    this.path = path;
    this.sequence = sequence;
    this.#log = log;
  }

  /** Opens and verifies a segment whose header was checked. Throws "corrupt" or "unavailable". */
  static open(path: string, sequence: number, log: LogIdentity): Segment {
    const segment = new Segment(path, sequence, log);
    try {
      segment.#verify();
    } catch (thrown) {
      segment.release();
      throw openingError(path, thrown);
    }
    return segment;
  }

  /** What a segment says about the log it belongs to. */
  static identityOf(path: string): LogIdentity {
    let db: DatabaseSync | null = null;
    try {
      db = connect(path);
      const row = db.prepare("SELECT identity, shards FROM log").get();
      if (typeof row?.identity !== "string" || typeof row.shards !== "number") {
        throw corrupt(path, "does not say which log it belongs to", "restore it from a backup");
      }
      return { identity: row.identity, shards: row.shards };
    } catch (thrown) {
      throw openingError(path, thrown);
    } finally {
      db?.close();
    }
  }

  /** False: it was never taken into use. */
  get hasBases(): boolean {
    return this.#bases.length > 0;
  }

  get isEmpty(): boolean {
    return this.#rowCount === 0;
  }

  get lastStampMs(): number {
    return this.#lastStampMs;
  }

  base(shard: number): number {
    return this.#bases[shard] ?? 0;
  }

  end(shard: number): number {
    return this.base(shard) + (this.#rows[shard]?.length ?? 0);
  }

  ends(): number[] {
    return this.#bases.map((_, shard) => this.end(shard));
  }

  /** Size of the file. */
  bytes(): number {
    return pageBytes * Number(this.#connect().db.prepare("PRAGMA page_count").get()?.page_count);
  }

  /** Above this size an append fails as on a full disk. */
  limitBytes(maxBytes: number): void {
    this.#maxBytes = maxBytes;
    if (this.#connection !== null) this.#applyLimit(this.#connection.db);
  }

  /** Takes a spare into use. Throws what SQLite throws, and can be tried again, whatever came of it. */
  activate(bases: readonly number[], stampMs: number): void {
    this.#transaction(({ db }) => {
      run(db, "DELETE FROM base");
      const insert = db.prepare("INSERT INTO base (shard, offset) VALUES (?, ?)");
      bases.forEach((offset, shard) => insert.run(shard, offset));
      db.prepare("UPDATE log SET base_stamp_ms = ?").run(stampMs);
      if (!hasChecksum(db)) return;
      db.prepare("UPDATE log SET crc = ?").run(selfChecksum(this.#log, stampMs, bases));
    });
    this.#bases = [...bases];
    this.#rows = bases.map(() => []);
    this.#lastStampMs = stampMs;
  }

  /** Stores frames that follow the last ones of their shards. Throws what SQLite throws. */
  append(frames: readonly StoredFrame[]): void {
    this.#transaction(({ insert }) => {
      let n = this.#rowCount;
      for (const frame of frames) {
        const text = encoder.encode(frame.text);
        insert.run(++n, frame.shard, frame.offset, frame.stampMs, checksum(frame, text), text);
      }
    });
    for (const frame of frames) this.#index(frame.shard, frame.stampMs);
  }

  read(shard: number, offset: number): LogFrame {
    const n = this.#rows[shard]?.[offset - this.base(shard)];
    const row = n === undefined ? undefined : this.#connect().select.get(n);
    const text = row?.text instanceof Uint8Array ? row.text : new Uint8Array();
    const stampMs = Number(row?.stamp_ms);
    const isIntact = row?.shard === shard && row.offset === offset &&
      row.crc === checksum({ shard, offset, stampMs }, text);
    if (!isIntact) {
      throw new LogError(
        "corrupt",
        `Cannot read offset ${offset} of shard ${shard}: its row in ${this.path} does not match its checksum; ` +
          "restore the file from a backup.",
      );
    }
    return { topic: MAILBOX, shard, offset, stampMs, text: decoder.decode(text) };
  }

  /** Reads everything anew after an error that left the outcome of a commit open. */
  recover(): void {
    this.release();
    try {
      this.#verify();
    } catch (thrown) {
      this.release();
      throw openingError(this.path, thrown);
    }
  }

  /** Closes the file; the next read or write opens it again. */
  release(): void {
    this.#connection?.db.close();
    this.#connection = null;
  }

  #connect(): Connection {
    if (this.#connection !== null) return this.#connection;
    const db = connect(this.path);
    this.#applyLimit(db);
    return this.#connection = prepare(db);
  }

  #applyLimit(db: DatabaseSync): void {
    if (this.#maxBytes === null) return;
    run(db, `PRAGMA max_page_count=${Math.max(1, Math.floor(this.#maxBytes / pageBytes))}`);
  }

  #transaction(work: (connection: Connection) => void): void {
    const connection = this.#connect();
    connection.begin.run();
    try {
      work(connection);
      connection.commit.run();
    } catch (thrown) {
      // After some errors SQLite itself has rolled back.
      if (connection.db.isTransaction) run(connection.db, "ROLLBACK");
      throw thrown;
    }
  }

  #index(shard: number, stampMs: number): void {
    this.#rows[shard]?.push(++this.#rowCount);
    this.#lastStampMs = stampMs;
  }

  #verify(): void {
    const { db } = this.#connect();
    // Takes the file's lock, and rolls back what a crash left unfinished.
    run(db, "BEGIN EXCLUSIVE");
    run(db, "COMMIT");
    const found = db.prepare("PRAGMA quick_check(1)").get()?.quick_check;
    if (found !== "ok") {
      // The first line names the database, of which there is one.
      const where = String(found).replace(/^\*\*\*.*\*\*\*\n/, "").replaceAll(/\s+/g, " ");
      throw corrupt(this.path, `is damaged (${where})`, restoreFolder);
    }
    const log = db.prepare("SELECT identity, shards, base_stamp_ms FROM log").get();
    if (log?.identity !== this.#log.identity || log.shards !== this.#log.shards) {
      throw corrupt(this.path, "belongs to another log", "move it back to the folder it came from");
    }
    this.#loadBases(db, log.base_stamp_ms === null ? null : Number(log.base_stamp_ms));
    this.#loadRows(db);
    this.#checkLastRow(db);
  }

  /** Its stamp is read without its text: a damaged one would set the clock of every shard. */
  #checkLastRow(db: DatabaseSync): void {
    const row = db.prepare("SELECT shard FROM frame WHERE n = ?").get(this.#rowCount);
    if (row === undefined) return;
    const shard = Number(row.shard);
    this.read(shard, this.end(shard) - 1);
  }

  #loadBases(db: DatabaseSync, stampMs: number | null): void {
    this.#bases = db.prepare("SELECT offset FROM base ORDER BY shard").all().map((row) => Number(row.offset));
    this.#rows = this.#bases.map(() => []);
    this.#rowCount = 0;
    this.#lastStampMs = stampMs ?? 0;
    if (this.#bases.length !== (stampMs === null ? 0 : this.#log.shards)) {
      throw corrupt(
        this.path,
        `holds base offsets of ${this.#bases.length} shards`,
        `${this.#log.shards} would be right: restore it from a backup`,
      );
    }
    if (stampMs === null || !hasChecksum(db)) return;
    if (db.prepare("SELECT crc FROM log").get()?.crc !== selfChecksum(this.#log, stampMs, this.#bases)) {
      throw corrupt(this.path, "does not match the checksum of what it says about itself", restoreFolder);
    }
  }

  #loadRows(db: DatabaseSync): void {
    for (const row of db.prepare("SELECT n, shard, offset, stamp_ms FROM frame ORDER BY n").iterate()) {
      const shard = Number(row.shard);
      if (row.n !== this.#rowCount + 1 || row.offset !== this.end(shard)) {
        throw corrupt(
          this.path,
          `holds offset ${row.offset} of shard ${shard} where ${this.end(shard)} should follow`,
          "restore it from a backup",
        );
      }
      this.#index(shard, Number(row.stamp_ms));
    }
  }
}

function hasChecksum(db: DatabaseSync): boolean {
  return Number(db.prepare("PRAGMA user_version").get()?.user_version) >= 2;
}
