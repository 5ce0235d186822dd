/** What a node says to another one settles, whatever that one does. */

import assert from "node:assert/strict";
import { z } from "zod";
import { PeerClient } from "../../runtime/node/peer_client.ts";

Deno.test("PeerClient call() settles by its signal when a reply stops in its middle (1)", async () => {
  const stop = new AbortController();
  const beginning = new TextEncoder().encode('{"type":');
  const body = new ReadableStream({ start: (controller) => controller.enqueue(beginning) });
  // A machine that stands still has sent what it had.
  const fetch = () => Promise.resolve(new Response(body, { headers: { "content-length": "100" } }));
  const called = new PeerClient(fetch, "secret").call("http://b", "/ask", {}, z.unknown(), stop.signal);
  stop.abort();
  await assert.rejects(called, { name: "HopError", message: "it does not answer" });
});
