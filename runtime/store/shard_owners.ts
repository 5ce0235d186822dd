/**
 * Who owns a shard, and the guard of every commit.
 *
 * 1. A claim makes the epoch one more than it was; epochs of a shard are never used twice.
 * 2. `advance` changes a row only where it has the given epoch and the number before the given commit.
 *
 * Both run inside a transaction.
 */

import type { DatabaseSync, StatementSync } from "node:sqlite";
import { crc32 } from "node:zlib";
import { attemptsAtClaim } from "../core/attempts.ts";
import { type Checkpoint, emptyMemory, type Positions, type ShardMemory } from "../core/checkpoint.ts";
import type { ClaimCall } from "./call_queue.ts";
import type { StoreError } from "./port.ts";
import { raceOf } from "./raced.ts";
import { covered, type ShardRows } from "./shard_rows.ts";
import { shardTally, type Tallies } from "./tallies.ts";

export interface ClaimedRow {
  readonly epoch: number;
  readonly commit: number;
  readonly positions: Positions;
  readonly memory: ShardMemory;
}

const unclaimed = { epoch: 0, commit: 0, positions: "{}", memory: JSON.stringify(emptyMemory) };

export class ShardOwners {
  readonly #rows: ShardRows;
  readonly #tallies: Tallies;
  readonly #replace: StatementSync;
  readonly #advance: StatementSync;

  constructor(db: DatabaseSync, rows: ShardRows, tallies: Tallies) {
    this.#rows = rows;
    this.#tallies = tallies;
    this.#replace = db.prepare(
      `INSERT OR REPLACE INTO shards
         (shard, epoch, commit_number, owner, positions, memory, crc, committed_at_ms)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    );
    this.#advance = db.prepare(
      `UPDATE shards SET commit_number = ?, positions = ?, memory = ?, crc = ?, committed_at_ms = ?
       WHERE shard = ? AND epoch = ? AND commit_number = ?`,
    );
  }

  /** Raises the epoch, unless the claim is raced: then it changes nothing. */
  claim({ shard, owner, death, after }: ClaimCall, nowMs: number): ClaimedRow | StoreError {
    const { epoch: lastEpoch, commit, positions, memory: lastMemory } = this.#rows.read(shard) ?? unclaimed;
    const race = raceOf(shard, lastEpoch, after);
    if (race !== null) return race;
    const epoch = lastEpoch + 1;
    // The checksum says that these are the texts that `advance` wrote.
    // What a row of an older program lacks, its shard had none of.
    const last: ShardMemory = { ...emptyMemory, ...JSON.parse(lastMemory) as Partial<ShardMemory> };
    const next: ShardMemory = { ...last, attempts: attemptsAtClaim(last.attempts, lastEpoch, death) };
    const memory = JSON.stringify(next);
    const checksum = crc32(covered(shard, { epoch, commit, positions, memory }));
    this.#replace.run(shard, epoch, commit, owner, positions, memory, checksum, nowMs);
    // A shard's first claim makes its row.
    if (lastEpoch === 0) this.#tallies.add(shardTally("shards", shard), 1);
    return { epoch, commit, positions: JSON.parse(positions) as Positions, memory: next };
  }

  /**
   * Moves the shard on to this checkpoint. "repeated": the row has exactly this epoch and commit, the checkpoint is
   * written already.
   */
  advance(checkpoint: Checkpoint, nowMs: number): "advanced" | "repeated" | "fenced" {
    const { shard, epoch, commit } = checkpoint;
    const positions = JSON.stringify(checkpoint.positions);
    const memory = JSON.stringify(checkpoint.memory);
    const checksum = crc32(covered(shard, { epoch, commit, positions, memory }));
    const guard = [shard, epoch, commit - 1] as const;
    const changed = this.#advance.run(commit, positions, memory, checksum, nowMs, ...guard);
    if (changed.changes === 1) return "advanced";
    return this.#rows.isAt(shard, epoch, commit) ? "repeated" : "fenced";
  }
}
