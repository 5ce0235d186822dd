/** What only a store with a file can meet: foreign and damaged files, a full disk, a killed process. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { spawn } from "node:child_process";
import { execPath } from "node:process";
import { fileURLToPath } from "node:url";
import { DatabaseSync } from "node:sqlite";
import { crc32 } from "node:zlib";
import { StoreError, type StoreErrorCode } from "../../runtime/store/port.ts";
import { SqliteStore } from "../../runtime/store/sqlite_store.ts";
import { pageBytes } from "../../runtime/store/limits.ts";
import { schemaVersion } from "../../runtime/store/schema.ts";
import { actorRows, checkpoint, deadLetter, minuteMs, shardCount, textOf } from "./store_fixtures.ts";
import { actorsPerCommit } from "./store_writer_child.ts";

function test(name: string, body: (path: string) => Promise<void>): void {
  Deno.test(name, async () => {
    const folder = await Deno.makeTempDir({ prefix: "store-" });
    try {
      await body(join(folder, "store.db"));
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
}

function failsWith(code: StoreErrorCode, sentence: RegExp): (thrown: unknown) => boolean {
  return (thrown) => {
    assert.ok(thrown instanceof StoreError, `a StoreError, not ${String(thrown)}`);
    assert.equal(thrown.code, code, thrown.message);
    assert.match(thrown.message, sentence);
    return true;
  };
}

const open = (path: string, shards = shardCount) => new SqliteStore({ path, shards });

async function makeStore(path: string): Promise<void> {
  await open(path).close();
}

/** Opening must fail and leave the file as it is. */
function assertRefused(path: string, sentence: RegExp, shards = shardCount): void {
  const before = Deno.readFileSync(path);
  assert.throws(() => open(path, shards), failsWith("corrupt", sentence));
  assert.deepEqual(Deno.readFileSync(path), before);
}

test("SqliteStore() refuses a file that is not SQLite's", async (path) => {
  for (const content of ["", "short", "garbage ".repeat(2000)]) {
    await Deno.writeTextFile(path, content);
    assertRefused(path, /Cannot open the store .*store\.db: it is not a SQLite file; choose another/);
  }
  assert.deepEqual([...Deno.readDirSync(join(path, ".."))].map(({ name }) => name), ["store.db"]);
});

test("SqliteStore() refuses another program's database", (path) => {
  const db = new DatabaseSync(path);
  db.exec("CREATE TABLE precious (x)");
  db.close();
  assertRefused(path, /it belongs to another program/);
  return Promise.resolve();
});

test("SqliteStore() refuses a newer version", async (path) => {
  await makeStore(path);
  const db = new DatabaseSync(path);
  db.exec(`PRAGMA user_version = ${schemaVersion + 1}`);
  db.close();
  assertRefused(path, /format version 5, and this program knows up to 4; use the newer program/);
});

/**
 * Makes of the file what an earlier version wrote: 3 knew no times of shards; 1 and 2 had checksums over rows alone, and
 * no counts but those of actors.
 */
function makeOlder(path: string, version: 1 | 2 | 3): void {
  const db = new DatabaseSync(path);
  db.exec(`ALTER TABLE shards DROP COLUMN committed_at_ms; PRAGMA user_version = ${version}`);
  if (version < 3) uncover(db, version);
  db.close();
}

function uncover(db: DatabaseSync, version: number): void {
  db.function("old_crc", (row) => crc32(row as string | Uint8Array));
  const rows = {
    actors: "hot",
    cold: "row",
    history: "row",
    outbox: "frame",
    keys: "hashes",
    dead_letters: "letter",
  };
  for (const [table, row] of Object.entries({ ...rows, requests: "request" })) {
    db.exec(`UPDATE ${table} SET crc = old_crc(${row})`);
  }
  db.exec(`
    ALTER TABLE actors DROP COLUMN has_cold;
    DROP TABLE tallies;
    CREATE TABLE kinds (kind TEXT PRIMARY KEY, actors INTEGER NOT NULL) WITHOUT ROWID;
    INSERT INTO kinds SELECT kind, count(*) FROM actors GROUP BY kind;
  `);
  if (version === 1) db.exec("DROP TABLE requests");
}

