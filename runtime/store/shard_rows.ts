/**
 * The shards' own rows: who owns a shard, how far it is, and the guard of every commit.
 *
 * 1. A claim makes the epoch one more than it was; epochs of a shard are never used twice.
 * 2. `advance` changes a row only where it has the given epoch and the number before the given commit.
 */

import { attemptsAtClaim, type HostDeath } from "../core/attempts.ts";
import type { DatabaseSync, StatementSync } from "node:sqlite";
import { crc32 } from "node:zlib";
import { type Checkpoint, emptyMemory, type Positions, type ShardMemory } from "../core/checkpoint.ts";
import { checkText, integer, text } from "./stored_row.ts";
import { shardTally, type Tallies } from "./tallies.ts";

export interface ShardRow {
  readonly epoch: number;
  readonly commit: number;
  readonly positions: Positions;
  readonly memory: ShardMemory;
}

/** What the row's checksum covers. */
function covered(shard: number, epoch: number, commit: number, positions: string, memory: string): string {
  return `${shard} ${epoch} ${commit} ${positions} ${memory}`;
}

export class ShardRows {
  readonly #select: StatementSync;
  readonly #selectPlace: StatementSync;
  readonly #replace: StatementSync;
  readonly #advance: StatementSync;
  readonly #tallies: Tallies;

  constructor(db: DatabaseSync, tallies: Tallies) {
    this.#tallies = tallies;
    this.#select = db.prepare(
      "SELECT epoch, commit_number, positions, memory, crc FROM shards WHERE shard = ?",
    );
    this.#selectPlace = db.prepare("SELECT epoch, commit_number FROM shards WHERE shard = ?");
    this.#replace = db.prepare("INSERT OR REPLACE INTO shards VALUES (?, ?, ?, ?, ?, ?, ?)");
    this.#advance = db.prepare(
      `UPDATE shards SET commit_number = ?, positions = ?, memory = ?, crc = ?
       WHERE shard = ? AND epoch = ? AND commit_number = ?`,
    );
  }

  #read(shard: number): { epoch: number; commit: number; positions: string; memory: string } {
    const row = this.#select.get(shard);
    // Without its row, a shard would begin anew.
    this.#tallies.check("shards", shard, row === undefined ? 0 : 1);
    if (row === undefined) {
      return { epoch: 0, commit: 0, positions: "{}", memory: JSON.stringify(emptyMemory) };
    }
    const what = `the row of shard ${shard}`;
    const found = {
      epoch: integer(row.epoch, what),
      commit: integer(row.commit_number, what),
      positions: text(row.positions, what),
      memory: text(row.memory, what),
    };
    checkText(covered(shard, found.epoch, found.commit, found.positions, found.memory), row.crc, what);
    return found;
  }

  /** The row as it is, checked; of a shard that was never claimed, zeros. */
  look(shard: number): { readonly epoch: number; readonly commit: number; readonly positions: Positions } {
    const { epoch, commit, positions } = this.#read(shard);
    return { epoch, commit, positions: JSON.parse(positions) as Positions };
  }

  /** 0 before the first claim. */
  epoch(shard: number): number {
    const row = this.#selectPlace.get(shard);
    return row === undefined ? 0 : integer(row.epoch, `the row of shard ${shard}`);
  }

  /** Raises the epoch; runs inside a transaction. */
  claim(shard: number, owner: string, death: HostDeath | null): ShardRow {
    const { epoch: lastEpoch, commit, positions, memory: lastMemory } = this.#read(shard);
    const epoch = lastEpoch + 1;
    // The checksum says that these are the texts that `advance` wrote.
    // What a row of an older program lacks, its shard had none of.
    const last: ShardMemory = { ...emptyMemory, ...JSON.parse(lastMemory) as Partial<ShardMemory> };
    const next: ShardMemory = { ...last, attempts: attemptsAtClaim(last.attempts, lastEpoch, death) };
    const memory = JSON.stringify(next);
    const checksum = crc32(covered(shard, epoch, commit, positions, memory));
    this.#replace.run(shard, epoch, commit, owner, positions, memory, checksum);
    // A shard's first claim makes its row.
    if (lastEpoch === 0) this.#tallies.add(shardTally("shards", shard), 1);
    return { epoch, commit, positions: JSON.parse(positions) as Positions, memory: next };
  }

  /**
   * Moves the shard on to this checkpoint. "repeated": the row has exactly this epoch and commit, the checkpoint is
   * written already.
   */
  advance({ shard, epoch, commit, positions, memory }: Checkpoint): "advanced" | "repeated" | "fenced" {
    const positionsText = JSON.stringify(positions);
    const memoryText = JSON.stringify(memory);
    const checksum = crc32(covered(shard, epoch, commit, positionsText, memoryText));
    const changed = this.#advance.run(commit, positionsText, memoryText, checksum, shard, epoch, commit - 1);
    if (changed.changes === 1) return "advanced";
    const place = this.#selectPlace.get(shard);
    return place?.epoch === epoch && place.commit_number === commit ? "repeated" : "fenced";
  }
}
