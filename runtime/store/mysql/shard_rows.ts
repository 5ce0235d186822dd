/**
 * The shards' own rows: who owns a shard, how far it is, and the guard of every commit. `claims.ts` has the claims.
 *
 * 1. `advance` changes a row only where it has the given epoch and the number before the given commit. It locks the row
 *    until its transaction ends, so whoever comes next sees what became of it. A row that it does not change, it does not
 *    lock: READ COMMITTED lets go of it.
 */

import type { Checkpoint, Positions } from "../../core/checkpoint.ts";
import type { ShardRow } from "../port.ts";
import type { MySqlConnection } from "./connection.ts";
import { integer, json, text } from "./values.ts";

/** Counted from UTC, because a zone's local time comes twice in the hour when summer time ends. */
export const serverNowMs = "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(3)) DIV 1000";

/** 0 before the first claim. */
export async function epochOf(connection: MySqlConnection, shard: number): Promise<number> {
  const [row] = await connection.rows("SELECT epoch FROM shards WHERE shard = ?", [shard]);
  return integer(row?.epoch, `the row of shard ${shard}`);
}

/** Of each shard that was claimed, by number. */
export async function readShards(connection: MySqlConnection): Promise<ShardRow[]> {
  const rows = await connection.rows(
    `SELECT shard, epoch, owner, positions, commit_number, committed_at_ms FROM shards
     WHERE epoch > 0 ORDER BY shard`,
  );
  return rows.map((row) => {
    const shard = integer(row.shard, "a shard's number");
    const what = `the row of shard ${shard}`;
    return {
      shard,
      epoch: integer(row.epoch, what),
      owner: text(row.owner, what),
      positions: json<Positions>(row.positions, what),
      commit: integer(row.commit_number, what),
      committedAtMs: integer(row.committed_at_ms, what),
    };
  });
}

const advanceSql =
  `UPDATE shards SET commit_number = ?, positions = ?, memory = ?, committed_at_ms = ${serverNowMs}
  WHERE shard = ? AND epoch = ? AND commit_number = ?`;

/**
 * Moves the shard on to this checkpoint. "repeated": the row has exactly this epoch and commit, the checkpoint is
 * written already.
 */
export async function advance(
  connection: MySqlConnection,
  { shard, epoch, commit, positions, memory }: Checkpoint,
): Promise<"advanced" | "repeated" | "fenced"> {
  const [positionsText, memoryText] = [JSON.stringify(positions), JSON.stringify(memory)];
  const changed = await connection.write(
    advanceSql,
    [commit, positionsText, memoryText, shard, epoch, commit - 1],
  );
  if (changed === 1) return "advanced";
  const [row] = await connection.rows("SELECT epoch, commit_number FROM shards WHERE shard = ?", [shard]);
  return row?.epoch === epoch && row.commit_number === commit ? "repeated" : "fenced";
}
