/** Frames for other shards until their logs have acknowledged them. */

import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Checkpoint, OutboxFrame } from "../core/checkpoint.ts";
import { checkedText, integer, rowChecksum } from "./stored_row.ts";
import { shardTally, type Tallies } from "./tallies.ts";

export function outboxKey(shard: number, target: number, n: number): string {
  return `outbox ${shard} ${target} ${n} `;
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
