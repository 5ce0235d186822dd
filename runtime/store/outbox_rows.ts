/** Frames for other shards until their logs have acknowledged them, and idempotency keys until they expire. */

import type { DatabaseSync, StatementSync } from "node:sqlite";
import { crc32 } from "node:zlib";
import { joinBytes } from "../core/bytes.ts";
import type { Checkpoint, OutboxFrame } from "../core/checkpoint.ts";
import { checkedBlob, checkedText, integer } from "./stored_row.ts";

export class OutboxRows {
  readonly #insert: StatementSync;
  readonly #delete: StatementSync;
  readonly #select: StatementSync;

  constructor(db: DatabaseSync) {
    this.#insert = db.prepare("INSERT INTO outbox VALUES (?, ?, ?, ?, ?)");
    this.#delete = db.prepare("DELETE FROM outbox WHERE shard = ? AND target = ? AND n <= ?");
    this.#select = db.prepare("SELECT target, n, frame, crc FROM outbox WHERE shard = ? ORDER BY target, n");
  }

  write({ shard, outbox, outboxDone }: Checkpoint): void {
    for (const { target, n, text } of outbox) this.#insert.run(shard, target, n, text, crc32(text));
    for (const { target, n } of outboxDone) this.#delete.run(shard, target, n);
  }

  read(shard: number): OutboxFrame[] {
    const what = `the outbox of shard ${shard}`;
    return this.#select.all(shard).map((row) => ({
      target: integer(row.target, what),
      n: integer(row.n, what),
      text: checkedText(row.frame, row.crc, what),
    }));
  }
}

export class KeyRows {
  readonly #insert: StatementSync;
  readonly #delete: StatementSync;
  readonly #select: StatementSync;

  constructor(db: DatabaseSync) {
    this.#insert = db.prepare("INSERT INTO keys VALUES (?, ?, ?, ?, ?)");
    this.#delete = db.prepare("DELETE FROM keys WHERE shard = ? AND at_ms < ?");
    this.#select = db.prepare(
      "SELECT hashes, crc FROM keys WHERE shard = ? ORDER BY at_ms, commit_number",
    );
  }

  write({ shard, commit, keys, keysBeforeMs }: Checkpoint): void {
    if (keys !== null) this.#insert.run(shard, keys.atMs, commit, keys.hashes, crc32(keys.hashes));
    this.#delete.run(shard, keysBeforeMs);
  }

  /** The hashes of all increments, oldest first. */
  read(shard: number): Uint8Array {
    const what = `the idempotency keys of shard ${shard}`;
    return joinBytes(this.#select.all(shard).map(({ hashes, crc }) => checkedBlob(hashes, crc, what)));
  }
}
