/** Frames for other shards until their logs have acknowledged them, and idempotency keys until they expire. */

import type { DatabaseSync, StatementSync } from "node:sqlite";
import { joinBytes } from "../core/bytes.ts";
import type { Checkpoint, OutboxFrame } from "../core/checkpoint.ts";
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

export class KeyRows {
  readonly #insert: StatementSync;
  readonly #delete: StatementSync;
  readonly #select: StatementSync;
  readonly #tallies: Tallies;

  constructor(db: DatabaseSync, tallies: Tallies) {
    this.#tallies = tallies;
    this.#insert = db.prepare("INSERT INTO keys VALUES (?, ?, ?, ?, ?)");
    this.#delete = db.prepare("DELETE FROM keys WHERE shard = ? AND at_ms < ?");
    this.#select = db.prepare(
      "SELECT at_ms, commit_number, hashes, crc FROM keys WHERE shard = ? ORDER BY at_ms, commit_number",
    );
  }

  write({ shard, commit, keys, keysBeforeMs }: Checkpoint): void {
    let rows = 0;
    if (keys !== null) {
      const { atMs, hashes } = keys;
      this.#insert.run(shard, atMs, commit, hashes, rowChecksum(keysKey(shard, atMs, commit), hashes));
      rows++;
    }
    rows -= Number(this.#delete.run(shard, keysBeforeMs).changes);
    this.#tallies.add(shardTally("keys", shard), rows);
  }

  /** The hashes of all increments, oldest first. */
  read(shard: number): Uint8Array {
    const what = `the idempotency keys of shard ${shard}`;
    const rows = this.#select.all(shard);
    this.#tallies.check("keys", shard, rows.length);
    return joinBytes(rows.map(({ at_ms, commit_number, hashes, crc }) => {
      const key = keysKey(shard, integer(at_ms, what), integer(commit_number, what));
      return checkedBlob(key, hashes, crc, what);
    }));
  }
}
