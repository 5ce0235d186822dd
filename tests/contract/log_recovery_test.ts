/** The embedded log over restarts: what was acknowledged is there, and goes on where it was. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { cpSync, rmSync } from "node:fs";
import { createInterface } from "node:readline";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { DatabaseSync } from "node:sqlite";
import { crc32 } from "node:zlib";
import type { MailboxLog } from "../../runtime/log/port.ts";
import { withFolder } from "../services/folder.ts";
import { within } from "../services/within.ts";
import { Collector, range } from "./log_collector.ts";
import { readAll, rejectsWith } from "./log_contract.ts";
import { openLog, segmentFiles, tinyLimits } from "./log_folders.ts";

const kilobyte = "k".repeat(1000);

/** Appends frames one by one, so that segments roll between them. */
async function fill(log: MailboxLog, shard: number, count: number): Promise<void> {
  for (const n of range(0, count)) await log.append([{ shard, text: `${n} ${kilobyte}` }]);
}

Deno.test("SqliteLog has every frame and goes on from the next offset when it is opened again", async () => {
  await withFolder(async (directory) => {
    const first = openLog(directory, { limits: tinyLimits });
    await fill(first, 1, 400);
    await fill(first, 2, 3);
    const before = await readAll(first, 1, 0);
    await first.close();
    assert(segmentFiles(directory).length > 3, "the segments have rolled");

    const again = openLog(directory, { limits: tinyLimits });
    assert.deepEqual(await again.extent(1), { begin: 0, end: 400 });
    assert.deepEqual((await readAll(again, 1, 0)).frames, before.frames);
    const receipts = await again.append([{ shard: 1, text: "a" }, { shard: 2, text: "b" }, {
      shard: 3,
      text: "c",
    }]);
    assert.deepEqual(receipts.map(({ offset }) => offset), [400, 3, 0]);
    await again.close();
  });
});

Deno.test("SqliteLog never restarts offsets or stamps when all frames of a shard were trimmed", async () => {
  await withFolder(async (directory) => {
    let nowMs = 5000;
    const clock = () => nowMs;
    const first = openLog(directory, { limits: tinyLimits, clock });
    await first.append([{ shard: 3, text: "the only one" }]);
    await first.trim(3, 1);
    await fill(first, 0, 300);
    await first.trim(0, 300);
    await fill(first, 0, 300);
    assert.deepEqual(await first.extent(3), { begin: 1, end: 1 });
    await first.close();

    nowMs = 1000;
    const again = openLog(directory, { limits: tinyLimits, clock });
    const { begin } = await again.extent(0);
    assert(begin > 0, "segments were removed");
    await rejectsWith("out_of_range", again.subscribe(3, 0, () => {}));
    assert.deepEqual(await again.append([{ shard: 3, text: "another" }]), [{ offset: 1, stampMs: 5000 }]);
    await again.close();
  });
});

Deno.test("SqliteLog removes exactly the segments in which every frame of every shard is trimmed", async () => {
  await withFolder(async (directory) => {
    const log = openLog(directory, { limits: tinyLimits });
    await log.append([{ shard: 2, text: "holds the first segment" }]);
    await fill(log, 0, 300);
    await log.trim(0, 300);
    assert.deepEqual(await log.extent(0), { begin: 0, end: 300 });
    await log.trim(2, 1);
    const { begin } = await log.extent(0);
    assert(begin > 100 && begin < 300, `begins at ${begin}`);
    assert.deepEqual((await readAll(log, 0, begin)).offsets, range(begin, 300));
    await log.close();
    assert(segmentFiles(directory).length <= 2, "the segment in use and a spare are left");
  });
});

Deno.test("SqliteLog takes a spare into use though an earlier attempt left base offsets in it", async () => {
  await withFolder(async (directory) => {
    const first = openLog(directory, { limits: { ...tinyLimits, segmentBytes: 300_000 } });
    await fill(first, 0, 150);
    await first.close();
    const spare = new DatabaseSync(segmentFiles(directory).at(-1) ?? "");
    assert.equal(spare.prepare("SELECT count(*) AS frames FROM frame").get()?.frames, 0);
    spare.function("crc", (identity) => crc32(`${identity}/4/1/7,0,0,0`));
    spare.exec(
      "INSERT OR REPLACE INTO base VALUES (0, 7), (1, 0), (2, 0), (3, 0);" +
        "UPDATE log SET base_stamp_ms = 1, crc = crc(identity)",
    );
    spare.close();

    const again = openLog(directory, { limits: tinyLimits });
    await fill(again, 0, 150);
    await again.close();
    const third = openLog(directory);
    assert.deepEqual((await readAll(third, 0, 0)).offsets, range(0, 300));
    await third.close();
  });
});

