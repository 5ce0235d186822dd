/** The embedded log and space: a full disk, its own limit, and trimming under load. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { LogError } from "../../runtime/log/port.ts";
import { defaultLogLimits } from "../../runtime/log/limits.ts";
import type { MailboxLog } from "../../runtime/log/port.ts";
import { Collector, range } from "./log_collector.ts";
import { readAll, rejectsWith } from "./log_contract.ts";
import { openLog } from "./log_folders.ts";
import { withFolder } from "../services/folder.ts";
import { type SmallDisk, withSmallDisk } from "../services/small_disk.ts";

const tenKilobytes = "k".repeat(10_000);

/** Appends to shard 0 until the log is full; returns how many appends were acknowledged. */
async function fillUp(log: MailboxLog): Promise<number> {
  for (let count = 0; count < 10_000; count++) {
    try {
      await log.append([{ shard: 0, text: tenKilobytes }]);
    } catch (thrown) {
      assert(thrown instanceof LogError && thrown.code === "full", String(thrown));
      assert.match(
        thrown.message,
        /Cannot append 1 frames to .*: .*full; free some space and append again\./,
      );
      return count;
    }
  }
  throw new Error("The log never became full.");
}

Deno.test("SqliteLog refuses as full, delivers no half group, and goes on when its limit leaves space again", async () => {
  await withFolder(async (directory) => {
    const limits = { ...defaultLogLimits, segmentBytes: 400_000, totalBytes: 2_000_000 };
    const log = openLog(directory, { limits });
    const collector = new Collector();
    (await log.subscribe(0, 0, collector.deliver)).grant(1 << 30);
    const count = await fillUp(log);
    assert(count > 90 && count < 200, `${count} frames of 10 kB fit into 2 MB`);
    await rejectsWith("full", log.append(range(0, 50).map(() => ({ shard: 0, text: tenKilobytes }))));
    assert.deepEqual(await log.extent(0), { begin: 0, end: count });

    await log.trim(0, count);
    const offset = await appendAgain(log);
    assert.equal(offset, count);
    await collector.count(count + 1);
    assert.deepEqual(collector.offsets, range(0, count + 1));
    await log.close();
  });
});

/** Appends until there is space again, which comes in the background; the first offset acknowledged. */
async function appendAgain(log: MailboxLog): Promise<number | undefined> {
  for (const _ of range(0, 5000)) {
    try {
      const [receipt] = await log.append([{ shard: 0, text: tenKilobytes }]);
      return receipt?.offset;
    } catch (thrown) {
      assert(thrown instanceof LogError && thrown.code === "full", String(thrown));
    }
  }
  throw new Error("The log stayed full.");
}

Deno.test("SqliteLog goes on after a full disk, with every acknowledged frame", async () => {
  await withSmallDisk(5_000_000, surviveFullDisk);
});

async function surviveFullDisk(disk: SmallDisk): Promise<void> {
  const folder = join(disk.folder, "log");
  const limits = { ...defaultLogLimits, segmentBytes: 1_000_000, tailBytes: 0 };
  const log = openLog(folder, { limits, report: () => {} });
  const count = await fillUp(log);
  await rejectsWith("full", log.append([{ shard: 1, text: tenKilobytes }]));
  await disk.empty();
  const more = await fillUp(log);
  assert(more > 100, `${more} frames more`);
  assert.deepEqual((await readAll(log, 0, 0)).offsets, range(0, count + more));
  await log.trim(0, count + more);
  assert.equal(await appendAgain(log), count + more);
  await log.close();

  const again = openLog(folder, { limits });
  const { begin, end } = await again.extent(0);
  assert.equal(end, count + more + 1);
  assert.deepEqual((await readAll(again, 0, begin)).offsets, range(begin, end));
  await again.close();
}

/**
 * The bound is 20 ms, of the best of three rounds: other work on the machine only ever makes appends slower, so the
 * best round says most of the log. Where the machine is so busy, or its disk so slow, that appends are no faster
 * without trimming, that much is allowed with it: the best of the same rounds without trimming, and half as much
 * again. The best of several rounds is compared, because in single pairs the p99 of either run was up to five times
 * the other's on a machine under load, whichever of the two was trimming.
 */
Deno.test("SqliteLog appends with p99 of at most 20 ms while it rolls and trims", async () => {
  const trimmingMs: number[] = [];
  const plainMs: number[] = [];
  for (const _ of range(0, 3)) {
    trimmingMs.push(await p99Ms(true));
    if (Math.min(...trimmingMs) <= 20) return;
    plainMs.push(await p99Ms(false));
    if (Math.min(...trimmingMs) <= 1.5 * Math.min(...plainMs)) return;
  }
  const list = (values: number[]) => values.map((ms) => ms.toFixed(1)).join(", ");
  assert.fail(`p99 of append in ms: ${list(trimmingMs)} with trimming, ${list(plainMs)} without`);
});

async function p99Ms(isTrimming: boolean): Promise<number> {
  let found = 0;
  await withFolder(async (directory) => void (found = await appendP99Ms(directory, isTrimming)));
  return found;
}

/** Appends 96 MB; trimming goes on behind it, segment by segment, or everything stays in one. */
async function appendP99Ms(directory: string, isTrimming: boolean): Promise<number> {
  const segmentBytes = (isTrimming ? 8 : 1000) * 1024 * 1024;
  const log = openLog(directory, { limits: { ...defaultLogLimits, segmentBytes } });
  const appendMs: number[] = [];
  const frames = range(0, 8).map((n) => ({ shard: n % 4, text: "t".repeat(12_000) }));
  for (const n of range(0, 1000)) {
    const startMs = performance.now();
    const receipts = await log.append(frames);
    appendMs.push(performance.now() - startMs);
    const below = (receipts[0]?.offset ?? 0) + 1;
    if (isTrimming && n % 20 === 0) await Promise.all(range(0, 4).map((shard) => log.trim(shard, below)));
  }
  const { begin } = await log.extent(0);
  assert(!isTrimming || begin > 1000, `segments were removed up to offset ${begin}`);
  await log.close();
  appendMs.sort((a, b) => a - b);
  const [p50, p99] = [appendMs[500] ?? 0, appendMs[990] ?? 0];
  console.log(`append of 96 kB, trimming ${isTrimming}: p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`);
  return p99;
}
