/**
 * Claims of shards.
 *
 * 1. A claim makes the epoch greater than it was; epochs of a shard are never used twice.
 * 2. It is one statement, and holds no row when that is over: a claimer that stops is in nobody's way. So what holds a row
 *    for longer than `lockWaitSeconds` is a commit of its owner's; that one's connection is ended, and no other's.
 * 3. It takes the row as it was read, by epoch and commit number: one that changed meanwhile is read again.
 * 4. What waits in the shard is read after it, and then whose the shard is: nobody has written since.
 */

import { attemptsAtClaim } from "../../core/attempts.ts";
import { type Claim, emptyMemory, type Positions, type ShardMemory } from "../../core/checkpoint.ts";
import type { ClaimCall } from "../call_queue.ts";
import { StoreError } from "../port.ts";
import { raceOf } from "../raced.ts";
import type { MySqlConnection, Row, Value } from "./connection.ts";
import { serverErrno } from "./errors.ts";
import { maxClaimRounds, maxLockWaits } from "./limits.ts";
import { readQueues } from "./queue_rows.ts";
import { serverNowMs } from "./shard_rows.ts";
import { damaged, integer, json, text } from "./values.ts";
import { endHolder } from "./writer.ts";

/** A shard's row as it was read, and what is to become of it. */
interface Taking {
  readonly call: ClaimCall;
  readonly epoch: number;
  readonly commit: number;
  readonly positions: Positions;
  readonly memory: ShardMemory;
  readonly isMemoryNew: boolean;
}

/** One answer for each call. `writer`: the name of the connection's lock; see `writer.ts`. */
export async function claimShards(
  connection: MySqlConnection,
  calls: readonly ClaimCall[],
  writer: string,
): Promise<readonly (Claim | StoreError)[]> {
  const answers = new Map<ClaimCall, Claim | StoreError>();
  for (let round = 0; answers.size < calls.length; round++) {
    if (round === maxClaimRounds) {
      throw new StoreError(
        "unavailable",
        `Cannot claim: in ${round} tries the shards' rows changed each time`,
      );
    }
    // Claims of one shard follow one another.
    const pending = calls.filter((call) => !answers.has(call));
    const first = new Map(pending.toReversed().map((call) => [call.shard, call]));
    const taking: Taking[] = [];
    for (const [shard, row] of await readRows(connection, [...first.keys()])) {
      const call = first.get(shard)!;
      const race = raceOf(shard, integer(row.epoch, rowOf(shard)), call.after);
      if (race === null) taking.push(takingOf(call, row));
      else answers.set(call, race);
    }
    await takeAll(connection, taking, writer);
    for (const [call, claim] of await confirmed(connection, taking, writer)) answers.set(call, claim);
  }
  return calls.map((call) => answers.get(call)!);
}

const rowOf = (shard: number) => `the row of shard ${shard}`;

async function readRows(
  connection: MySqlConnection,
  shards: readonly number[],
): Promise<ReadonlyMap<number, Row>> {
  const rows = await connection.rows(
    `SELECT shard, epoch, commit_number, positions, memory FROM shards WHERE shard IN (${shards.join()})`,
  );
  const byShard = new Map(rows.map((row) => [integer(row.shard, "a shard's number"), row]));
  for (const shard of shards) if (!byShard.has(shard)) throw damaged(rowOf(shard), "it is missing");
  return byShard;
}

function takingOf(call: ClaimCall, row: Row): Taking {
  const what = rowOf(call.shard);
  const epoch = integer(row.epoch, what);
  // What a row of an older program lacks, its shard had none of.
  const last: ShardMemory = { ...emptyMemory, ...json<Partial<ShardMemory>>(row.memory, what) };
  const attempts = attemptsAtClaim(last.attempts, epoch, call.death);
  return {
    call,
    epoch,
    commit: integer(row.commit_number, what),
    positions: json<Positions>(row.positions, what),
    memory: { ...last, attempts },
    isMemoryNew: attempts !== last.attempts,
  };
}

/** Raises the epochs of the rows that are as they were read. */
async function takeAll(
  connection: MySqlConnection,
  taking: readonly Taking[],
  writer: string,
): Promise<void> {
  const kept = taking.filter(({ isMemoryNew }) => !isMemoryNew);
  for (const [owner, claims] of Map.groupBy(kept, ({ call }) => call.owner)) {
    await take(connection, claims, "owner = ?, writer = ?", [owner.toWellFormed(), writer]);
  }
  for (const one of taking.filter(({ isMemoryNew }) => isMemoryNew)) {
    const values = [one.call.owner.toWellFormed(), writer, JSON.stringify(one.memory)];
    await take(connection, [one], "owner = ?, writer = ?, memory = ?", values);
  }
}

const lockWaitTimeout = 1205;

async function take(
  connection: MySqlConnection,
  taking: readonly Taking[],
  assignments: string,
  values: readonly Value[],
): Promise<void> {
  const places = taking.map(({ call, epoch, commit }) => `(${call.shard},${epoch},${commit})`);
  const sql = `UPDATE shards SET epoch = epoch + 1, ${assignments}, committed_at_ms = ${serverNowMs}
    WHERE (shard, epoch, commit_number) IN (${places.join()})`;
  for (let waits = 1;; waits++) {
    try {
      return await connection.run(sql, values);
    } catch (thrown) {
      if (serverErrno(thrown) !== lockWaitTimeout || waits === maxLockWaits) throw thrown;
    }
    const [one] = taking;
    if (taking.length === 1) await endOwner(connection, one!.call.shard);
    else {
      // So that it shows which of the rows is held.
      for (const each of taking) await take(connection, [each], assignments, values);
      return;
    }
  }
}

async function endOwner(connection: MySqlConnection, shard: number): Promise<void> {
  const [row] = await connection.rows("SELECT writer FROM shards WHERE shard = ?", [shard]);
  await endHolder(connection, text(row?.writer, rowOf(shard)));
}

/** Those that are this writer's: of the others, the rows were not as they had been read. */
async function confirmed(
  connection: MySqlConnection,
  taking: readonly Taking[],
  writer: string,
): Promise<readonly (readonly [ClaimCall, Claim])[]> {
  if (taking.length === 0) return [];
  const shards = taking.map(({ call }) => call.shard);
  const queues = await readQueues(connection, shards);
  const rows = await connection.rows(
    `SELECT shard, epoch FROM shards WHERE shard IN (${shards.join()}) AND writer = ?`,
    [writer],
  );
  const epochs = new Map(rows.map(({ shard, epoch }) => [shard, epoch]));
  return taking.flatMap(({ call, epoch: lastEpoch, commit, positions, memory }) => {
    const { shard } = call;
    const epoch = lastEpoch + 1;
    if (epochs.get(shard) !== epoch) return [];
    return [[call, { shard, epoch, commit, positions, memory, ...queues(shard) }] as const];
  });
}