for (const version of [1, 2, 3] as const) {
  test(`SqliteStore() brings a file of version ${version} up to date, with all that is in it`, async (path) => {
    const request = { n: 1, kind: "sensor", id: "a", service: "s", body: "1", dueMs: 5 };
    const actors = [{ id: "a", hot: "hot", cold: "cold", dueMs: 7 }, { id: "b", hot: "damaged-hot" }];
    const history = [{ id: "a", startMs: 0, part: 0, row: "h" }, { id: "a", startMs: 0, part: 3, row: "i" }];
    const outbox = [{ target: 1, n: 1, text: "frame" }];
    const keys = { atMs: 5, hashes: new Uint8Array(16) };
    const letter = deadLetter("0-7-0");
    const store = open(path);
    const claim = await store.claim(0, "a");
    const requests = version === 1 ? [] : [request];
    await store.commit([
      checkpoint(claim, { actors, history, outbox, keys, requests, deadLetters: [letter] }),
    ]);
    await store.close();
    makeOlder(path, version);
    await damage(path, "damaged-hot");

    const migrated = open(path);
    assert.deepEqual(await migrated.rows(), [
      { shard: 0, epoch: 1, owner: "a", positions: {}, commit: 1, committedAtMs: 0 },
    ]);
    const next = await migrated.claim(0, "b");
    assert.deepEqual([next.outbox, next.requests, next.keys.length], [outbox, requests, 16]);
    assert.deepEqual(actorRows(await migrated.load(0, [{ kind: "sensor", id: "a" }])), [
      { kind: "sensor", ...actors[0] },
    ]);
    await assert.rejects(
      migrated.load(0, [{ kind: "sensor", id: "b" }]),
      failsWith("corrupt", /its checksum/),
    );
    const read = await migrated.history({ kind: "sensor", id: "a" }, {
      stepMs: minuteMs,
      fromMs: 0,
      toMs: 1,
      limit: 9,
    });
    assert.deepEqual(read.map(({ row }) => textOf(row)), ["h", "i"]);
    assert.deepEqual(await migrated.countActors(), [{ kind: "sensor", count: 2 }]);
    assert.deepEqual((await migrated.deadLetter(letter.id))?.detail, letter.detail);
    await migrated.commit([checkpoint(next, { requests: [{ ...request, n: 2 }] })]);
    await migrated.close();
    const again = open(path);
    assert.equal((await again.claim(0, "c")).requests.length, requests.length + 1);
    await again.close();
  });
}

/** What a table loses, and where that is noticed. */
const losses: readonly {
  readonly table: string;
  readonly sql?: string;
  readonly sentence: RegExp;
}[] = [
  {
    table: "shards",
    sql: "DELETE FROM shards WHERE shard = 0",
    sentence: /Cannot read shards of shard 0: 0 rows are there where 1 were written/,
  },
  {
    table: "shards",
    sql: "UPDATE shards SET shard = 2 WHERE shard = 0",
    sentence: /Cannot read shards of shard 0: 0 rows are there where 1 were written/,
  },
  { table: "actors", sentence: /of the table actors, 1 rows are there where 2 were written/ },
  { table: "history", sentence: /of the table history, 1 rows are there where 2 were written/ },
  { table: "dead_letters", sentence: /of the table dead_letters, 1 rows are there where 2 were written/ },
  { table: "outbox", sentence: /Cannot read outbox of shard 0: 1 rows are there where 2 were written/ },
  { table: "requests", sentence: /Cannot read requests of shard 0: 1 rows are there where 2 were written/ },
  { table: "keys", sentence: /Cannot read keys of shard 0: 1 rows are there where 2 were written/ },
  { table: "cold", sentence: /Cannot read the snapshot of sensor\/a: its second row is missing/ },
  {
    table: "tallies",
    sql: "DELETE FROM tallies WHERE name = 'history'",
    sentence: /history, 2 rows .* where 0/,
  },
  {
    table: "tallies",
    sql: "UPDATE tallies SET rows = rows - 1",
    sentence: /the number of rows of .* checksum/,
  },
  {
    table: "actors",
    sql: "UPDATE actors SET id = 'z' WHERE id = 'a'",
    sentence: /Cannot read the snapshot of sensor\/z: its checksum/,
  },
  {
    table: "cold",
    sql:
      "UPDATE cold SET row = (SELECT row FROM cold WHERE actor = 2), crc = (SELECT crc FROM cold WHERE actor = 2)",
    sentence: /Cannot read the snapshot of sensor\/a: its checksum/,
  },
  {
    table: "history",
    sql: "UPDATE history SET start_ms = 120000 WHERE start_ms = 0",
    sentence: /Cannot read the history of sensor\/a: its checksum/,
  },
  {
    table: "dead_letters",
    sql: "UPDATE dead_letters SET reason = 'other'",
    sentence: /Cannot read the dead letter 0-7-\d: it was found by what is not its own/,
  },
  {
    table: "outbox",
    sql: "UPDATE outbox SET n = 5 WHERE n = 2",
    sentence: /Cannot read the outbox of shard 0: its checksum/,
  },
];

