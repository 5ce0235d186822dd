/**
 * A store that was not closed, whose write-ahead log met faults. Cut short, it is the store as it was after one of its
 * commits, and opening says so; damaged otherwise, it lacks the last transaction at most, or is refused.
 */

import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { StoreError } from "../../runtime/store/port.ts";
import { SqliteStore } from "../../runtime/store/sqlite_store.ts";
import { inspectWal } from "../../runtime/store/wal.ts";
import { actorRows, checkpoint, deadLetter, minuteMs, shardCount, textOf } from "./store_fixtures.ts";

const runs = 150;
const commits = 12;
const ids = ["a", "b", "c", "d"];
const open = (path: string) => new SqliteStore({ path, shards: shardCount });

/** Copies the files of a store at work, as a crash after its last commit would leave them. */
async function crashed(path: string, copy: string): Promise<void> {
  const store = open(path);
  const claim = await store.claim(0, "a");
  for (let commit = 0; commit < commits; commit++) {
    const n = commit + 1;
    await store.commit([
      checkpoint({ ...claim, commit }, {
        actors: ids.map((id) => ({ id, hot: `${n}`.padEnd(3000), cold: `${n}`.padEnd(9000) })),
        history: [{ id: "a", startMs: 0, part: n, row: `${n}` }],
        outbox: [{ target: 1, n, text: `${n}` }],
        keys: { atMs: n, hashes: new Uint8Array(8).fill(n) },
        deadLetters: [deadLetter(`0-${n}-0`, { atMs: n })],
      }),
    ]);
  }
  for (const suffix of ["", "-wal"]) copyFileSync(`${path}${suffix}`, `${copy}${suffix}`);
  await store.close();
}

/** The commit after which everything is as it is; all of it is as it was then. */
async function wholeCommit(store: SqliteStore): Promise<number> {
  const { commit, outbox, keys } = await store.claim(0, "b");
  const numbers = Array.from({ length: commit }, (_, n) => n + 1);
  assert.deepEqual(outbox.map(({ n }) => n), numbers);
  assert.equal(keys.length, 8 * commit);
  const letters = await store.deadLetters({ after: null, limit: 100 });
  assert.equal(letters.items.length, commit);
  const history = await store.history({ kind: "sensor", id: "a" }, {
    stepMs: minuteMs,
    fromMs: 0,
    toMs: 1,
    limit: 100,
  });
  assert.deepEqual(history.map(({ row }) => textOf(row)), numbers.map(String));
  const rows = actorRows(await store.load(0, ids.map((id) => ({ kind: "sensor", id }))));
  const expected = commit === 0 ? [] : ids.map((id) => ({
    kind: "sensor",
    id,
    hot: `${commit}`.padEnd(3000),
    cold: `${commit}`.padEnd(9000),
  }));
  assert.deepEqual(rows, expected);
  return commit;
}

/** Null where opening refuses the file. */
async function opened(
  path: string,
): Promise<{ readonly commit: number; readonly warning: string | null } | null> {
  let store: SqliteStore;
  try {
    store = open(path);
  } catch (thrown) {
    assert.ok(thrown instanceof StoreError && thrown.code === "corrupt", String(thrown));
    assert.match(
      thrown.message,
      /Cannot open the store .*it is damaged \(of its write-ahead log .*; restore/,
    );
    return null;
  }
  try {
    return { commit: await wholeCommit(store), warning: store.opening.warning };
  } finally {
    await store.close();
  }
}

async function withCrashed(test: (reset: () => void, path: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "store-wal-"));
  try {
    const sound = join(folder, "sound.db");
    await crashed(join(folder, "first.db"), sound);
    const path = join(folder, "store.db");
    const reset = () => {
      for (const suffix of ["", "-wal"]) copyFileSync(`${sound}${suffix}`, `${path}${suffix}`);
    };
    reset();
    assert.deepEqual(inspectWal(`${path}-wal`), { type: "whole" });
    assert.deepEqual(await opened(path), { commit: commits, warning: null });
    await test(reset, path);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

// Not a double: most of those between 0 and 1 are next to 0.
const place = fc.nat(999_999).map((n) => n / 1_000_000);

Deno.test("A write-ahead log that is cut short anywhere reads as a crash, which opening tells of", () =>
  withCrashed(async (reset, path) => {
    const commitsSeen = new Set<number>();
    let warnings = 0;
    const property = fc.asyncProperty(place, async (share) => {
      reset();
      truncateSync(`${path}-wal`, Math.floor(share * readFileSync(`${path}-wal`).length));
      const found = await opened(path);
      assert.ok(found !== null);
      commitsSeen.add(found.commit);
      if (found.warning === null) return;
      warnings++;
      assert.match(found.warning, /^The last \d+ bytes of .*-wal are not whole, as a crash leaves them/);
    });
    await fc.assert(property, { numRuns: runs });
    assert.ok(commitsSeen.size > 5 && warnings > runs / 2, `${[...commitsSeen]}, ${warnings} warnings`);
  }));

Deno.test("A write-ahead log with damaged bytes lacks its last transaction at most, which opening tells of, or is refused", () =>
  withCrashed(async (reset, path) => {
    let refused = 0;
    const property = fc.asyncProperty(place, fc.nat(7), async (share, bit) => {
      reset();
      const bytes = readFileSync(`${path}-wal`);
      bytes[Math.floor(share * bytes.length)]! ^= 1 << bit;
      writeFileSync(`${path}-wal`, bytes);
      const found = await opened(path);
      if (found === null) return void refused++;
      assert.ok(found.commit >= commits - 1, `${found.commit}`);
      if (found.commit < commits) assert.ok(found.warning !== null);
    });
    await fc.assert(property, { numRuns: runs });
    assert.ok(refused > runs / 2, `${refused}`);
  }));