Deno.test("SqliteLog has every acknowledged frame when it opens a copy of its folder", async () => {
  await withFolder(async (directory) => {
    const log = openLog(directory, { limits: tinyLimits });
    const copy = `${directory}-copy`;
    await fill(log, 0, 250);
    cpSync(directory, copy, { recursive: true });
    await log.close();
    try {
      const copied = openLog(copy, { limits: tinyLimits });
      assert.deepEqual((await readAll(copied, 0, 0)).offsets, range(0, 250));
      await copied.close();
    } finally {
      rmSync(copy, { recursive: true });
    }
  });
});

Deno.test("SqliteLog has every acknowledged frame, dense, when its process was killed", async () => {
  await withFolder(async (directory) => {
    for (const minAcknowledged of [40, 150, 400]) {
      const acknowledged = await appendUntilKilled(directory, minAcknowledged);
      const log = openLog(directory, { limits: tinyLimits });
      for (const shard of range(0, 4)) {
        const { begin, end } = await log.extent(shard);
        assert.equal(begin, 0);
        assert(
          end >= (acknowledged[shard] ?? 0),
          `shard ${shard} ends at ${end}, not ${acknowledged[shard]}`,
        );
        assert.deepEqual((await readAll(log, shard, 0)).offsets, range(0, end));
      }
      await log.close();
    }
  });
});

/** Runs a process that appends and says what was acknowledged; kills it. Returns the end of each shard. */
async function appendUntilKilled(directory: string, minAcknowledged: number): Promise<number[]> {
  const program = fileURLToPath(new URL("./log_appender.ts", import.meta.url));
  const child = spawn(process.execPath, ["run", "--no-prompt", "-A", program, directory], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = new Promise((resolve) => child.on("close", resolve));
  const ends = [0, 0, 0, 0];
  let lines = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    const [shard, offset] = line.split(" ").map(Number);
    if (shard !== undefined && offset !== undefined) ends[shard] = offset + 1;
    if (++lines === minAcknowledged) child.kill("SIGKILL");
  }
  await within("the killed process to end", exited);
  assert(lines >= minAcknowledged);
  return ends;
}

// What a failing disk does to a commit cannot be provoked without one; a statement that fails in its place can.
for (
  const { stored, code } of [{ stored: false, code: "unavailable" }, {
    stored: true,
    code: "unknown",
  }] as const
) {
  Deno.test(`SqliteLog reads its file anew when a commit fails and ${stored ? "was" : "was not"} carried out`, async () => {
    await withFolder(async (directory) => {
      const prepare = DatabaseSync.prototype.prepare;
      let failures = 0;
      DatabaseSync.prototype.prepare = function (sql: string) {
        const statement = prepare.call(this, sql);
        if (sql !== "COMMIT") return statement;
        return Object.assign(Object.create(statement), {
          run: () => {
            if (failures === 0) return statement.run();
            failures--;
            if (stored) statement.run();
            throw new Error("disk I/O error");
          },
          all: () => statement.all(),
        });
      };
      try {
        const log = openLog(directory);
        await log.append([{ shard: 0, text: "first" }]);
        const collector = new Collector();
        (await log.subscribe(0, 0, collector.deliver)).grant(1 << 20);
        failures = 1;
        await rejectsWith(code, log.append([{ shard: 0, text: "doubtful" }]));
        await log.append([{ shard: 0, text: "last" }]);
        const texts = stored ? ["first", "doubtful", "last"] : ["first", "last"];
        await collector.count(texts.length);
        assert.deepEqual(collector.texts, texts);
        assert.deepEqual(await log.extent(0), { begin: 0, end: texts.length });
        await log.close();
      } finally {
        DatabaseSync.prototype.prepare = prepare;
      }
    });
  });
}