for (const { table, sql, sentence } of losses) {
  const done = sql ?? `DELETE FROM ${table} WHERE rowid = 1`;
  test(`SqliteStore() notices it when ${table} has lost or changed a row: ${done.slice(0, 50)}`, async (path) => {
    const request = { n: 1, kind: "sensor", id: "a", service: "s", body: "1", dueMs: 5 };
    const store = open(path);
    const [claim] = [await store.claim(0, "a"), await store.claim(1, "a")];
    const outbox = [1, 2].map((n) => ({ target: 1, n, text: "frame" }));
    const first = checkpoint(claim, {
      actors: [{ id: "a", hot: "a", cold: "c" }, { id: "b", hot: "b", cold: "d" }],
      history: [{ id: "a", startMs: 0, part: 0, row: "h" }, { id: "a", startMs: 60_000, part: 0, row: "h" }],
      outbox,
      requests: [request, { ...request, n: 2 }],
      keys: { atMs: 1, hashes: new Uint8Array(16) },
      deadLetters: [deadLetter("0-7-0"), deadLetter("0-7-1")],
    });
    await store.commit([first]);
    await store.commit([
      checkpoint({ ...claim, commit: 1 }, { keys: { atMs: 2, hashes: new Uint8Array(16) } }),
    ]);
    await store.close();
    const db = new DatabaseSync(path);
    const hasRowid = !["outbox", "requests", "keys"].includes(table);
    db.exec(
      sql ?? (hasRowid ? done : `DELETE FROM ${table} WHERE (SELECT count(*) FROM ${table}) = 2 AND ` +
        (table === "keys" ? "at_ms = 1" : "n = 1")),
    );
    db.close();
    await assert.rejects(async () => {
      const damagedStore = open(path);
      try {
        await damagedStore.claim(0, "b");
        for (const id of ["a", "z"]) await damagedStore.load(0, [{ kind: "sensor", id }]);
        await damagedStore.history({ kind: "sensor", id: "a" }, {
          stepMs: minuteMs,
          fromMs: 0,
          toMs: 1_000_000,
          limit: 9,
        });
        await damagedStore.deadLetters({ after: null, limit: 9 });
      } finally {
        await damagedStore.close();
      }
    }, failsWith("corrupt", sentence));
  });
}

test("SqliteStore() refuses a file of ours whose tables are others", async (path) => {
  for (const sql of ["ALTER TABLE meta DROP COLUMN log", "DROP TABLE meta", "DROP TABLE history"]) {
    await makeStore(path);
    const db = new DatabaseSync(path);
    db.exec(sql);
    db.close();
    assertRefused(path, /Cannot open the store .*no such (column|table): \w+; restore the whole data folder/);
    await Deno.remove(path);
  }
});

