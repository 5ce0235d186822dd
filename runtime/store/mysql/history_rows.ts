/**
 * History: rows per actor, step and start, in the order in which they are read.
 *
 * 1. Part 0 is replaced by a later put. A part above 0 is written once: a second one would lose an increment.
 * 2. Expiry takes the oldest rows first.
 */

import type { Address } from "../../core/actor.ts";
import { packedRow } from "../../core/bytes.ts";
import type { HistoryBatch } from "../../core/checkpoint.ts";
import type { RowRange, StoredHistoryRow } from "../port.ts";
import { Batch, renewed } from "./batch.ts";
import type { MySqlConnection, Value } from "./connection.ts";
import { bytes, integer, limitOf } from "./values.ts";

const columns = ["kind", "id", "step_ms", "start_ms", "part", "pane"];
const putBatch = new Batch("history", columns, renewed("pane"));
const addBatch = new Batch("history", columns);

export async function writeHistory(connection: MySqlConnection, history: HistoryBatch): Promise<void> {
  const { kinds, ids, stepMs, startMs, parts, rows } = history;
  const put: Value[][] = [];
  const added: Value[][] = [];
  ids.forEach((id, index) => {
    const part = parts[index]!;
    const row = [kinds[index]!, id, stepMs[index]!, startMs[index]!, part, packedRow(rows, index)];
    (part === 0 ? put : added).push(row);
  });
  await putBatch.write(connection, put);
  await addBatch.write(connection, added);
}

export async function readHistory(
  connection: MySqlConnection,
  { kind, id }: Address,
  { stepMs, fromMs, toMs, limit }: RowRange,
): Promise<StoredHistoryRow[]> {
  const sql = `SELECT start_ms, part, pane FROM history
    WHERE kind = ? AND id = ? AND step_ms = ? AND start_ms >= ? AND start_ms < ?
    ORDER BY start_ms, part LIMIT ${limitOf(limit)}`;
  const what = `the history of ${kind}/${id}`;
  return (await connection.rows(sql, [kind, id, stepMs, fromMs, toMs])).map((row) => ({
    startMs: integer(row.start_ms, what),
    part: integer(row.part, what),
    row: bytes(row.pane, what),
  }));
}

export function expireHistory(connection: MySqlConnection, beforeMs: number, limit: number): Promise<number> {
  const sql = `DELETE FROM history WHERE start_ms < ? ORDER BY start_ms LIMIT ${limitOf(limit)}`;
  return connection.change(sql, [beforeMs]);
}
