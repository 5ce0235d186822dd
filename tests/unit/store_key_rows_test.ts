/** Rows of idempotency keys in a store's file. */

import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { KeyRows } from "../../runtime/store/key_rows.ts";
import { commitsPerKeyRow } from "../../runtime/store/limits.ts";
import { migrate } from "../../runtime/store/schema.ts";
import { Tallies } from "../../runtime/store/tallies.ts";
import { checkpoint } from "../contract/store_fixtures.ts";

Deno.test("KeyRows joins the keys of many checkpoints into few rows, and counts them", () => {
  using db = new DatabaseSync(":memory:");
  migrate(db, 0);
  const rows = new KeyRows(db, new Tallies(db));
  const commits = 10 * commitsPerKeyRow;
  for (let commit = 0; commit < commits; commit++) {
    const keys = { atMs: 1000 + commit, hashes: new Uint8Array(16).fill(commit) };
    rows.write(checkpoint({ shard: 1, epoch: 1, commit }, { keys }));
  }
  assert.equal(db.prepare("SELECT count(*) AS n FROM keys").get()?.n, 10);
  // It throws when there are more or fewer rows than were counted.
  const wanted = Array.from({ length: commits }, (_, commit) => [...new Uint8Array(16).fill(commit)]);
  assert.deepEqual([...rows.read(1)], wanted.flat());
});
