/** The topic of a node on its folder, over real files: where reading goes on, and what a power cut leaves. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { LocalTopic } from "../../actors/results/local_topic.ts";
import { SqliteSql } from "../../actors/results/sqlite_sql.ts";
import { ResultTables } from "../../actors/results/tables.ts";
import { withFolder } from "../services/folder.ts";
import { openLog, tinyLimits } from "./log_folders.ts";
import { noonMs, place, values } from "./results_fixtures.ts";

/** A log of `count` records, of which the oldest are trimmed; where it begins. */
async function trimmedLog(directory: string, count: number): Promise<number> {
  const log = openLog(directory, { shards: 1, limits: tinyLimits });
  const [text, padding] = [JSON.stringify(values("a", noonMs)), " ".repeat(30_000)];
  for (let i = 0; i < count; i++) {
    await log.append([{ shard: 0, text: text + padding }]);
    await log.trim(0, count - 2);
    // Segments are made beside the appends.
    await new Promise((resolve) => setImmediate(resolve));
  }
  const { begin } = await log.extent(0);
  await log.close();
  assert.ok(begin > 5 && begin < count, `it begins at ${begin}`);
  return begin;
}

interface Stored {
  /** Up to where. */
  readonly position: number | null;
  readonly told: readonly string[];
}

/** Stores what there is in the log from `position` on, and one more result. */
async function storeFrom(position: number, directory: string): Promise<Stored> {
  const told: string[] = [];
  const tables = await ResultTables.open(new SqliteSql(":memory:"));
  const topic = await LocalTopic.open(directory, place.topic, (sentence) => told.push(sentence));
  try {
    await tables.store({ place, from: 0, next: position, results: [], refused: [] });
    await topic.send("z", JSON.stringify(values("z", noonMs)));
    const end = new AbortController();
    const reader = {
      position: () => tables.position(place),
      async store(batch: Parameters<ResultTables["store"]>[0]) {
        await tables.store(batch);
        if (batch.results.some(({ series }) => series === "z")) end.abort();
      },
    };
    await topic.read(reader, AbortSignal.any([end.signal, AbortSignal.timeout(20_000)]));
    assert.ok(end.signal.aborted, "the last result was not stored within 20 s");
    return { position: await tables.position(place), told };
  } finally {
    await topic.close();
    await tables.close();
  }
}

Deno.test("read() goes on where the log begins when the tables are older, and says how many records are missing", () =>
  withFolder(async (folder) => {
    const directory = join(folder, "log");
    const begin = await trimmedLog(directory, 40);
    const { position, told } = await storeFrom(3, directory);
    assert.equal(position, 41);
    assert.equal(told.length, 1);
    assert.match(told[0]!, new RegExp(`^${begin - 3} records of prometheusdata cannot be stored: `));
    assert.match(told[0]!, new RegExp(`Storing goes on at offset ${begin}\\.$`));
  }));

Deno.test("read() begins anew with a log that ends below what is stored, and says so", () =>
  withFolder(async (folder) => {
    const { position, told } = await storeFrom(1000, join(folder, "log"));
    assert.equal(position, 1);
    assert.match(told.join("\n"), /^Results of prometheusdata were stored up to offset 1000, .* another log/);
  }));

Deno.test("read() says nothing when the log has what is stored next", () =>
  withFolder(async (folder) => {
    const directory = join(folder, "log");
    const begin = await trimmedLog(directory, 40);
    assert.deepEqual(await storeFrom(begin, directory), { position: 41, told: [] });
  }));

Deno.test("SqliteSql waits for the disk with every commit: the log is trimmed below what it has stored", () =>
  withFolder(async (folder) => {
    const sql = new SqliteSql(join(folder, "results.sqlite"));
    try {
      // 2 is FULL: a commit in WAL mode is synced before it returns, https://sqlite.org/pragma.html#pragma_synchronous
      assert.deepEqual((await sql.rows("PRAGMA synchronous")).map((row) => ({ ...row })), [{
        synchronous: 2,
      }]);
    } finally {
      await sql.close();
    }
  }));
