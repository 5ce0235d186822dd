/** What the shards' own rows say: who owns a shard, and how far it is. */

import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Positions } from "../core/checkpoint.ts";
import type { ShardRow } from "./port.ts";
import { checkText, integer, text } from "./stored_row.ts";
import type { Tallies } from "./tallies.ts";

/** The texts are as they were written: the checksum says so. */
export interface WrittenRow {
  readonly epoch: number;
  readonly commit: number;
  readonly positions: string;
  readonly memory: string;
}

/** What a row's checksum covers: all but what is for people. */
export function covered(shard: number, { epoch, commit, positions, memory }: WrittenRow): string {
  return `${shard} ${epoch} ${commit} ${positions} ${memory}`;
}

const columns = "epoch, commit_number, positions, memory, crc";

function checked(shard: number, row: Readonly<Record<string, unknown>>): WrittenRow {
  const what = `the row of shard ${shard}`;
  const found = {
    epoch: integer(row.epoch, what),
    commit: integer(row.commit_number, what),
    positions: text(row.positions, what),
    memory: text(row.memory, what),
  };
  checkText(covered(shard, found), row.crc, what);
  return found;
}

export class ShardRows {
  readonly #db: DatabaseSync;
  readonly #select: StatementSync;
  readonly #selectPlace: StatementSync;
  readonly #tallies: Tallies;

  constructor(db: DatabaseSync, tallies: Tallies) {
    this.#db = db;
    this.#tallies = tallies;
    this.#select = db.prepare(`SELECT ${columns} FROM shards WHERE shard = ?`);
    this.#selectPlace = db.prepare("SELECT epoch, commit_number FROM shards WHERE shard = ?");
  }

  /** Null: the shard was never claimed. */
  read(shard: number): WrittenRow | null {
    const row = this.#select.get(shard);
    // Without its row, a shard would begin anew.
    this.#tallies.check("shards", shard, row === undefined ? 0 : 1);
    return row === undefined ? null : checked(shard, row);
  }

  /** The row as it is, checked; of a shard that was never claimed, zeros. */
  look(shard: number): { readonly epoch: number; readonly commit: number; readonly positions: Positions } {
    const row = this.read(shard);
    if (row === null) return { epoch: 0, commit: 0, positions: {} };
    const { epoch, commit, positions } = row;
    return { epoch, commit, positions: JSON.parse(positions) as Positions };
  }

  /** Of each shard that was claimed, by number. */
  all(): ShardRow[] {
    // Prepared when it is asked for, because a file of an older version, which is only looked into, has no times.
    const all = this.#db.prepare(
      `SELECT shard, owner, committed_at_ms, ${columns} FROM shards ORDER BY shard`,
    );
    return all.all().map((row) => {
      const shard = integer(row.shard, "a shard's number");
      const { epoch, commit, positions } = checked(shard, row);
      const what = `the row of shard ${shard}`;
      return {
        shard,
        epoch,
        owner: text(row.owner, what),
        positions: JSON.parse(positions) as Positions,
        commit,
        committedAtMs: integer(row.committed_at_ms, what),
      };
    });
  }

  /** 0 before the first claim. */
  epoch(shard: number): number {
    const row = this.#selectPlace.get(shard);
    return row === undefined ? 0 : integer(row.epoch, `the row of shard ${shard}`);
  }

  /** Whether the row has exactly this epoch and commit. */
  isAt(shard: number, epoch: number, commit: number): boolean {
    const place = this.#selectPlace.get(shard);
    return place?.epoch === epoch && place.commit_number === commit;
  }
}
