/**
 * A store whose file met random faults: each of its answers is the one before, or a refusal. Nothing is ever answered
 * that was not written, and nothing that was written is left out.
 */

import assert from "node:assert/strict";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import fc from "fast-check";
import { pageBytes } from "../../runtime/store/limits.ts";
import { StoreError } from "../../runtime/store/port.ts";
import { SqliteStore } from "../../runtime/store/sqlite_store.ts";
import { type Fault, fault, inflict } from "./damaged_bytes.ts";
import { actorRows, checkpoint, deadLetter, minuteMs, shardCount, textOf } from "./store_fixtures.ts";

const runs = 250;
const shards = [0, 1, 2];
const actorsPerShard = 25;
const open = (path: string) => new SqliteStore({ path, shards: shardCount });
const idOf = (shard: number, n: number) => `actor ${shard}-${n}`;

/** Something in every table, of several shards, over several commits, some of it deleted again. */
async function fill(path: string): Promise<void> {
  const store = open(path);
  for (const shard of shards) {
    const claim = await store.claim(shard, "first");
    for (let commit = 0; commit < 4; commit++) {
      const numbers = Array.from({ length: actorsPerShard }, (_, n) => n).filter((n) => n % 4 >= commit % 3);
      await store.commit([
        checkpoint({ ...claim, commit }, {
          positions: { mailbox: { offset: 10 * commit + shard, index: 0 } },
          actors: numbers.map((n) => ({
            id: idOf(shard, n),
            hot: `hot ${shard} ${n} ${commit}`.padEnd(60 + n),
            ...(n % 3 === commit % 3 ? { cold: `cold ${shard} ${n} ${commit}`.padEnd(200) } : {}),
            ...(n % 5 === 0 ? { dueMs: 1000 * n + commit } : {}),
          })),
          history: numbers.map((n) => ({
            id: idOf(shard, n),
            startMs: (commit % 2) * minuteMs,
            part: commit < 3 ? 0 : commit + 1,
            row: `history ${shard} ${n} ${commit}`.padEnd(80),
          })),
          outbox: [0, 1, 2].map((n) => ({
            target: shard + 1,
            n: 3 * commit + n + 1,
            text: `frame ${commit} ${n}`,
          })),
          outboxDone: commit < 2 ? [] : [{ target: shard + 1, n: 4 }],
          requests: [1, 2].map((n) => ({
            n: 2 * commit + n,
            kind: "sensor",
            id: idOf(shard, n),
            service: "s",
            body: `"${commit}"`,
            dueMs: 9,
          })),
          requestsDone: commit === 0 ? [] : [2 * commit],
          deadLetters: [
            deadLetter(`${shard}-${commit}-0`, { shard, atMs: 1000 + commit, actorId: idOf(shard, commit) }),
          ],
          keys: { atMs: 100 + commit, hashes: new Uint8Array(24).fill(16 * shard + commit) },
          keysBeforeMs: commit === 3 ? 101 : 0,
        }),
      ]);
    }
  }
  await store.close();
}

/** Every question there is, by its name. */
function questions(store: SqliteStore): Map<string, () => Promise<unknown>> {
  const all = new Map<string, () => Promise<unknown>>();
  all.set("count", () => store.countActors());
  all.set("list", () => store.list("sensor", null, 1000));
  all.set("letters", () => store.deadLetters({ after: null, limit: 100 }));
  all.set("letters of one", () => store.deadLetters({ after: null, limit: 100, actorId: idOf(1, 2) }));
  for (const shard of shards) {
    all.set(`claim ${shard}`, () => store.claim(shard, "second"));
    all.set(`due ${shard}`, async () => (await store.due(shard, -1, 1000)).actors);
    for (let n = 0; n < actorsPerShard; n++) {
      const key = { kind: "sensor", id: idOf(shard, n) };
      all.set(`load ${key.id}`, async () => actorRows(await store.load(shard, [key])));
      all.set(`history ${key.id}`, async () => {
        const rows = await store.history(key, { stepMs: minuteMs, fromMs: 0, toMs: 1_000_000, limit: 1000 });
        return rows.map(({ startMs, part, row }) => [startMs, part, textOf(row)]);
      });
    }
    for (let commit = 0; commit < 4; commit++) {
      all.set(`letter ${shard}-${commit}`, () => store.deadLetter(`${shard}-${commit}-0`));
    }
  }
  return all;
}

/** Each answer, or null where it was refused as it should be. Throws what no caller could tell from a fault of ours. */
async function answers(store: SqliteStore): Promise<Map<string, unknown>> {
  const given = new Map<string, unknown>();
  for (const [name, ask] of questions(store)) given.set(name, await orRefused(ask));
  return given;
}

async function orRefused(ask: () => Promise<unknown>): Promise<unknown> {
  try {
    return await ask();
  } catch (thrown) {
    assert.ok(thrown instanceof StoreError, `a StoreError, not ${String(thrown)}`);
    assert.equal(thrown.code, "corrupt", thrown.message);
    return null;
  }
}

