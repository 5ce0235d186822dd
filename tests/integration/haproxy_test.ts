/** HAProxy as it is deployed, in front of nodes: what it sends again, and what it never does. */

import assert from "node:assert/strict";
import { eventually } from "../services/eventually.ts";
import { Haproxy } from "../services/haproxy.ts";
import { Node } from "../services/node.ts";
import { skipUnlessInstalled } from "../services/required.ts";
import { StubNode } from "../services/stub_node.ts";
import { tempFolder } from "./operations.ts";

const ignore = skipUnlessInstalled("HAProxy in front of nodes", ["haproxy"]);
const deadlineMs = 30_000;

interface Stage {
  readonly nodes: readonly [StubNode, StubNode];
  readonly haproxy: Haproxy;
}

async function withStubs(test: (stage: Stage) => Promise<void>): Promise<void> {
  await using first = await StubNode.start();
  await using second = await StubNode.start();
  await using haproxy = await Haproxy.start([first, second]);
  await test({ nodes: [first, second], haproxy });
}

async function send(url: string, init: RequestInit): Promise<number> {
  const response = await fetch(url, init);
  await response.body?.cancel();
  return response.status;
}

/** So many that each node is the first to be asked by some. */
const requests = 6;

const cases = [
  { what: "a read", init: { method: "GET" }, path: "/sensors/s/windows", isSentAgain: true },
  {
    what: "a body with a key",
    init: { method: "POST", body: "[]", headers: { "idempotency-key": "k" } },
    path: "/readings",
    isSentAgain: true,
  },
  { what: "a body without one", init: { method: "POST", body: "[]" }, path: "/readings", isSentAgain: false },
  {
    what: "a replay",
    init: { method: "POST", headers: { "idempotency-key": "k" } },
    path: "/dead-letters/d/replay",
    isSentAgain: false,
  },
];

for (const { what, init, path, isSentAgain } of cases) {
  Deno.test({
    name: `HAProxy ${
      isSentAgain ? "sends" : "does not send"
    } ${what} to the other node when the first hangs up`,
    ignore,
    fn: () =>
      withStubs(async ({ nodes, haproxy }) => {
        nodes[0].hangsUp = true;
        const statuses = await Promise.all(
          Array.from({ length: requests }, () => send(`${haproxy.url}${path}`, init)),
        );
        const [first, second] = nodes.map(({ seen }) =>
          seen.filter(({ request }) => request === `${init.method} ${path}`).length
        );
        assert.ok(first !== undefined && first > 0, "the first node was never asked");
        assert.equal(second, isSentAgain ? requests : requests - first);
        assert.equal(statuses.filter((status) => status === 202).length, second);
        assert.equal(statuses.filter((status) => status === 502).length, isSentAgain ? 0 : first);
      }),
  });
}

Deno.test({
  name: "HAProxy asks nodes that are not ready only when none is, and names the client itself",
  ignore,
  fn: () =>
    withStubs(async ({ nodes: [first, second], haproxy }) => {
      const ask = () => send(`${haproxy.url}/sensors`, { headers: { "x-forwarded-for": "203.0.113.1" } });
      first.isReady = false;
      await eventually("only the second node to be asked", deadlineMs, async () => {
        const before = first.seen.length;
        for (let i = 0; i < requests; i++) assert.equal(await ask(), 202);
        return first.seen.length === before ? true : null;
      });
      assert.deepEqual(second.seen.at(-1), { request: "GET /sensors", forwardedFor: "127.0.0.1" });

      second.isReady = false;
      await eventually("the first node to be asked again", deadlineMs, async () => {
        const before = first.seen.length;
        for (let i = 0; i < requests; i++) assert.equal(await ask(), 202);
        return first.seen.length > before ? true : null;
      });
    }),
});

/** Bodies on their way at a time, and how many are sent before and after the kill. */
const senders = 8;
const bodies = { before: 200, after: 400 };

Deno.test({
  name: "HAProxy in front of two nodes: one is killed under load, and no sender notices",
  ignore,
  async fn() {
    await using folder = await tempFolder();
    const start = (name: string) =>
      Node.start({ dataDir: `${folder.path}/${name}`, flags: ["--no-host-metrics"] });
    await using first = await start("first");
    await using second = await start("second");
    await using haproxy = await Haproxy.start([first, second]);

    const afterKill = Promise.withResolvers<void>();
    let sent = 0;
    const refused: string[] = [];
    const sender = async () => {
      while (sent < bodies.before + bodies.after) {
        if (++sent === bodies.before) void first.kill().then(afterKill.resolve, afterKill.reject);
        const response = await fetch(`${haproxy.url}/readings`, {
          method: "POST",
          headers: { "content-type": "application/json", "idempotency-key": crypto.randomUUID() },
          body: `{"id":"s${sent % 50}","values":{"t":1}}`,
        });
        const text = await response.text();
        if (response.status !== 202) refused.push(`${response.status} ${text}`);
      }
    };
    await Promise.all(Array.from({ length: senders }, sender));
    await afterKill.promise;
    assert.deepEqual(refused, []);
    assert.ok(haproxy.retried > 0, `nothing had to be sent again:\n${haproxy.log}`);
  },
});
