/** Both ports of a node before there is an app behind them. */

import assert from "node:assert/strict";
import { Edge } from "../../actors/http/edge.ts";

Deno.test("Edge answers other nodes on the operator's port alone, before there is an app", async () => {
  const edge = new Edge();
  const ask = (fetch: Edge["fetch"], path = "/node/ask") =>
    Promise.resolve(fetch(new Request(`http://a${path}`))).then(({ status }) => status);
  assert.equal(await ask(edge.adminFetch), 503);
  edge.openDoor(() => Promise.resolve(new Response(null, { status: 418 })));
  assert.deepEqual([await ask(edge.adminFetch), await ask(edge.fetch)], [418, 503]);
  assert.equal(await ask(edge.adminFetch, "/healthz"), 200);
});
