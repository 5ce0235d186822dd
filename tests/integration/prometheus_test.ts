/** What a node exposes, as a real Prometheus and its own checker see it. */

import assert from "node:assert/strict";
import { Node } from "../services/node.ts";
import { checkMetrics, Prometheus } from "../services/prometheus.ts";
import { skipUnlessInstalled } from "../services/required.ts";

const ignore = skipUnlessInstalled("A node's metrics", ["prometheus", "promtool"]);

async function withNode(flags: readonly string[], use: (node: Node) => Promise<void>): Promise<void> {
  const dataDir = await Deno.makeTempDir({ prefix: "sensorium-metrics-" });
  try {
    await using node = await Node.start({ dataDir, flags });
    const response = await fetch(`${node.url}/readings`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: "Bearer correct-horse" },
      body: JSON.stringify([{ id: "42", values: { temperature: 21.5 } }, { id: "43", values: {} }]),
    });
    assert.equal(response.status, 202, await response.text());
    await use(node);
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
}

Deno.test({
  name: "/metrics is clean by promtool's rules",
  ignore,
  fn: () =>
    withNode([], async ({ adminUrl }) => {
      const response = await fetch(`${adminUrl}/metrics`);
      assert.equal(await checkMetrics(await response.text()), "");
    }),
});

Deno.test({
  name: "/metrics is scraped by a real Prometheus, with the node's token",
  ignore,
  fn: () =>
    withNode(["--token", "correct-horse", "--no-host-metrics"], async ({ adminUrl }) => {
      const target = new URL(adminUrl).host;
      await using prometheus = await Prometheus.start({ target, token: "correct-horse" });
      await prometheus.waitFor("up == 1", 15_000);
      const accepted = await prometheus.waitFor(
        'sensorium_http_items_accepted_total{kind="sensor"} > 0',
        15_000,
      );
      assert.deepEqual(accepted.map(({ value }) => value), [1]);
    }),
});
