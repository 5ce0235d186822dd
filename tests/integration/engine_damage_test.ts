/** An engine on a store that is damaged where no check at the start looks: in the values of rows. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { add, counted, deadlineMs, startCounters } from "./engine_harness.ts";
import { withFolder } from "../services/folder.ts";

Deno.test("startEngine() reports every refused shard at once, and the others take messages", () =>
  withFolder(async (dataDir) => {
    await (await startCounters(dataDir)).stop(deadlineMs);
    const db = new DatabaseSync(join(dataDir, "store.db"));
    db.exec("UPDATE shards SET positions = positions || ' ' WHERE shard IN (1, 2)");
    db.close();

    const reports: string[] = [];
    const engine = await startCounters(dataDir, { report: ({ message }) => reports.push(message) });
    try {
      for (const shard of [1, 2]) {
        const told = reports.filter((sentence) => sentence.startsWith(`Shard ${shard} cannot claim: `));
        assert.equal(told.length, 1, reports.join("\n"));
        assert.match(
          told[0]!,
          /its checksum is .* Its actors are not available until the node is started again\.$/,
        );
      }
      assert.equal(reports.length, 2, reports.join("\n"));
      const ids = Array.from({ length: 20 }, (_, n) => `a${n}`);
      const taken = ids.find((id) => ![1, 2].includes(engine.shardOf(id)))!;
      await add(engine, taken, 1);
      assert.equal((await counted(engine, taken)).total, 1);
      const metrics = await engine.metrics();
      for (const thread of ["main", "host-0", "host-1", "log", "store"]) {
        assert.match(metrics, new RegExp(`^sensorium_heap_bytes\\{thread="${thread}"\\} \\d{5,}$`, "m"));
        assert.match(metrics, new RegExp(`^sensorium_external_bytes\\{thread="${thread}"\\} \\d+$`, "m"));
      }
    } finally {
      await engine.stop(deadlineMs);
    }
  }));
