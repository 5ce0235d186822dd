/**
 * Nodes whose clocks are an hour slow and an hour fast, by Debian's faketime: the log's clock counts, which is right here.
 */

import assert from "node:assert/strict";
import type { Node } from "../services/node.ts";
import { skipUnlessInstalled } from "../services/required.ts";
import { skipUnlessServed } from "../services/servers.ts";
import { ClusterStage } from "./cluster_stage.ts";

const minuteMs = 60_000;
const library = `/usr/lib/${Deno.build.arch}-linux-gnu/faketime/libfaketime.so.1`;

/** What makes a process's clock be off; how much time has passed is left alone. */
const offBy = (hours: string) => ({
  LD_PRELOAD: library,
  FAKETIME: `${hours}h`,
  FAKETIME_DONT_FAKE_MONOTONIC: "1",
});

interface Reply {
  readonly status: number;
  readonly body: ReturnType<typeof JSON.parse>;
}

async function ask(url: string, init: RequestInit = {}): Promise<Reply> {
  const response = await fetch(url, init);
  return { status: response.status, body: await response.json() };
}

function post({ url }: Node, id: string, ts: number, key?: string): Promise<Reply> {
  const headers = { "content-type": "application/json", ...key !== undefined && { "idempotency-key": key } };
  return ask(`${url}/readings`, {
    method: "POST",
    headers,
    body: JSON.stringify({ id, ts, values: { t: 1 } }),
  });
}

async function count({ url }: Node, id: string): Promise<number> {
  const { status, body } = await ask(`${url}/sensors/${id}/windows`);
  assert.equal(status, 200, JSON.stringify(body));
  const { to } = body.channels.t["1h"];
  assert.ok(Math.abs(to - Date.now()) <= 2 * minuteMs, `its window ends at ${to}`);
  return body.total.t.count;
}

const ids = Array.from({ length: 8 }, (_, n) => `clock-${n}`);

Deno.test({
  name: "Nodes whose clocks differ by two hours take and refuse the same readings, and count each key once",
  ignore: skipUnlessInstalled("The test of clocks", ["faketime"]) ||
    skipUnlessServed("The test of clocks", ["kafka", "mysql"]),
  async fn() {
    const startMs = Date.now();
    await using stage = await ClusterStage.open();
    await using slow = await stage.startNode(offBy("-1"));
    await using fast = await stage.startNode(offBy("+1"));
    for (const node of [slow, fast]) {
      for (const id of ids) {
        const now = await post(node, id, Date.now());
        assert.deepEqual([now.status, now.body.accepted], [202, 1], JSON.stringify(now.body));
        const ahead = await post(node, id, Date.now() + 10 * minuteMs);
        assert.notEqual(ahead.status, 202, JSON.stringify(ahead.body));
        const keyed = await post(node, id, startMs, `key-of-${id}`);
        assert.equal(keyed.status, 202, JSON.stringify(keyed.body));
      }
    }
    for (const node of [slow, fast]) {
      for (const id of ids) assert.equal(await count(node, id), 3, id);
    }
  },
});
