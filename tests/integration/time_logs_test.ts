/** The files that tell how long analyses took. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { TimeLogs } from "../../actors/analysis/time_logs.ts";
import { withFolder } from "../services/folder.ts";

const noonMs = Date.UTC(2026, 0, 31, 12);

function filesOf(folder: string): readonly string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
}

Deno.test("TimeLogs writes a line for each analysis, by what it was", () =>
  withFolder(async (folder) => {
    const logs = new TimeLogs({ directory: join(folder, "times"), nowMs: () => noonMs, warn: assert.fail });
    logs.record("metadata", 'up{job="a"}', 12.34);
    logs.record("forecast", "up", 100);
    logs.record("metadata", "down", 1);
    await logs.close();
    assert.deepEqual(filesOf(join(folder, "times")), ["time_metadata.log", "time_predict.log"]);
    assert.equal(
      await Deno.readTextFile(join(folder, "times", "time_metadata.log")),
      '2026-01-31T12:00:00.000Z 12.3 ms up{job="a"}\n2026-01-31T12:00:00.000Z 1.0 ms down\n',
    );
  }));

Deno.test("TimeLogs turns files over, and keeps the last five", () =>
  withFolder(async (folder) => {
    for (let n = 0; n < 8; n++) {
      const logs = new TimeLogs({
        directory: folder,
        maxFileBytes: 10,
        nowMs: () => noonMs,
        warn: assert.fail,
      });
      logs.record("values", `series-${n}`, n);
      await logs.close();
    }
    const names = ["", ".1", ".2", ".3", ".4"].map((suffix) => `time_value.log${suffix}`);
    assert.deepEqual(filesOf(folder), names);
    for (const [age, name] of names.entries()) {
      assert.match(await Deno.readTextFile(join(folder, name)), new RegExp(` series-${7 - age}\n$`));
    }
  }));

Deno.test("TimeLogs tells once that it cannot write", () =>
  withFolder(async (folder) => {
    const told: string[] = [];
    const file = join(folder, "file");
    await Deno.writeTextFile(file, "");
    const logs = new TimeLogs({ directory: file, nowMs: () => noonMs, warn: (text) => void told.push(text) });
    logs.record("values", "a", 1);
    logs.record("metadata", "a", 1);
    await logs.close();
    assert.equal(told.length, 1);
    assert.match(told[0]!, /^Cannot write .*time_value\.log: .* Its lines are left out\.$/);
  }));
