/**
 * History: rows per actor, step and start.
 *
 * 1. Part 0 is replaced by a later put. A part above 0 is written once: a second one would lose an increment.
 * 2. Expiry takes the oldest rows first.
 */

import type { DatabaseSync, StatementSync } from "node:sqlite";
import { crc32 } from "node:zlib";
import type { Address } from "../core/actor.ts";
import { packedRow } from "../core/bytes.ts";
import type { HistoryBatch } from "../core/checkpoint.ts";
import type { StoredHistoryRow } from "./port.ts";
import { checkedBlob, integer } from "./stored_row.ts";

export class HistoryRows {
  readonly #add: StatementSync;
  readonly #put: StatementSync;
  readonly #select: StatementSync;
  readonly #expire: StatementSync;

  constructor(db: DatabaseSync) {
    const insert =
      "INSERT INTO history (kind, id, step_ms, start_ms, part, row, crc) VALUES (?, ?, ?, ?, ?, ?, ?)";
    this.#add = db.prepare(insert);
    this.#put = db.prepare(
      `${insert} ON CONFLICT (kind, id, step_ms, start_ms, part)
       DO UPDATE SET row = excluded.row, crc = excluded.crc`,
    );
    this.#select = db.prepare(
      `SELECT start_ms, part, row, crc FROM history
       WHERE kind = ? AND id = ? AND step_ms = ? AND start_ms >= ? AND start_ms < ?
       ORDER BY start_ms, part LIMIT ?`,
    );
    this.#expire = db.prepare(
      `DELETE FROM history WHERE history IN
       (SELECT history FROM history WHERE start_ms < ? ORDER BY start_ms LIMIT ?)`,
    );
  }

  write({ kinds, ids, stepMs, startMs, parts, rows }: HistoryBatch): void {
    ids.forEach((id, index) => {
      const row = packedRow(rows, index);
      const part = parts[index]!;
      const statement = part === 0 ? this.#put : this.#add;
      statement.run(kinds[index]!, id, stepMs[index]!, startMs[index]!, part, row, crc32(row));
    });
  }

  read(
    { kind, id }: Address,
    stepMs: number,
    fromMs: number,
    toMs: number,
    limit: number,
  ): StoredHistoryRow[] {
    const what = `the history of ${kind}/${id}`;
    return this.#select.all(kind, id, stepMs, fromMs, toMs, limit).map((row) => ({
      startMs: integer(row.start_ms, what),
      part: integer(row.part, what),
      row: checkedBlob(row.row, row.crc, what),
    }));
  }

  expire(beforeMs: number, limit: number): number {
    return Number(this.#expire.run(beforeMs, limit).changes);
  }
}
