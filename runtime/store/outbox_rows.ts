/** Frames for other shards until their logs have acknowledged them, and idempotency keys until they expire. */

import type { DatabaseSync, StatementSync } from "node:sqlite";
import { joinBytes } from "../core/bytes.ts";
import type { Checkpoint, KeyIncrement, OutboxFrame } from "../core/checkpoint.ts";
import { checkedBlob, checkedText, integer, rowChecksum } from "./stored_row.ts";
import { shardTally, type Tallies } from "./tallies.ts";

export function outboxKey(shard: number, target: number, n: number): string {
  return `outbox ${shard} ${target} ${n} `;
}

export function keysKey(shard: number, atMs: number, commit: number): string {
  return `keys ${shard} ${atMs} ${commit} `;
}

export class OutboxRows {
  readonly #insert: StatementSync;
  readonly #delete: StatementSync;
  readonly #select: StatementSync;
  readonly #tallies: Tallies;

  constructor(db: DatabaseSync, tallies: Tallies) {
    this.#tallies = tallies;
    this.#insert = db.prepare("INSERT INTO outbox VALUES (?, ?, ?, ?, ?)");
    this.#delete = db.prepare("DELETE FROM outbox WHERE shard = ? AND target = ? AND n <= ?");
    this.#select = db.prepare("SELECT target, n, frame, crc FROM outbox WHERE shard = ? ORDER BY target, n");
  }

  write({ shard, outbox, outboxDone }: Checkpoint): void {
    let rows = outbox.length;
    for (const { target, n, text } of outbox) {
      this.#insert.run(shard, target, n, text, rowChecksum(outboxKey(shard, target, n), text));
    }
    for (const { target, n } of outboxDone) rows -= Number(this.#delete.run(shard, target, n).changes);
    this.#tallies.add(shardTally("outbox", shard), rows);
  }

  read(shard: number): OutboxFrame[] {
    const what = `the outbox of shard ${shard}`;
    const rows = this.#select.all(shard);
    this.#tallies.check("outbox", shard, rows.length);
    return rows.map((row) => {
      const target = integer(row.target, what);
      const n = integer(row.n, what);
      return { target, n, text: checkedText(outboxKey(shard, target, n), row.frame, row.crc, what) };
    });
  }
}

/**
 * Increments of a shard, after so many commits, become one row: a claim reads all of them, and of ten minutes there were
 * thousands (15 µs each), while the shard waited for its next host. Of a joined row all keys live as long as its newest.
 */
export const commitsPerKeyRow = 64;

export class KeyRows {
  readonly #insert: StatementSync;
  readonly #delete: StatementSync;
  readonly #select: StatementSync;
  readonly #selectAfter: StatementSync;
  readonly #deleteAfter: StatementSync;
  readonly #tallies: Tallies;

  constructor(db: DatabaseSync, tallies: Tallies) {
    this.#tallies = tallies;
    this.#insert = db.prepare("INSERT INTO keys VALUES (?, ?, ?, ?, ?)");
    this.#delete = db.prepare("DELETE FROM keys WHERE shard = ? AND at_ms < ?");
    const select = "SELECT at_ms, commit_number, hashes, crc FROM keys WHERE shard = ?";
    const inOrder = "ORDER BY at_ms, commit_number";
    this.#select = db.prepare(`${select} ${inOrder}`);
    this.#selectAfter = db.prepare(`${select} AND commit_number > ? ${inOrder}`);
    this.#deleteAfter = db.prepare("DELETE FROM keys WHERE shard = ? AND commit_number > ?");
  }

  write(checkpoint: Checkpoint): void {
    const { shard, commit, keysBeforeMs } = checkpoint;
    let rows = 0;
    const keys = commit % commitsPerKeyRow === 0 ? this.#takeLast(checkpoint) : checkpoint.keys;
    if (keys !== null) {
      const { atMs, hashes } = keys;
      this.#insert.run(shard, atMs, commit, hashes, rowChecksum(keysKey(shard, atMs, commit), hashes));
      rows++;
    }
    rows -= Number(this.#delete.run(shard, keysBeforeMs).changes);
    this.#tallies.add(shardTally("keys", shard), rows);
  }

  /** What the last commits and this one have added, as one increment. */
  #takeLast({ shard, commit, keys }: Checkpoint): KeyIncrement | null {
    const after = commit - commitsPerKeyRow;
    const rows = this.#selectAfter.all(shard, after);
    if (rows.length === 0) return keys;
    const newestMs = integer(rows.at(-1)!.at_ms, keysOf(shard));
    const earlier = rows.map((row) => checkedHashes(shard, row));
    this.#tallies.add(shardTally("keys", shard), -Number(this.#deleteAfter.run(shard, after).changes));
    return {
      atMs: Math.max(newestMs, keys?.atMs ?? newestMs),
      hashes: joinBytes(keys === null ? earlier : [...earlier, keys.hashes]),
    };
  }

  /** The hashes of all increments, oldest first. */
  read(shard: number): Uint8Array {
    const rows = this.#select.all(shard);
    this.#tallies.check("keys", shard, rows.length);
    return joinBytes(rows.map((row) => checkedHashes(shard, row)));
  }
}

function keysOf(shard: number): string {
  return `the idempotency keys of shard ${shard}`;
}

function checkedHashes(shard: number, row: Readonly<Record<string, unknown>>): Uint8Array {
  const what = keysOf(shard);
  const key = keysKey(shard, integer(row.at_ms, what), integer(row.commit_number, what));
  return checkedBlob(key, row.hashes, row.crc, what);
}
