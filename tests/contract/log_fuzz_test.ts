/**
 * A log whose files met random faults: each frame is read as it was written, or refused; no shard ends earlier or later,
 * and the clock stands where it stood.
 */

import assert from "node:assert/strict";
import { copyFileSync, cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import fc from "fast-check";
import { LogError, type LogExtent } from "../../runtime/log/port.ts";
import { pageBytes } from "../../runtime/log/segment_file.ts";
import { SegmentedLogCore } from "../../runtime/log/segmented_log_core.ts";
import { fault, inflict } from "./damaged_bytes.ts";
import { segmentFiles, tinyLimits } from "./log_folders.ts";

const runs = 120;
const shards = 3;
const startMs = Date.UTC(2026, 0, 31, 12);
const afterMs = startMs + 1_000_000;

function open(directory: string, expected: string | null): SegmentedLogCore {
  return new SegmentedLogCore({ directory, shards, expected, limits: tinyLimits, report: () => {} });
}

interface Found {
  readonly extents: readonly LogExtent[];
  /** By shard and offset; null where it was refused. */
  readonly frames: ReadonlyMap<string, unknown>;
  /** Of a frame that is appended when all are read. */
  readonly stampMs: number | null;
}

function orRefused<T>(work: () => T): T | null {
  try {
    return work();
  } catch (thrown) {
    assert.ok(thrown instanceof LogError, `a LogError, not ${String(thrown)}`);
    assert.equal(thrown.code, "corrupt", thrown.message);
    return null;
  }
}

async function look(log: SegmentedLogCore): Promise<Found> {
  try {
    const frames = new Map<string, unknown>();
    const extents = Array.from({ length: shards }, (_, shard) => log.extent(shard));
    for (const [shard, { begin, end }] of extents.entries()) {
      for (let offset = begin; offset < end; offset++) {
        const [frame] = orRefused(() => log.read(shard, offset, 1)) ?? [];
        frames.set(`${shard}/${offset}`, frame ?? null);
      }
    }
    const [receipt] = orRefused(() => log.appendNow([{ shard: 0, text: "next" }], afterMs)) ?? [];
    return { extents, frames, stampMs: receipt?.stampMs ?? null };
  } finally {
    await log.close();
  }
}

interface Sound {
  readonly directory: string;
  readonly identity: string;
  readonly found: Found;
}

/** Several segments, of which the last has frames, and a spare. */
async function withLog(test: (sound: Sound, copy: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "log-fuzz-"));
  try {
    const directory = join(folder, "sound");
    const log = open(directory, null);
    for (let n = 0; n < 220; n++) {
      log.appendNow([{ shard: n % 3, text: `${n} ${"t".repeat(500 + n)}` }], startMs + 1000 * n);
      // Segments roll between the events of a loop.
      await new Promise((resolve) => setImmediate(resolve));
    }
    await log.close();
    assert.ok(segmentFiles(directory).length >= 3);
    const copy = join(folder, "copy");
    cpSync(directory, copy, { recursive: true });
    const again = open(copy, log.identity);
    const found = await look(again);
    assert.deepEqual([found.frames.size, found.stampMs], [220, afterMs]);
    await test({ directory, identity: log.identity, found }, copy);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function damagedFolder<Damage>(
  name: string,
  damage: fc.Arbitrary<Damage>,
  apply: (files: readonly string[], damage: Damage) => void,
): void {
  Deno.test(name, () =>
    withLog(async ({ directory, identity, found }, copy) => {
      const outcomes = { refused: 0, same: 0 };
      const property = fc.asyncProperty(damage, async (one) => {
        rmSync(copy, { recursive: true });
        cpSync(directory, copy, { recursive: true });
        apply(segmentFiles(copy), one);
        const log = orRefused(() => open(copy, identity));
        if (log === null) return void outcomes.refused++;
        const given = await look(log);
        outcomes.same++;
        given.extents.forEach(({ begin, end }, shard) => {
          assert.equal(end, found.extents[shard]?.end);
          // Without its first file a log is one that was trimmed: the claim of a shard that has not folded it refuses.
          assert.ok(begin >= (found.extents[shard]?.begin ?? 0));
        });
        for (const [place, frame] of given.frames) {
          if (frame !== null) assert.deepEqual(frame, found.frames.get(place), place);
        }
        assert.ok(given.stampMs === null || given.stampMs === found.stampMs, `${given.stampMs}`);
      });
      await fc.assert(property, { numRuns: runs });
      assert.ok(outcomes.refused > 0 && outcomes.same > 0, JSON.stringify(outcomes));
    }));
}

damagedFolder(
  "A log is read as it was written or refused, whatever bytes of its files are damaged",
  fc.array(fc.tuple(fc.nat(), fault), { minLength: 1, maxLength: 2 }),
  (files, faults) => {
    for (const [file, one] of faults) inflict(files[file % files.length]!, pageBytes, one);
  },
);

const tables: Readonly<Record<string, readonly string[]>> = {
  frame: ["n", "shard", "offset", "stamp_ms", "crc", "text"],
  base: ["shard", "offset"],
  log: ["identity", "shards", "base_stamp_ms", "crc"],
};

damagedFolder(
  "A log is read as it was written or refused, whatever row or file is lost, doubled or has another's values",
  fc.record({
    file: fc.nat(),
    other: fc.nat(),
    table: fc.constantFrom("frame", "frame", "base", "log"),
    row: fc.nat(),
    column: fc.nat(),
    what: fc.constantFrom("add one", "delete a row", "delete the file", "copy the file"),
  }),
  (files, { file, other, table, row, column, what }) => {
    // The last file is a spare: nothing is in it, and nothing is lost with it.
    const used = files.slice(0, -1);
    const path = used[file % used.length]!;
    if (what === "delete the file") return rmSync(path);
    const from = used[other % used.length]!;
    if (what === "copy the file") return from === path ? undefined : copyFileSync(from, path);
    const db = new DatabaseSync(path);
    try {
      const rows = db.prepare(`SELECT rowid AS n FROM ${table} ORDER BY rowid`).all();
      const isLast = path === used.at(-1) && table === "frame";
      // Of the very last frame nobody knows but the store that has folded it, which misses it at its shard's claim.
      const place = row % Math.max(1, rows.length - (isLast && what === "delete a row" ? shards : 0));
      const n = rows[place]!["n"]!;
      const name = tables[table]![column % tables[table]!.length]!;
      const change = name === "text" || name === "identity" ? `${name} || 'x'` : `${name} + 1`;
      const asBytes = name === "text" ? `CAST(${change} AS BLOB)` : change;
      if (what === "delete a row") db.prepare(`DELETE FROM ${table} WHERE rowid = ?`).run(n);
      else db.prepare(`UPDATE OR IGNORE ${table} SET ${name} = ${asBytes} WHERE rowid = ?`).run(n);
    } finally {
      db.close();
    }
  },
);
