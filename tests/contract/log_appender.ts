/** A process that appends to the log in the folder given and prints what was acknowledged, until it is killed. */

import process from "node:process";
import { openLog, tinyLimits } from "./log_folders.ts";

const log = openLog(process.argv[2] ?? "", { limits: tinyLimits });

async function appendForever(shard: number): Promise<never> {
  for (;;) {
    const frames = [0, 1].map((n) => ({ shard, text: `${n} ${"a".repeat(700)}` }));
    const receipts = await log.append(frames);
    process.stdout.write(receipts.map(({ offset }) => `${shard} ${offset}\n`).join(""));
  }
}

await Promise.all([0, 1, 2, 3].map(appendForever));
