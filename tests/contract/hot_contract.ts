/** The contract of port `HotState`, run over every adapter. */

import assert from "node:assert/strict";
import type { HotEntry, HotState } from "../../runtime/hot/port.ts";

function entry(parts: Partial<HotEntry> = {}): HotEntry {
  return { key: "sensor/a", epoch: 1, position: 10, records: 0, atMs: 1000, json: '{"v":1}', ...parts };
}

export function hotContract(adapter: string, make: () => Promise<HotState>): void {
  const test = (name: string, body: (hot: HotState) => Promise<void>) =>
    Deno.test(`${adapter} ${name}`, async () => {
      const hot = await make();
      try {
        await body(hot);
      } finally {
        await hot.close();
      }
    });

  test("get() answers null when nothing was put", async (hot) => {
    assert.equal(await hot.get("sensor/a"), null);
  });

  test("get() answers with the entry put last under its key", async (hot) => {
    await hot.put([entry(), entry({ key: "sensor/é{}", json: '"x"' })]);
    assert.deepEqual(await hot.get("sensor/a"), entry());
    assert.deepEqual(await hot.get("sensor/é{}"), entry({ key: "sensor/é{}", json: '"x"' }));
  });

  test("2: put() changes nothing when the first of epoch, position, records and time that differs is lower", async (hot) => {
    const stored = entry({ epoch: 2, position: 10, records: 5, atMs: 2000 });
    await hot.put([stored]);
    const older = [
      entry({ epoch: 2, position: 10, records: 5, atMs: 1999, json: "1" }),
      entry({ epoch: 2, position: 10, records: 4, atMs: 3000, json: "2" }),
      entry({ epoch: 2, position: 9, records: 9, atMs: 3000, json: "3" }),
      entry({ epoch: 1, position: 99, records: 99, atMs: 3000, json: "4" }),
    ];
    for (const each of older) {
      assert.equal(await hot.put([each]), 0);
      assert.deepEqual(await hot.get("sensor/a"), stored);
    }
  });

  test("2: put() replaces when the first of them that differs is greater, or none does", async (hot) => {
    const newer = [
      entry({ epoch: 2, position: -1, records: 8, atMs: 3000 }),
      entry({ epoch: 2, position: 10, records: 7, atMs: 2000 }),
      entry({ epoch: 2, position: 10, records: 7, atMs: 2000, json: "1" }),
      entry({ epoch: 2, position: 10, records: 7, atMs: 2000.5 }),
      entry({ epoch: 2, position: 10, records: 8, atMs: 1000 }),
      entry({ epoch: 2, position: 11, records: 0, atMs: 1000 }),
      entry({ epoch: 3, position: 0, records: 0, atMs: 500 }),
    ];
    for (const next of newer) {
      assert.equal(await hot.put([next]), 1);
      assert.deepEqual(await hot.get("sensor/a"), next);
    }
  });
}
