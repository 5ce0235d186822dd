/**
 * The shards' own rows: who owns a shard, how far it is, and the guard of every commit.
 *
 * 1. A claim makes the epoch greater than it was; epochs of a shard are never used twice.
 * 2. `advance` changes a row only where it has the given epoch and the number before the given commit. It locks the row
 *    until its transaction ends, so whoever comes next sees what became of it.
 * 3. A claim that waits for the row longer than `lockWaitSeconds` ends the connection that the row's owner writes with.
 */

import { attemptsAtClaim } from "../../core/attempts.ts";
import { type Checkpoint, emptyMemory, type Positions, type ShardMemory } from "../../core/checkpoint.ts";
import type { ClaimCall } from "../call_queue.ts";
import type { ShardRow } from "../port.ts";
import { checkEpoch } from "../raced.ts";
import type { MySqlConnection } from "./connection.ts";
import { serverErrno } from "./errors.ts";
import { damaged, integer, json, text } from "./values.ts";
import { endHolder } from "./writer.ts";

export interface ClaimedRow {
  readonly epoch: number;
  readonly commit: number;
  readonly positions: Positions;
  readonly memory: ShardMemory;
}

const lockWaitTimeout = 1205;

/** Counted from UTC, because a zone's local time comes twice in the hour when summer time ends. */
const serverNowMs = "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(3)) DIV 1000";

/** The row, locked. */
async function lock(connection: MySqlConnection, shard: number) {
  const sql = "SELECT epoch, commit_number, positions, memory FROM shards WHERE shard = ? FOR UPDATE";
  try {
    return await connection.rows(sql, [shard]);
  } catch (thrown) {
    if (serverErrno(thrown) === lockWaitTimeout) await endOwner(connection, shard);
    throw thrown;
  }
}

async function endOwner(connection: MySqlConnection, shard: number): Promise<void> {
  const [row] = await connection.rows("SELECT writer FROM shards WHERE shard = ?", [shard]);
  await endHolder(connection, text(row?.writer, `the row of shard ${shard}`));
}

/** Raises the epoch. The claim's owner is a name for people, `writer` that of the owner's connection. */
export async function claimShard(
  connection: MySqlConnection,
  { shard, owner, death, after }: ClaimCall,
  writer: string,
): Promise<ClaimedRow> {
  const what = `the row of shard ${shard}`;
  const [row] = await lock(connection, shard);
  if (row === undefined) throw damaged(what, "it is missing");
  const lastEpoch = integer(row.epoch, what);
  checkEpoch(shard, lastEpoch, after);
  const commit = integer(row.commit_number, what);
  // What a row of an older program lacks, its shard had none of.
  const last: ShardMemory = { ...emptyMemory, ...json<Partial<ShardMemory>>(row.memory, what) };
  const memory = { ...last, attempts: attemptsAtClaim(last.attempts, lastEpoch, death) };
  const epoch = lastEpoch + 1;
  await connection.run(
    `UPDATE shards SET epoch = ?, owner = ?, writer = ?, memory = ?, committed_at_ms = ${serverNowMs}
     WHERE shard = ?`,
    [epoch, owner.toWellFormed(), writer, JSON.stringify(memory), shard],
  );
  return { epoch, commit, positions: json<Positions>(row.positions, what), memory };
}

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
