/**
 * History: rows per actor, step and start.
 *
 * 1. Part 0 is replaced by a later put. A part above 0 is written once: a second one would lose an increment.
 * 2. Expiry takes the oldest rows first.
 */

import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Address } from "../core/actor.ts";
import { packedRow } from "../core/bytes.ts";
import type { HistoryBatch } from "../core/checkpoint.ts";
import type { StoredHistoryRow } from "./port.ts";
import { checkedBlob, integer, rowChecksum } from "./stored_row.ts";
import type { Tallies } from "./tallies.ts";

export function historyKey(kind: string, id: string, stepMs: number, startMs: number, part: number): string {
  return `${part} ${startMs} ${stepMs} ${kind} ${id}`;
}

export class HistoryRows {
  readonly #insert: StatementSync;
  readonly #update: StatementSync;
  readonly #select: StatementSync;
  readonly #expire: StatementSync;
  readonly #tallies: Tallies;

  constructor(db: DatabaseSync, tallies: Tallies) {
    this.#tallies = tallies;
    this.#insert = db.prepare(
      "INSERT INTO history (row, crc, kind, id, step_ms, start_ms, part) VALUES (?, ?, ?, ?, ?, ?, ?)",
    );
    this.#update = db.prepare(
      "UPDATE history SET row = ?, crc = ? WHERE kind = ? AND id = ? AND step_ms = ? AND start_ms = ? AND part = ?",
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
    let added = 0;
    ids.forEach((id, index) => {
      const row = packedRow(rows, index);
      const key = [kinds[index]!, id, stepMs[index]!, startMs[index]!, parts[index]!] as const;
      const values = [row, rowChecksum(historyKey(...key), row), ...key] as const;
      // An hour's row is put a dozen times while it is open.
      if (parts[index] === 0 && this.#update.run(...values).changes > 0) return;
      this.#insert.run(...values);
      added++;
    });
    this.#tallies.add("history", added);
  }

  read(
    { kind, id }: Address,
    stepMs: number,
    fromMs: number,
    toMs: number,
    limit: number,
  ): StoredHistoryRow[] {
    const what = `the history of ${kind}/${id}`;
    return this.#select.all(kind, id, stepMs, fromMs, toMs, limit).map((row) => {
      const startMs = integer(row.start_ms, what);
      const part = integer(row.part, what);
      const key = historyKey(kind, id, stepMs, startMs, part);
      return { startMs, part, row: checkedBlob(key, row.row, row.crc, what) };
    });
  }

  expire(beforeMs: number, limit: number): number {
    const expired = Number(this.#expire.run(beforeMs, limit).changes);
    this.#tallies.add("history", -expired);
    return expired;
  }
}
