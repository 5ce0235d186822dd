/**
 * What every adapter demands of a checkpoint before it writes any of it: columns of one length, and rows that fill
 * their buffer.
 */

import type { PackedRows } from "../core/bytes.ts";
import type { Checkpoint } from "../core/checkpoint.ts";
import { invariant } from "../core/errors.ts";

function checkColumns(what: string, rows: PackedRows, columns: readonly (readonly unknown[])[]): void {
  const count = rows.ends.length;
  invariant(
    columns.every((column) => column.length === count),
    `Every column of a checkpoint's ${what} has as many values as there are rows (${count})`,
  );
  invariant(
    (rows.ends.at(-1) ?? 0) === rows.bytes.length,
    `The rows of a checkpoint's ${what} fill their ${rows.bytes.length} bytes`,
  );
}

/** Throws an `InvariantError` when the checkpoint's columns do not fit together. */
export function checkShape({ shard, commit, snapshots, history }: Checkpoint): void {
  const where = `of shard ${shard}, commit ${commit}`;
  const { kinds, ids, dueMs, hot, coldOf, cold } = snapshots;
  checkColumns(`snapshots ${where}`, hot, [kinds, ids, dueMs]);
  checkColumns(`cold rows ${where}`, cold, [coldOf]);
  invariant(
    coldOf.every((actor) => actor >= 0 && actor < ids.length),
    `Every cold row ${where} belongs to an actor of the same checkpoint`,
  );
  checkColumns(`history ${where}`, history.rows, [
    history.kinds,
    history.ids,
    history.stepMs,
    history.startMs,
    history.parts,
  ]);
}
