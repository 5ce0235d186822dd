/** The live page of an engine in this process, whose hosts the test can occupy and end: what it says of them. */

import assert from "node:assert/strict";
import { createApp } from "../../actors/http/app.ts";
import type { EmbeddedEngine } from "../../runtime/node/node.ts";
import { Registry } from "../../runtime/prom_client.ts";
import { add, withEngine } from "../integration/engine_harness.ts";
import { violations } from "./axe.ts";
import { Chromium, skipUnlessChromium, type Visit } from "../services/chromium.ts";

const ignore = skipUnlessChromium("The tree on the live page");

function test(name: string, run: (engine: EmbeddedEngine, visit: Visit) => Promise<void>): void {
  const show = async (engine: EmbeddedEngine) => {
    const app = createApp({
      engine,
      published: null,
      token: null,
      registry: new Registry(),
      version: "0.0.0",
      log: (sentence) => assert.fail(sentence),
    });
    const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, app.fetch);
    try {
      await using chromium = await Chromium.start();
      const visit = await chromium.open(`http://127.0.0.1:${server.addr.port}/`);
      await run(engine, visit);
      assert.deepEqual(visit.problems(), []);
    } finally {
      app.close();
      await server.shutdown();
    }
  };
  Deno.test({ name, ignore, fn: () => withEngine(show, { report: () => {} }) });
}

test(
  "the page shows each host with its shards, and the turn that it is in for a while",
  async (engine, visit) => {
    const host = (id: number) =>
      visit.page.getByRole("listitem").filter({ hasText: new RegExp(`^\\s*host-${id} `) });
    for (const id of [0, 1]) {
      await visit.until(`host ${id} to run`, host(id).getByText(/^running$/).first());
      const table = visit.page.getByRole("table", { name: `Shards of host-${id}` });
      const shards = await table.locator("tbody th").allInnerTexts();
      assert.deepEqual(shards, [`${id}`, `${id + 2}`]);
      await visit.until("nothing to wait", table.getByRole("row", { name: `${id} running 0 –` }));
    }
    const batch = engine.batch();
    // One after the other, so that an event of the feed meets one.
    for (let turn = 0; turn < 10; turn++) batch.add("counter", "slow", { add: 1, lastsMs: 800 });
    await batch.send();
    const turn = new RegExp(
      `^in a turn of shard ${engine.shardOf("slow")} for \\d.*, counter slow \\(frame \\d+, entry \\d\\)$`,
    );
    await visit.untilText("#tree .turn", turn);
    assert.deepEqual(await violations(visit), []);
  },
);

test("the page shows that a host was restarted, and why", async (engine, visit) => {
  await visit.untilText("#tree", /host-0 running/);
  await add(engine, "a", 1);
  engine.killHost(0, "the test ends it");
  await visit.untilText("#tree p", /^host-0 running for .*, restarted once$/);
  await visit.untilText("#tree .error", /^ended last: Host 0 died: the test ends it$/);
  assert.equal(await visit.page.locator("#tree .error:visible").count(), 1);
  assert.deepEqual(await violations(visit), []);
});
