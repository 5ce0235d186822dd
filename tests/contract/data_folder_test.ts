/** A data folder as a whole: its store and its log belong together, and a start says so when they do not. */

import assert from "node:assert/strict";
import { cpSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RemoteLog } from "../../runtime/log/remote_log.ts";
import { LogError, type LogErrorCode } from "../../runtime/log/port.ts";
import { settle } from "../../runtime/node/options.ts";
import { openWriters, type Writers } from "../../runtime/node/writers.ts";
import { StoreError } from "../../runtime/store/port.ts";
import { withSmallDisk } from "../services/small_disk.ts";
import { contents } from "./log_folders.ts";

const open = (dataDir: string): Promise<Writers> =>
  openWriters(settle({ definitionsUrl: "", dataDir, shards: 4, threads: 1 }));

/** Starts on the folder, appends a frame, stops. */
async function use(dataDir: string): Promise<void> {
  const writers = await open(dataDir);
  const log = new RemoteLog(writers.log.connect());
  await log.append([{ shard: 0, text: "a frame" }]);
  await log.close();
  await writers.close();
}

/** A start fails with one sentence that says what to do. */
async function assertRefused(dataDir: string, sentence: RegExp, code: LogErrorCode = "corrupt") {
  await assert.rejects(open(dataDir), (thrown) => {
    assert.ok(thrown instanceof LogError || thrown instanceof StoreError, String(thrown));
    assert.equal(thrown.code, code, thrown.message);
    assert.match(thrown.message, sentence);
    assert.doesNotMatch(thrown.message, /\n/);
    return true;
  });
}

function test(name: string, body: (dataDir: string, other: string) => Promise<void>): void {
  Deno.test(name, async () => {
    const folder = mkdtempSync(join(tmpdir(), "sensorium-data-"));
    try {
      await body(join(folder, "data"), join(folder, "other"));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}

test("openWriters() opens the same folder again", async (dataDir) => {
  await use(dataDir);
  await use(dataDir);
});

test(
  "openWriters() refuses a log that another store was filled from, and leaves it untouched",
  async (dataDir, other) => {
    await use(dataDir);
    await use(other);
    rmSync(join(dataDir, "log"), { recursive: true });
    cpSync(join(other, "log"), join(dataDir, "log"), { recursive: true });
    const before = contents(join(dataDir, "log"));
    await assertRefused(
      dataDir,
      /data.log holds another log, not the one that .* store was filled from; put that/,
    );
    assert.deepEqual(contents(join(dataDir, "log")), before);
  },
);

test(
  "openWriters() refuses to begin a new log beside a store that was filled from one",
  async (dataDir, other) => {
    await use(dataDir);
    renameSync(join(dataDir, "log"), other);
    for (const _ of [1, 2]) {
      await assertRefused(
        dataDir,
        /data.log is empty, not the one that .* put that log/,
      );
    }
    rmSync(join(dataDir, "log"), { recursive: true });
    renameSync(other, join(dataDir, "log"));
    await use(dataDir);
  },
);

test("openWriters() refuses to begin a new store beside a log that is in use", async (dataDir, other) => {
  await use(dataDir);
  renameSync(join(dataDir, "store.db"), other);
  for (const _ of [1, 2]) {
    await assertRefused(dataDir, /store\.db is new, while the log .* put that store back/);
  }
  renameSync(other, join(dataDir, "store.db"));
  await use(dataDir);
});

test("openWriters() goes on when a first start ended between the files", async (dataDir) => {
  await (await open(dataDir)).close();
  rmSync(join(dataDir, "store.db"));
  await use(dataDir);
});

test("openWriters() says where and what to do when the disk is full", async (dataDir) => {
  mkdirSync(dataDir);
  // What is free: nothing, not enough for a store, not enough for a log beside it.
  for (const [freeBytes, file] of [[0, "store.db"], [60_000, "store.db"], [220_000, "log"]] as const) {
    await withSmallDisk(freeBytes, async (disk) => {
      const full = join(disk.folder, "data");
      for (const _ of [1, 2]) {
        await assertRefused(full, new RegExp(`${join(full, file)}.*full; free some space`), "full");
      }
      await disk.empty();
      await use(full);
    });
  }
});