async function answersOf(path: string): Promise<Map<string, unknown> | null> {
  let store: SqliteStore;
  try {
    store = open(path);
  } catch (thrown) {
    assert.ok(thrown instanceof StoreError, `a StoreError, not ${String(thrown)}`);
    assert.equal(thrown.code, "corrupt", thrown.message);
    return null;
  }
  try {
    return await answers(store);
  } finally {
    await store.close();
  }
}

/** Counts, so that a test that refuses everything, or damages nothing, does not pass for one. */
interface Outcomes {
  unharmed: number;
  refused: number;
  partly: number;
}

async function withStore(test: (sound: string, copy: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "store-fuzz-"));
  try {
    const sound = join(folder, "sound.db");
    await fill(sound);
    await test(sound, join(folder, "store.db"));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function damagedFile<Damage>(
  name: string,
  damage: fc.Arbitrary<Damage>,
  apply: (path: string, damage: Damage) => void,
): void {
  Deno.test(name, () =>
    withStore(async (sound, copy) => {
      copyFileSync(sound, copy);
      const expected = await answersOf(copy);
      assert.ok(expected !== null && ![...expected.values()].includes(null));
      const outcomes: Outcomes = { unharmed: 0, refused: 0, partly: 0 };
      const property = fc.asyncProperty(damage, async (one) => {
        rmSync(`${copy}-wal`, { force: true });
        copyFileSync(sound, copy);
        apply(copy, one);
        const given = await answersOf(copy);
        if (given === null) return void outcomes.refused++;
        let refused = 0;
        for (const [question, answer] of given) {
          if (answer === null) refused++;
          else assert.deepEqual(answer, expected.get(question), question);
        }
        if (refused === 0) outcomes.unharmed++;
        else outcomes.partly++;
      });
      await fc.assert(property, { numRuns: runs });
      assert.ok(outcomes.refused > 0 && outcomes.partly > 0, JSON.stringify(outcomes));
    }));
}

damagedFile(
  "SqliteStore answers as before or refuses, whatever bytes of its file are damaged",
  fc.array(fault, { minLength: 1, maxLength: 2 }),
  (path, faults: readonly Fault[]) => faults.forEach((one) => inflict(path, pageBytes, one)),
);

const tables: Readonly<Record<string, string>> = {
  meta: "one",
  shards: "shard",
  actors: "actor",
  cold: "actor",
  outbox: "shard, target, n",
  requests: "shard, n",
  keys: "shard, at_ms, commit_number",
  history: "history",
  dead_letters: "id",
  tallies: "name",
};

/**
 * Columns by which rows are found. A fault of the file cannot change one of them here and in the index alike, and where
 * they differ the file is refused; a hand could, and a row that is filed under another name is not missed under its own.
 * And the owner's name, which is for people.
 */
const indexed: Readonly<Record<string, readonly string[]>> = {
  actors: ["actor", "shard", "due_ms", "kind", "id"],
  history: ["history", "kind", "id", "step_ms", "start_ms", "part"],
  dead_letters: ["id", "at_ms", "kind", "actor_id", "reason"],
  shards: ["owner"],
};

interface RowDamage {
  readonly table: string;
  /** Places among the table's rows, and of a column among its columns. */
  readonly row: number;
  readonly other: number;
  readonly column: number;
  readonly what: "delete" | "take the value of another" | "exchange" | "add one";
}

const rowDamage: fc.Arbitrary<RowDamage> = fc.record({
  table: fc.constantFrom(...Object.keys(tables)),
  row: fc.nat(),
  other: fc.nat(),
  column: fc.nat(),
  what: fc.constantFrom("delete", "take the value of another", "exchange", "add one"),
});

/** As a hand with SQL would: every page and index is right afterwards. */
function damageRow(path: string, { table, row, other, column, what }: RowDamage): void {
  const db = new DatabaseSync(path);
  try {
    const key = tables[table]!;
    const rows = db.prepare(`SELECT ${key} FROM ${table} ORDER BY ${key}`).all();
    const columns = db.prepare(`SELECT name FROM pragma_table_info('${table}')`).all().map(({ name }) =>
      String(name)
    )
      .filter((name) => !indexed[table]?.includes(name));
    const name = columns[column % columns.length]!;
    const where = key.split(", ").map((part) => `${part} = ?`).join(" AND ");
    const keyOf = (place: number) => Object.values(rows[place % rows.length]!);
    const valueOf = (place: number) =>
      db.prepare(`SELECT ${name} FROM ${table} WHERE ${where}`).get(...keyOf(place))![name]!;
    const set = (place: number, value: ReturnType<typeof valueOf>) =>
      db.prepare(`UPDATE OR IGNORE ${table} SET ${name} = ? WHERE ${where}`).run(value, ...keyOf(place));
    const [mine, theirs] = [valueOf(row), valueOf(other)];
    switch (what) {
      case "delete":
        return void db.prepare(`DELETE FROM ${table} WHERE ${where}`).run(...keyOf(row));
      case "take the value of another":
        return void set(row, theirs);
      case "exchange":
        set(row, theirs);
        return void set(other, mine);
      case "add one":
        return void (typeof mine === "number" && set(row, mine + 1));
    }
  } finally {
    db.close();
  }
}

damagedFile(
  "SqliteStore answers as before or refuses, whatever row is lost or has another's values",
  rowDamage,
  damageRow,
);
