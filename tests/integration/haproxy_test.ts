/** HAProxy as it is deployed, in front of nodes: what it sends again, and what it never does. */

import assert from "node:assert/strict";
import { request } from "node:http";
import { type Phase, run } from "../../actors/simulate/run.ts";
import { eventually } from "../services/eventually.ts";
import { Haproxy } from "../services/haproxy.ts";
import { skipUnlessInstalled } from "../services/required.ts";
import { skipUnlessServed } from "../services/servers.ts";
import { StubNode } from "../services/stub_node.ts";
import { smallPlan } from "../verify/simulated_run.ts";
import { isRight, verify } from "../verify/verifier.ts";
import { ClusterStage } from "./cluster_stage.ts";

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

interface Sent {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** On a connection of its own: `fetch` may send again what was on one that it keeps and that is closed. */
function send(url: string, { method = "GET", headers = {}, body }: Sent = {}): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const sent = request(url, { method, headers, agent: false }, (response) => {
    response.resume().on("end", () => resolve(response.statusCode ?? 0));
  });
  sent.on("error", reject).end(body);
  return promise;
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

/** Nodes of one cluster, on the servers of all tests. */
/** Bodies on their way at a time, and how long they are sent. */
const senders = 8;
const loadMs = 6000;
/** The group misses a node after 6 s. */
const takeoverMs = 60_000;
const never = new AbortController().signal;

Deno.test({
  name:
    "HAProxy in front of two nodes that share shards: one is killed under load, and nothing is lost or counted twice",
  ignore: ignore || skipUnlessServed("The test of HAProxy and a cluster", ["kafka", "mysql"]),
  async fn() {
    await using stage = await ClusterStage.open();
    await using first = await stage.startNode();
    await using second = await stage.startNode();
    await using haproxy = await Haproxy.start([first, second]);
    const url = new URL(haproxy.url);
    const begun = Promise.withResolvers<Phase>();
    const plan = { ...smallPlan, originMs: Date.now(), sensors: 200 };
    const running = run({
      plan,
      target: { url, token: null, connections: senders },
      forMs: loadMs,
      isPaced: true,
      liveOriginMs: () => plan.originMs,
      stop: never,
      abandon: never,
      onPhase: begun.resolve,
    });
    const { tally } = await Promise.race([begun.promise, running.then(() => begun.promise)]);
    await eventually(
      "a third of the load",
      deadlineMs,
      () => Promise.resolve(tally.accepted > plan.ratePerSecond * loadMs / 3000 ? true : null),
    );
    await first.kill();
    const [live] = await running;
    assert.ok(live);
    assert.deepEqual([tally.refused, tally.repeatedBodies], [0, 0], `${tally.lastTrouble}`);
    assert.ok(haproxy.retried > 0, `nothing had to be sent again:\n${haproxy.log}`);
    // The first answers come when the shards of the dead are the other's.
    const verification = await eventually(
      "answers for all sensors",
      takeoverMs,
      () => verify({ url, token: null }, [live.ledger]),
    );
    assert.ok(isRight(verification), verification.examples.join("\n"));
  },
});
