/** What `deno task inspect` finds in folders, and what a backup is checked by before it gets its name. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { lookIntoCopy, surveyFolder } from "../../actors/operations/survey.ts";
import { defaultLogLimits } from "../../runtime/log/limits.ts";
import { SqliteLog } from "../../runtime/log/sqlite_log.ts";
import { SqliteStore } from "../../runtime/store/sqlite_store.ts";
import { checkpoint } from "../contract/store_fixtures.ts";
import { tempFolder } from "../services/folder.ts";

const shards = 2;

interface Made {
  /** Frames of 10 kB appended to shard 0; a segment takes some thirty. */
  readonly frames: number;
  /** Last offset of shard 0 that the store says is folded. */
  readonly folded: number;
  /** The store says that it was filled from this log. */
  readonly log?: string;
  /** Frames of shard 0 that are trimmed. */
  readonly trimmed?: number;
}

async function makeFolder(folder: string, { frames, folded, log: named, trimmed = 0 }: Made): Promise<void> {
  const report = (sentence: string) => assert.fail(sentence);
  const limits = { ...defaultLogLimits, segmentBytes: 300_000 };
  const log = new SqliteLog({ directory: join(folder, "log"), shards, clock: Date.now, report, limits });
  for (let n = 0; n < frames; n++) await log.append([{ shard: 0, text: `${n} ${"s".repeat(10_000)}` }]);
  await log.trim(0, trimmed);
  await log.close();
  const store = new SqliteStore({ path: join(folder, "store.db"), shards });
  await store.bindLog(named ?? log.identity);
  const claim = await store.claim(0, "test");
  await store.commit([checkpoint(claim, {
    positions: { mailbox: { offset: folded, index: 0 } },
    actors: [{ id: "a", hot: "hot" }, { id: "b", hot: "hot", cold: "cold" }, {
      kind: "series",
      id: "c",
      hot: "",
    }],
  })]);
  await store.close();
}

function test(name: string, made: Made, body: (folder: string) => void): void {
  Deno.test(`surveyFolder() ${name}`, async () => {
    await using folder = await tempFolder();
    await makeFolder(folder.path, made);
    body(folder.path);
  });
}

const survey = (folder: string) => surveyFolder(folder, lookIntoCopy);

test(
  "finds nothing wrong where store and log fit, and tells what they hold",
  { frames: 100, folded: 60 },
  (folder) => {
    const { store, log, troubles } = survey(folder);
    assert.deepEqual(troubles, []);
    assert.deepEqual(log.extents, [{ begin: 0, end: 100 }, { begin: 0, end: 0 }]);
    assert.equal(log.segments.reduce((sum, { contents }) => sum + (contents?.frames ?? 0), 0), 100);
    assert.deepEqual(store.kinds, [{ kind: "sensor", actors: 2, bytes: 10 }, {
      kind: "series",
      actors: 1,
      bytes: 0,
    }]);
    assert.deepEqual(store.shards.map(({ shard, epoch, commit }) => [shard, epoch, commit]), [[0, 1, 1]]);
  },
);

test("finds positions that are beyond the log", { frames: 100, folded: 100 }, (folder) => {
  assert.deepEqual(survey(folder).troubles, ["Shard 0 goes on at offset 101, and its log has 0 to 100."]);
});

test("finds positions that the log was trimmed above", { frames: 100, folded: 3, trimmed: 90 }, (folder) => {
  const { log, troubles } = survey(folder);
  const begin = log.extents[0]?.begin ?? 0;
  assert.ok(begin > 4, `it begins at ${begin}`);
  assert.deepEqual(troubles, [`Shard 0 goes on at offset 4, and its log has ${begin} to 100.`]);
});

test("finds positions right that are at the log's very end", { frames: 100, folded: 99 }, (folder) => {
  assert.deepEqual(survey(folder).troubles, []);
});

test("finds another store's log", { frames: 1, folded: 0, log: "another" }, (folder) => {
  assert.deepEqual(survey(folder).troubles, ["The log is not the one that the store was filled from."]);
});

test("finds a segment that is missing", { frames: 100, folded: 60 }, (folder) => {
  Deno.removeSync(join(folder, "log", "00000002.db"));
  const { troubles } = survey(folder);
  assert.match(troubles[0] ?? "", /^Segment 00000003\.db: the one before it is missing\.$/);
});

test("finds a frame that was changed, and reads the others", { frames: 100, folded: 60 }, (folder) => {
  const db = new DatabaseSync(join(folder, "log", "00000001.db"));
  db.exec("UPDATE frame SET text = x'00' WHERE n IN (3, 4)");
  db.close();
  const { log, troubles } = survey(folder);
  assert.match(troubles.join(), /^Segment 00000001\.db: 2 of its \d+ frames are damaged\.$/);
  assert.deepEqual(log.extents[0], { begin: 0, end: 100 });
});

test(
  "finds a shard's row that was changed, and reads the rest",
  { frames: 100, folded: 90, trimmed: 80 },
  (folder) => {
    const db = new DatabaseSync(join(folder, "store.db"));
    db.exec("UPDATE shards SET commit_number = 7");
    db.close();
    const { store, troubles } = survey(folder);
    assert.match(troubles.join("\n"), /^Shard 0: Cannot read the row of shard 0: its checksum is.*$/);
    assert.equal(store.kinds.length, 2);
  },
);

test("tells of what is not there", { frames: 1, folded: 0 }, (folder) => {
  Deno.removeSync(join(folder, "store.db"));
  Deno.removeSync(join(folder, "log"), { recursive: true });
  const { store, log, troubles } = survey(folder);
  assert.deepEqual([store.meta, log.log], [null, null]);
  assert.match(troubles.join("\n"), /^The store: .*no such file.*\nThe log's folder: .*no such file/i);
});
