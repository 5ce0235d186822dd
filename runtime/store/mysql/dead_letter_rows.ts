/**
 * Dead letters, listed newest first: by (log time, id) descending.
 *
 * 1. A letter is found by columns that say what it says itself, cut to what an index holds.
 * 2. A letter of a known id, or its replay, counts only if its message has been replayed more often than that one's.
 *    How often, and when, stands in columns; of the letter's text, what does not change with a replay counts.
 */

import type { DeadLetter, ReplayedLetter, StoredDeadLetter } from "../../core/checkpoint.ts";
import type { DeadLetterFilter, DeadLetterPage } from "../port.ts";
import { Batch } from "./batch.ts";
import type { MySqlConnection, Row, Value } from "./connection.ts";
import { idBytes, labelBytes } from "./limits.ts";
import { integer, integerOrNull, json, limitOf } from "./values.ts";

const renewedByMoreReplays = ["at_ms", "reason", "letter", "replayed_at_ms"].map((column) =>
  `${column} = IF(VALUES(replays) > replays, VALUES(${column}), ${column})`
);
const letterBatch = new Batch(
  "dead_letters",
  ["id", "at_ms", "kind", "actor_id", "reason", "replays", "replayed_at_ms", "letter"],
  // Assigned from left to right, so the number that decides comes last.
  [...renewedByMoreReplays, "replays = GREATEST(VALUES(replays), replays)"],
);
const replaySql = "UPDATE dead_letters SET replays = ?, replayed_at_ms = ? WHERE id = ? AND replays < ?";

/** What a foreign message says of its actor may be longer than any of ours. */
function cut(value: string, bytes: number): Uint8Array {
  return Buffer.from(value).subarray(0, bytes);
}

export async function writeLetters(
  connection: MySqlConnection,
  letters: readonly DeadLetter[],
  replayed: readonly ReplayedLetter[],
): Promise<void> {
  const rows = letters.map((letter): Value[] => {
    const { id, atMs, kind, actorId, reason, replays } = letter;
    const found = [cut(kind, labelBytes), cut(actorId, idBytes), cut(reason, labelBytes)];
    return [id, atMs, ...found, replays, null, JSON.stringify(letter)];
  });
  await letterBatch.write(connection, rows);
  for (const { id, replays, atMs } of replayed) {
    await connection.write(replaySql, [replays, atMs, id, replays]);
  }
}

const columns = "at_ms, replays, replayed_at_ms, letter";

function letterOf(row: Row): StoredDeadLetter {
  const letter = json<DeadLetter>(row.letter, "a dead letter");
  const what = `the dead letter ${letter.id}`;
  const replayedAtMs = integerOrNull(row.replayed_at_ms, what);
  return { ...letter, replays: integer(row.replays, what), replayedAtMs };
}

export async function listLetters(
  connection: MySqlConnection,
  { after, limit, kind, actorId, reason }: DeadLetterFilter,
): Promise<DeadLetterPage> {
  const conditions: string[] = [];
  const values: Value[] = [];
  const demand = (condition: string, ...bound: Value[]) => {
    conditions.push(condition);
    values.push(...bound);
  };
  if (after !== null) {
    const [last] = await connection.rows("SELECT at_ms FROM dead_letters WHERE id = ?", [after]);
    if (last === undefined) return { items: [], next: null };
    const atMs = integer(last.at_ms, `the dead letter ${after}`);
    demand("at_ms <= ? AND (at_ms < ? OR id < ?)", atMs, atMs, after);
  }
  if (kind !== undefined) demand("kind = ?", cut(kind, labelBytes));
  if (actorId !== undefined) demand("actor_id = ?", cut(actorId, idBytes));
  if (reason !== undefined) demand("reason = ?", cut(reason, labelBytes));
  const where = conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`;
  const sql = `SELECT ${columns} FROM dead_letters ${where}
    ORDER BY at_ms DESC, id DESC LIMIT ${limitOf(limit) + 1}`;
  const rows = await connection.rows(sql, values);
  const items = rows.slice(0, limit).map(letterOf);
  return { items, next: rows.length > limit ? items.at(-1)?.id ?? null : null };
}

export async function findLetter(connection: MySqlConnection, id: string): Promise<StoredDeadLetter | null> {
  const [row] = await connection.rows(`SELECT ${columns} FROM dead_letters WHERE id = ?`, [id]);
  return row === undefined ? null : letterOf(row);
}

export function expireLetters(connection: MySqlConnection, beforeMs: number, limit: number): Promise<number> {
  const sql = `DELETE FROM dead_letters WHERE at_ms < ? ORDER BY at_ms, id LIMIT ${limitOf(limit)}`;
  return connection.change(sql, [beforeMs]);
}
