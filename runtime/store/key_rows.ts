/**
 * Idempotency keys until they expire.
 *
 * 1. A checkpoint adds one row, and every `commitsPerKeyRow` commits those of the shard since then become one. All keys of
 *    a row live as long as its newest.
 */

import type { DatabaseSync, StatementSync } from "node:sqlite";
import { joinBytes } from "../core/bytes.ts";
import type { Checkpoint, KeyIncrement } from "../core/checkpoint.ts";
import { commitsPerKeyRow } from "./limits.ts";
import { checkedBlob, integer, rowChecksum } from "./stored_row.ts";
import { shardTally, type Tallies } from "./tallies.ts";

export function keysKey(shard: number, atMs: number, commit: number): string {
  return `keys ${shard} ${atMs} ${commit} `;
}

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

  /** What the last commits and this one have added. */
  #takeLast({ shard, commit, keys }: Checkpoint): KeyIncrement | null {
    const after = commit - commitsPerKeyRow;
    const earlier = this.#selectAfter.all(shard, after).map((row) => incrementOf(shard, row));
    this.#tallies.add(shardTally("keys", shard), -Number(this.#deleteAfter.run(shard, after).changes));
    return joined(earlier, keys);
  }

  /** The hashes of all increments, oldest first. */
  read(shard: number): Uint8Array {
    const rows = this.#select.all(shard);
    this.#tallies.check("keys", shard, rows.length);
    return joinBytes(rows.map((row) => incrementOf(shard, row).hashes));
  }
}

/** Increments, the oldest first, and one that may have come after them, as one; null when there is nothing. */
export function joined(earlier: readonly KeyIncrement[], last: KeyIncrement | null): KeyIncrement | null {
  const all = last === null ? earlier : [...earlier, last];
  if (all.length === 0) return null;
  return {
    atMs: Math.max(...all.map(({ atMs }) => atMs)),
    hashes: joinBytes(all.map(({ hashes }) => hashes)),
  };
}

function incrementOf(shard: number, row: Readonly<Record<string, unknown>>): KeyIncrement {
  const what = `the idempotency keys of shard ${shard}`;
  const atMs = integer(row.at_ms, what);
  const key = keysKey(shard, atMs, integer(row.commit_number, what));
  return { atMs, hashes: checkedBlob(key, row.hashes, row.crc, what) };
}
