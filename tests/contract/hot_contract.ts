/** The contract of port `HotState`, run over every adapter. */

import assert from "node:assert/strict";
import type { HotEntry, HotState } from "../../runtime/hot/port.ts";

function entry(parts: Partial<HotEntry> = {}): HotEntry {
  return { key: "sensor/a", epoch: 1, position: 10, atMs: 1000, json: '{"v":1}', ...parts };
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

  test("put() changes nothing when epoch and position are lower than the stored ones", async (hot) => {
    const stored = entry({ epoch: 2, position: 10 });
    await hot.put([stored]);
    await hot.put([
      entry({ epoch: 2, position: 9, json: "1" }),
      entry({ epoch: 1, position: 99, json: "2" }),
    ]);
    assert.deepEqual(await hot.get("sensor/a"), stored);
  });

  test("put() replaces when epoch or position is greater, or both are equal", async (hot) => {
    const newer = [
      entry({ epoch: 2, position: 10 }),
      entry({ epoch: 2, position: 10, atMs: 2000 }),
      entry({ epoch: 2, position: 11 }),
      entry({ epoch: 3, position: 0 }),
    ];
    for (const next of newer) {
      await hot.put([next]);
      assert.deepEqual(await hot.get("sensor/a"), next);
    }
  });
}