test("SqliteStore() refuses another shard count and names the right one", async (path) => {
  await makeStore(path);
  assertRefused(path, /made for 8 shards, not 16; start with --shards 8/, 16);
});

test("SqliteStore() refuses a file that is cut short", async (path) => {
  await makeStore(path);
  await Deno.truncate(path, 3 * 8192 + 100);
  assertRefused(path, /malformed/);
});

/** Writes the same bytes, that mean nothing, over every seventh page but the first. */
async function scribble(path: string): Promise<void> {
  const bytes = await Deno.readFile(path);
  for (let at = 7 * pageBytes; at < bytes.length; at += 7 * pageBytes) {
    for (let place = at; place < at + pageBytes; place++) bytes[place] = (place * 167 + 13) % 251;
  }
  await Deno.writeFile(path, bytes);
}

test("SqliteStore() refuses, in one line, a file with damaged pages in its middle", async (path) => {
  const store = open(path);
  const claim = await store.claim(0, "a");
  const actors = Array.from({ length: 500 }, (_, n) => ({ id: `a${n}`, hot: "h".repeat(1000) }));
  await store.commit([checkpoint(claim, { actors })]);
  await store.close();
  await scribble(path);
  assertRefused(
    path,
    /^Cannot open the store [^\n]*: it is damaged \([^\n]*\); restore the whole data folder[^\n]*$/,
  );
});

test("SqliteStore() refuses to start anew beside the log of a lost file", async (path) => {
  await Deno.writeTextFile(`${path}-wal`, "committed things");
  assert.throws(() => open(path), failsWith("corrupt", /only its log .*store\.db-wal is there/));
});

test("SqliteStore() says unavailable when the folder does not exist", (path) => {
  assert.throws(() => open(join(path, "store.db")), failsWith("unavailable", /unable to open database file/));
  return Promise.resolve();
});

test("SqliteStore() keeps the file's identity and starts over after an unfinished creation", async (path) => {
  await Deno.writeTextFile(`${path}.new`, "half a file");
  const first = open(path);
  await first.close();
  const second = open(path);
  await second.close();
  assert.equal(second.meta.identity, first.meta.identity);
  assert.match(first.meta.identity, /^[0-9a-f-]{36}$/);
});

/** Overwrites the only place of `text` in the file. */
async function damage(path: string, text: string): Promise<void> {
  const bytes = Buffer.from(await Deno.readFile(path));
  const at = bytes.indexOf(text);
  assert.ok(at >= 0 && bytes.indexOf(text, at + 1) < 0, `${text} stands once in the file`);
  bytes.write("#", at);
  await Deno.writeFile(path, bytes);
}

test("a row whose bytes changed on disk is refused as corrupt, and only that row", async (path) => {
  const store = open(path);
  const claim = await store.claim(0, "a");
  await store.commit([checkpoint(claim, {
    positions: { "damaged-topic": { offset: 1, index: 0 } },
    actors: [{ id: "a", hot: "damaged-hot" }, { id: "b", hot: "b", cold: "damaged-cold" }, {
      id: "c",
      hot: "c",
    }],
    history: [{ id: "a", startMs: 0, part: 0, row: "damaged-history" }],
  })]);
  const other = await store.claim(2, "a");
  const request = { n: 1, kind: "sensor", id: "a", service: "damaged-request", body: "1", dueMs: 5 };
  await store.commit([checkpoint(other, { requests: [request] })]);
  await store.close();
  for (const text of ["topic", "hot", "cold", "history", "request"].map((what) => `damaged-${what}`)) {
    await damage(path, text);
  }
  const reopened = open(path);
  const checksum = failsWith("corrupt", /its checksum is \d+, stored was \d+/);
  await assert.rejects(reopened.claim(0, "b"), checksum);
  await assert.rejects(reopened.claim(2, "b"), checksum);
  await assert.rejects(reopened.load(0, [{ kind: "sensor", id: "a" }]), checksum);
  await assert.rejects(reopened.load(0, [{ kind: "sensor", id: "b" }]), checksum);
  await assert.rejects(
    reopened.history({ kind: "sensor", id: "a" }, { stepMs: 60_000, fromMs: 0, toMs: 1, limit: 1 }),
    checksum,
  );
  assert.deepEqual((await reopened.load(0, [{ kind: "sensor", id: "c" }])).ids, ["c"]);
  assert.equal((await reopened.claim(1, "b")).epoch, 1);
  await reopened.close();
});

