/** What the embedded log says of files that are not as they should be; it never touches them. */

import assert from "node:assert/strict";
import { closeSync, openSync, readFileSync, rmSync, truncateSync, writeFileSync, writeSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { LogError, type LogErrorCode } from "../../runtime/log/port.ts";
import type { SqliteLogOptions } from "../../runtime/log/sqlite_log.ts";
import { withFolder } from "../services/folder.ts";
import { within } from "../services/within.ts";
import { Collector, range } from "./log_collector.ts";
import { contents, openLog, segmentFiles, tinyLimits } from "./log_folders.ts";

/** Opening fails with a sentence, and every file stays as it is. */
function refuses(directory: string, sentence: RegExp, code: LogErrorCode = "corrupt", shards = 4): void {
  const before = contents(directory);
  assert.throws(() => openLog(directory, { shards }), (thrown) => {
    assert(thrown instanceof LogError, String(thrown));
    assert.match(thrown.message, sentence);
    assert.equal(thrown.code, code, thrown.message);
    assert.doesNotMatch(thrown.message, /\n|move the log folder away/);
    return true;
  });
  assert.deepEqual([...contents(directory).keys()], [...before.keys()]);
  for (const [name, bytes] of before) assert(contents(directory).get(name) === bytes, `${name} was changed`);
}

/** A closed log of several segments, with frames of shard 0. Returns its segment files. */
async function makeLog(directory: string, options: Partial<SqliteLogOptions> = {}): Promise<string[]> {
  const log = openLog(directory, { limits: tinyLimits, ...options });
  for (const n of range(0, 250)) await log.append([{ shard: 0, text: `${n} ${"k".repeat(1000)}` }]);
  await log.close();
  const files = segmentFiles(directory);
  assert(files.length >= 3);
  return files;
}

function damage(path: string, position: number, bytes: Uint8Array): void {
  const file = openSync(path, "r+");
  writeSync(file, bytes, 0, bytes.length, position);
  closeSync(file);
}

function alter(path: string, sql: string): void {
  const db = new DatabaseSync(path);
  db.exec(sql);
  db.close();
}

interface Damage {
  readonly what: string;
  readonly sentence: RegExp;
  inflict(files: string[], directory: string): void;
}

const damages: readonly Damage[] = [
  {
    what: "a file that is not SQLite",
    sentence: /00000001\.db is not an SQLite database; move it away/,
    inflict: ([first]) => writeFileSync(first ?? "", "a letter to my grandmother"),
  },
  {
    what: "an empty file",
    sentence: /00000002\.db is not an SQLite database/,
    inflict: ([, second]) => writeFileSync(second ?? "", ""),
  },
  {
    what: "a database of another program",
    sentence: /00000001\.db is an SQLite database of another program \(application id 0x7b\)/,
    inflict: ([first]) => {
      rmSync(first ?? "");
      alter(first ?? "", "PRAGMA application_id=123; CREATE TABLE recipe (name TEXT)");
    },
  },
  {
    what: "a newer format",
    sentence: /has format version 3; this program reads up to 2: start the version that wrote it/,
    inflict: ([first]) => alter(first ?? "", "PRAGMA user_version=3"),
  },
  {
    what: "a file cut short",
    sentence: /00000001\.db is damaged/,
    inflict: ([first]) => truncateSync(first ?? "", 40_000),
  },
  {
    what: "overwritten pages",
    sentence: /00000002\.db is damaged \([^;]+\); restore the whole data folder from a backup, or start with/,
    inflict: ([, second]) => damage(second ?? "", 3 * 16384, new Uint8Array(2 * 16384).fill(0xaa)),
  },
  {
    what: "a missing segment",
    sentence: /00000002\.db is missing before .*00000003\.db/,
    inflict: ([, second]) => rmSync(second ?? ""),
  },
  {
    what: "a gap between segments",
    sentence: /00000002\.db begins shard 0 at offset \d+; \d+ would follow .*00000001\.db/,
    inflict: ([first]) => alter(first ?? "", "DELETE FROM frame WHERE n = (SELECT max(n) FROM frame)"),
  },
  {
    what: "a gap within a segment",
    sentence: /00000001\.db holds offset 6 of shard 0 where 5 should follow/,
    inflict: ([first]) => alter(first ?? "", "DELETE FROM frame WHERE n = 6"),
  },
  {
    what: "a spare whose predecessors are gone",
    sentence: /holds no base offsets; restore it, or the one before it, from a backup/,
    inflict: (files) => files.slice(0, -1).forEach((file) => rmSync(file)),
  },
  {
    what: "a segment of another log",
    sentence: /00000002\.db belongs to another log/,
    inflict: ([, second]) => alter(second ?? "", "UPDATE log SET identity = 'another'"),
  },
  {
    what: "a last frame with another stamp, which would be the log's clock",
    sentence: /Cannot read offset \d+ of shard 0: its row in .* does not match its checksum/,
    // The last file may be a spare.
    inflict: (files) =>
      files.forEach((file) =>
        alter(file, "UPDATE frame SET stamp_ms = stamp_ms * 2 WHERE n = (SELECT max(n) FROM frame)")
      ),
  },
  {
    what: "another stamp before the first frame",
    sentence: /00000002\.db does not match the checksum of what it says about itself; restore the whole/,
    inflict: ([, second]) => alter(second ?? "", "UPDATE log SET base_stamp_ms = base_stamp_ms + 1"),
  },
  {
    what: "other first offsets",
    sentence: /00000001\.db does not match the checksum of what it says about itself/,
    inflict: ([first]) => alter(first ?? "", "UPDATE base SET offset = 7 WHERE shard = 2"),
  },
  {
    what: "missing tables",
    sentence: /00000001\.db is damaged \(no such table: log\)/,
    inflict: ([first]) => alter(first ?? "", "DROP TABLE log"),
  },
];

for (const { what, sentence, inflict } of damages) {
  Deno.test(`SqliteLog refuses, untouched, with a sentence when it finds ${what}`, async () => {
    await withFolder(async (directory) => {
      inflict(await makeLog(directory), directory);
      refuses(directory, sentence);
    });
  });
}

Deno.test("SqliteLog goes on with a log of the first version, whose segments have no checksum of their own", async () => {
  await withFolder(async (directory) => {
    for (const file of await makeLog(directory)) {
      alter(file, "ALTER TABLE log DROP COLUMN crc; PRAGMA user_version = 1");
    }
    const log = openLog(directory, { limits: tinyLimits });
    for (const n of range(250, 500)) await log.append([{ shard: 0, text: `${n} ${"k".repeat(1000)}` }]);
    await log.close();
    const again = openLog(directory);
    assert.deepEqual(await again.extent(0), { begin: 0, end: 500 });
    await again.close();
  });
});

Deno.test("SqliteLog refuses another number of shards with a sentence", async () => {
  await withFolder(async (directory) => {
    await makeLog(directory, { shards: 8 });
    refuses(directory, /The data folder has 8 shards .* start with --shards 8 or another --data\./);
  });
});

Deno.test("SqliteLog refuses a folder that is in use", async () => {
  await withFolder(async (directory) => {
    const log = openLog(directory);
    assert.throws(() => openLog(directory), { code: "unavailable", message: /is in use by another process/ });
    await log.append([{ shard: 0, text: "still at work" }]);
    await log.close();
  });
});

Deno.test("SqliteLog ignores and keeps files of other names", async () => {
  await withFolder(async (directory) => {
    await makeLog(directory);
    writeFileSync(join(directory, "notes.txt"), "mine");
    writeFileSync(join(directory, "00000099.db.new"), "left behind by a crash");
    const log = openLog(directory);
    assert.deepEqual(await log.extent(0), { begin: 0, end: 250 });
    await log.close();
    assert.equal(readFileSync(join(directory, "notes.txt"), "utf8"), "mine");
    assert(!contents(directory).has("00000099.db.new"));
  });
});

Deno.test("SqliteLog ends the subscription with a LogError when a frame does not match its checksum", async () => {
  await withFolder(async (directory) => {
    const [first] = await makeLog(directory);
    alter(first ?? "", "UPDATE frame SET text = CAST('x' || substr(text, 2) AS BLOB) WHERE n = 8");
    const log = openLog(directory);
    const collector = new Collector();
    const ended = new Promise<unknown>((resolve) => {
      void log.subscribe(0, 0, collector.deliver, resolve).then((subscription) => subscription.grant(5000));
      void collector.count(5).then(() => log.subscribe(0, 7, collector.deliver, resolve))
        .then((subscription) => subscription.grant(1));
    });
    const error = await within("the end of the subscription", ended);
    assert(error instanceof LogError && error.code === "corrupt");
    assert.match(
      error.message,
      /Cannot read offset 7 of shard 0: its row in .*00000001\.db does not match its checksum/,
    );
    assert(!collector.offsets.includes(7));
    await log.close();
  });
});
