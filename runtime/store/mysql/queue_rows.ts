/**
 * What waits: frames for other shards until their logs have acknowledged them, requests to services until they have
 * their outcome, idempotency keys until they expire.
 */

import { joinBytes } from "../../core/bytes.ts";
import type { Checkpoint, OpenRequest, OutboxFrame } from "../../core/checkpoint.ts";
import { Batch } from "./batch.ts";
import type { MySqlConnection } from "./connection.ts";
import { idsPerStatement } from "./limits.ts";
import { bytes, integer, json, text } from "./values.ts";

const frameBatch = new Batch("outbox", ["shard", "target", "n", "frame"]);
const requestBatch = new Batch("requests", ["shard", "n", "request"]);
const keyBatch = new Batch("idempotency_keys", ["shard", "at_ms", "commit_number", "hashes"]);

export async function writeQueues(connection: MySqlConnection, checkpoint: Checkpoint): Promise<void> {
  const { shard, commit, outbox, outboxDone, requests, requestsDone, keys, keysBeforeMs } = checkpoint;
  await frameBatch.write(connection, outbox.map(({ target, n, text }) => [shard, target, n, text]));
  for (const { target, n } of outboxDone) {
    await connection.write("DELETE FROM outbox WHERE shard = ? AND target = ? AND n <= ?", [
      shard,
      target,
      n,
    ]);
  }
  await requestBatch.write(
    connection,
    requests.map((request) => [shard, request.n, JSON.stringify(request)]),
  );
  for (let from = 0; from < requestsDone.length; from += idsPerStatement) {
    const done = requestsDone.slice(from, from + idsPerStatement);
    await connection.run(`DELETE FROM requests WHERE shard = ? AND n IN (${done.map(Number).join()})`, [
      shard,
    ]);
  }
  if (keys !== null) await keyBatch.write(connection, [[shard, keys.atMs, commit, keys.hashes]]);
  if (keysBeforeMs > 0) {
    await connection.write("DELETE FROM idempotency_keys WHERE shard = ? AND at_ms < ?", [
      shard,
      keysBeforeMs,
    ]);
  }
}

export async function readOutbox(connection: MySqlConnection, shard: number): Promise<OutboxFrame[]> {
  const what = `the outbox of shard ${shard}`;
  const sql = "SELECT target, n, frame FROM outbox WHERE shard = ? ORDER BY target, n";
  return (await connection.rows(sql, [shard])).map((row) => ({
    target: integer(row.target, what),
    n: integer(row.n, what),
    text: text(row.frame, what),
  }));
}

export async function readRequests(connection: MySqlConnection, shard: number): Promise<OpenRequest[]> {
  const rows = await connection.rows("SELECT n, request FROM requests WHERE shard = ? ORDER BY n", [shard]);
  return rows.map(({ n, request }) => json<OpenRequest>(request, `request ${String(n)} of shard ${shard}`));
}

/** The hashes of all increments, oldest first. */
export async function readKeys(connection: MySqlConnection, shard: number): Promise<Uint8Array> {
  const sql = "SELECT hashes FROM idempotency_keys WHERE shard = ? ORDER BY at_ms, commit_number";
  const rows = await connection.rows(sql, [shard]);
  return joinBytes(rows.map(({ hashes }) => bytes(hashes, `the idempotency keys of shard ${shard}`)));
}