test("commit() says full when the disk is, changes nothing, and goes on when there is space", async (path) => {
  const store = new SqliteStore({ path, shards: shardCount, maxBytes: 1024 * 1024 });
  let claim = await store.claim(0, "a");
  const commitHistory = async () => {
    const history = [{ id: "a", startMs: claim.commit, part: 0, row: "x".repeat(100_000) }];
    await store.commit([
      checkpoint(claim, { history, actors: [{ id: "a", hot: String(claim.commit + 1) }] }),
    ]);
    claim = { ...claim, commit: claim.commit + 1 };
  };
  await assert.rejects(async () => {
    for (let i = 0; i < 20; i++) await commitHistory();
  }, failsWith("full", /Cannot commit shards 0 .*database or disk is full/));
  assert.ok(claim.commit > 3, "some commits fit");
  const [actor] = actorRows(await store.load(0, [{ kind: "sensor", id: "a" }]));
  assert.equal(actor?.hot, String(claim.commit));
  assert.equal(await store.expireHistory(3, 100), 3);
  await commitHistory();
  await store.close();
});

/** Runs the writing child until it has acknowledged `commits`, kills it, and answers the last one per shard. */
async function killWhileWriting(path: string, commits: number): Promise<Map<number, number>> {
  const script = fileURLToPath(new URL("./store_writer_child.ts", import.meta.url));
  const child = spawn(execPath, ["run", "--allow-all", "--no-check", script, path], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = new Promise((resolve) => child.once("exit", resolve));
  const acknowledged = new Map<number, number>();
  let seen = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    const match = /^(\d+) (\d+)$/.exec(line);
    // A line may be cut short by the kill.
    if (match === null) continue;
    acknowledged.set(Number(match[1]), Number(match[2]));
    if (++seen === commits) child.kill("SIGKILL");
  }
  await exited;
  assert.ok(seen >= commits, `the child made ${seen} of ${commits} commits and ended by itself`);
  return acknowledged;
}

async function assertWhole(store: SqliteStore, shard: number, atLeast: number): Promise<void> {
  const { commit, positions, outbox } = await store.claim(shard, "verifier");
  assert.ok(commit >= atLeast, `shard ${shard}: commit ${atLeast} was acknowledged, ${commit} is there`);
  assert.equal(positions.mailbox?.offset, commit);
  assert.deepEqual(outbox.map(({ n }) => n), [commit]);
  const ids = Array.from(
    { length: actorsPerCommit },
    (_, index) => ({ kind: "sensor", id: `${shard}-${index}` }),
  );
  const rows = actorRows(await store.load(shard, ids));
  assert.equal(rows.length, actorsPerCommit);
  for (const { hot, cold } of rows) {
    assert.equal(hot, String(commit).padEnd(400, "."));
    assert.equal(cold, String(commit).padEnd(900, "."));
  }
  const history = await store.history({ kind: "sensor", id: `${shard}-0` }, {
    stepMs: 60_000,
    fromMs: 0,
    toMs: 1,
    limit: 1_000_000,
  });
  assert.deepEqual(
    history.map(({ row }) => Number(textOf(row))),
    Array.from({ length: commit }, (_, i) => i + 1),
  );
}

test("every acknowledged commit is there and none is half there after kill -9", async (path) => {
  for (const commits of [9, 203, 407]) {
    const acknowledged = await killWhileWriting(path, commits);
    const store = open(path);
    for (const [shard, commit] of acknowledged) await assertWhole(store, shard, commit);
    await store.close();
  }
});
