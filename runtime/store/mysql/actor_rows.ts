/**
 * Snapshots: a hot row per actor, a cold row for some, who is due when, and how many there are.
 *
 * 1. Actors are counted by shard and kind in the transaction that adds them: to count a million rows takes too long.
 */

import type { Address } from "../../core/actor.ts";
import { packedRow, packRows } from "../../core/bytes.ts";
import type { Checkpoint, DueActor, SnapshotBatch } from "../../core/checkpoint.ts";
import type { ActorCount, ListPage } from "../port.ts";
import { Batch, renewed } from "./batch.ts";
import type { MySqlConnection, Row, Value } from "./connection.ts";
import { idsPerStatement } from "./limits.ts";
import { bytes, integer, integerOrNull, key, limitOf } from "./values.ts";

const hotBatch = new Batch(
  "actors",
  ["kind", "id", "shard", "due_ms", "commit_number", "hot"],
  renewed("due_ms", "commit_number", "hot"),
);
const coldBatch = new Batch("cold_rows", ["kind", "id", "shard", "cold"], renewed("cold"));
const tallyBatch = new Batch("tallies", ["shard", "kind", "actors"], ["actors = actors + VALUES(actors)"]);

export async function writeActors(
  connection: MySqlConnection,
  { shard, commit, snapshots }: Checkpoint,
): Promise<void> {
  const { kinds, ids, dueMs, hot, coldOf, cold } = snapshots;
  const byKind = new Map<string, Value[][]>();
  ids.forEach((id, index) => {
    const kind = kinds[index]!;
    const row = [kind, id, shard, dueMs[index]!, commit, packedRow(hot, index)];
    const rows = byKind.get(kind);
    if (rows === undefined) byKind.set(kind, [row]);
    else rows.push(row);
  });
  for (const [kind, rows] of byKind) {
    // A row that was there changes at least its commit's number, and so counts twice.
    const added = 2 * rows.length - await hotBatch.write(connection, rows);
    if (added > 0) await tallyBatch.write(connection, [[shard, kind, added]]);
  }
  await coldBatch.write(
    connection,
    coldOf.map((actor, index) => [kinds[actor]!, ids[actor]!, shard, packedRow(cold, index)]),
  );
}

const loadSql = `SELECT actors.id AS id, due_ms, hot, cold
  FROM actors LEFT JOIN cold_rows USING (kind, id, shard)
  WHERE kind = ? AND shard = ? AND id IN (?)`;

export async function loadActors(
  connection: MySqlConnection,
  shard: number,
  keys: readonly Address[],
): Promise<SnapshotBatch> {
  const found = new Map<string, Row>();
  for (const [kind, asked] of Map.groupBy(keys, (address) => address.kind)) {
    for (let from = 0; from < asked.length; from += idsPerStatement) {
      const ids = asked.slice(from, from + idsPerStatement).map(({ id }) => id);
      for (const row of await connection.rows(loadSql, [kind, shard, ids])) {
        found.set(`${kind}/${key(row.id, `an id of ${kind}`)}`, row);
      }
    }
  }
  return batchOf(keys, found);
}

/** In the order in which they were asked for. */
function batchOf(keys: readonly Address[], found: Map<string, Row>): SnapshotBatch {
  const known: { address: Address; row: Row }[] = [];
  for (const address of keys) {
    const row = found.get(`${address.kind}/${address.id}`);
    if (row !== undefined) known.push({ address, row });
  }
  const what = ({ kind, id }: Address) => `the snapshot of ${kind}/${id}`;
  const withCold = known.flatMap(({ address, row: { cold } }, index) =>
    cold === null ? [] : [{ index, cold: bytes(cold, what(address)) }]
  );
  return {
    kinds: known.map(({ address }) => address.kind),
    ids: known.map(({ address }) => address.id),
    dueMs: known.map(({ address, row }) => integerOrNull(row.due_ms, what(address))),
    hot: packRows(known.map(({ address, row }) => bytes(row.hot, what(address)))),
    coldOf: withCold.map(({ index }) => index),
    cold: packRows(withCold.map(({ cold }) => cold)),
  };
}

export async function dueActors(
  connection: MySqlConnection,
  shard: number,
  afterMs: number,
  limit: number,
): Promise<DueActor[]> {
  const sql = `SELECT due_ms, kind, id FROM actors WHERE shard = ? AND due_ms > ?
    ORDER BY due_ms, kind, id LIMIT ${limitOf(limit)}`;
  const what = `the timers of shard ${shard}`;
  return (await connection.rows(sql, [shard, afterMs])).map((row) => ({
    dueMs: integer(row.due_ms, what),
    kind: key(row.kind, what),
    id: key(row.id, what),
  }));
}

export async function listActors(
  connection: MySqlConnection,
  kind: string,
  after: string | null,
  limit: number,
): Promise<ListPage> {
  const sql = `SELECT id FROM actors WHERE kind = ? AND id > ? ORDER BY id LIMIT ${limitOf(limit) + 1}`;
  const rows = await connection.rows(sql, [kind, after ?? ""]);
  const ids = rows.slice(0, limit).map((row) => key(row.id, `an id of ${kind}`));
  return { ids, next: rows.length > limit ? ids.at(-1) ?? null : null };
}

export async function countActors(connection: MySqlConnection): Promise<ActorCount[]> {
  const sql = "SELECT kind, SUM(actors) AS n FROM tallies GROUP BY kind ORDER BY kind";
  const what = "the number of actors";
  return (await connection.rows(sql)).map((row) => ({
    kind: key(row.kind, what),
    count: integer(row.n, what),
  }));
}
