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
import type { RowRange, StoredHistoryRow } from "./port.ts";
import { checkedBlob, integer, integerOrNull, rowChecksum } from "./stored_row.ts";
import type { Tallies } from "./tallies.ts";

export function historyKey(kind: string, id: string, stepMs: number, startMs: number, part: number): string {
  return `${part} ${startMs} ${stepMs} ${kind} ${id}`;
}

export class HistoryRows {
  readonly #add: StatementSync;
  readonly #put: StatementSync;
  readonly #highest: StatementSync;
  readonly #select: StatementSync;
  readonly #expire: StatementSync;
  readonly #tallies: Tallies;

  constructor(db: DatabaseSync, tallies: Tallies) {
    this.#tallies = tallies;
    const insert =
      "INSERT INTO history (kind, id, step_ms, start_ms, part, row, crc) VALUES (?, ?, ?, ?, ?, ?, ?)";
    this.#add = db.prepare(insert);
    this.#put = db.prepare(
      `${insert} ON CONFLICT (kind, id, step_ms, start_ms, part)
       DO UPDATE SET row = excluded.row, crc = excluded.crc`,
    );
    this.#highest = db.prepare("SELECT max(history) AS n FROM history");
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
    if (ids.length === 0) return;
    const before = this.#highestNumber();
    ids.forEach((id, index) => {
      const row = packedRow(rows, index);
      const key = [kinds[index]!, id, stepMs[index]!, startMs[index]!, parts[index]!] as const;
      const statement = parts[index] === 0 ? this.#put : this.#add;
      statement.run(...key, row, rowChecksum(historyKey(...key), row));
    });
    // Each new row gets the number after the highest; one that replaces another keeps that one's.
    this.#tallies.add("history", this.#highestNumber() - before);
  }

  #highestNumber(): number {
    return integerOrNull(this.#highest.get()?.n, "the number of a row of history") ?? 0;
  }

  read({ kind, id }: Address, { stepMs, fromMs, toMs, limit }: RowRange): StoredHistoryRow[] {
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
