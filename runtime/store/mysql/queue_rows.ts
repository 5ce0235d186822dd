/**
 * What waits: frames for other shards until their logs have acknowledged them, requests to services until they have
 * their outcome, idempotency keys until they expire.
 */

import { joinBytes } from "../../core/bytes.ts";
import type { Checkpoint, KeyIncrement, OpenRequest, OutboxFrame } from "../../core/checkpoint.ts";
import { joined } from "../key_rows.ts";
import { commitsPerKeyRow } from "../limits.ts";
import { Batch } from "./batch.ts";
import type { MySqlConnection, Row } from "./connection.ts";
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
  const added = commit % commitsPerKeyRow === 0 ? await takeLastKeys(connection, checkpoint) : keys;
  if (added !== null) await keyBatch.write(connection, [[shard, added.atMs, commit, added.hashes]]);
  if (keysBeforeMs > 0) {
    await connection.write("DELETE FROM idempotency_keys WHERE shard = ? AND at_ms < ?", [
      shard,
      keysBeforeMs,
    ]);
  }
}

/** What the last commits and this one have added. */
async function takeLastKeys(
  connection: MySqlConnection,
  { shard, commit, keys }: Checkpoint,
): Promise<KeyIncrement | null> {
  const place = [shard, commit - commitsPerKeyRow];
  const rows = await connection.rows(
    `SELECT at_ms, hashes FROM idempotency_keys WHERE shard = ? AND commit_number > ? ORDER BY at_ms, commit_number`,
    place,
  );
  if (rows.length === 0) return keys;
  await connection.write("DELETE FROM idempotency_keys WHERE shard = ? AND commit_number > ?", place);
  const earlier = rows.map((row) => ({
    atMs: integer(row.at_ms, keysOf(shard)),
    hashes: hashesOf(shard, row),
  }));
  return joined(earlier, keys);
}

function keysOf(shard: number): string {
  return `the idempotency keys of shard ${shard}`;
}

function hashesOf(shard: number, { hashes }: Row): Uint8Array {
  return bytes(hashes, keysOf(shard));
}

export interface Waiting {
  /** By target and number. */
  readonly outbox: readonly OutboxFrame[];
  /** By number. */
  readonly requests: readonly OpenRequest[];
  /** The hashes of all increments, oldest first. */
  readonly keys: Uint8Array;
}

/** What waits in each of the shards. */
export async function readQueues(
  connection: MySqlConnection,
  shards: readonly number[],
): Promise<(shard: number) => Waiting> {
  const read = async (columns: string, table: string, order: string) => {
    const sql =
      `SELECT shard, ${columns} FROM ${table} WHERE shard IN (${shards.join()}) ORDER BY shard, ${order}`;
    const byShard = Map.groupBy(await connection.rows(sql), ({ shard }) => shard);
    return (shard: number): readonly Row[] => byShard.get(shard) ?? [];
  };
  const frames = await read("target, n, frame", "outbox", "target, n");
  const requests = await read("n, request", "requests", "n");
  const keys = await read("hashes", "idempotency_keys", "at_ms, commit_number");
  return (shard) => ({
    outbox: frames(shard).map((row) => frameOf(shard, row)),
    requests: requests(shard).map(({ n, request }) =>
      json<OpenRequest>(request, `request ${String(n)} of shard ${shard}`)
    ),
    keys: joinBytes(keys(shard).map((row) => hashesOf(shard, row))),
  });
}

function frameOf(shard: number, row: Row): OutboxFrame {
  const what = `the outbox of shard ${shard}`;
  return {
    target: integer(row.target, what),
    n: integer(row.n, what),
    text: text(row.frame, what),
  };
}
