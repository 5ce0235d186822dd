/** A node that joins others, and stops. Numbers in brackets are those of `node_membership.ts`. */

import assert from "node:assert/strict";
import type { Agreement } from "../../runtime/core/cluster.ts";
import { LogError } from "../../runtime/log/port.ts";
import { NodeMembership } from "../../runtime/node/node_membership.ts";
import { settled } from "./manual_clock.ts";

function rig(join: () => Promise<void> = () => Promise.resolve()) {
  const up = Promise.withResolvers<void>();
  const seen = { joins: 0, own: [] as (readonly number[])[], refused: [] as LogError[], up };
  let hear = (_: Agreement) => {};
  const agreements = {
    join: () => (seen.joins++, join()),
    onAgreed: (heard: (agreement: Agreement) => void) => void (hear = heard),
  };
  const hosts = {
    up: up.promise,
    own: (shards: readonly number[]) => void seen.own.push(shards),
    hostOf: (shard: number) => seen.own.at(-1)?.includes(shard) ? 0 : null,
  };
  const common = { shardCount: 4, hosts, rebalances: { agreed: () => {} }, report: () => {} };
  const refused = (error: LogError) => void seen.refused.push(error);
  const membership = new NodeMembership({ ...common, agreements, refused });
  const agree = (own: readonly number[]) => hear({ number: seen.own.length + 1, own, durationMs: 1 });
  return { seen, membership, agree, alone: new NodeMembership({ ...common, agreements: null, refused }) };
}

Deno.test("NodeMembership joins once the hosts are up, and not when it stops before [1]", async () => {
  const { seen, membership } = rig();
  membership.start();
  await settled();
  assert.equal(seen.joins, 0);
  seen.up.resolve();
  await settled();
  assert.equal(seen.joins, 1);
  const early = rig();
  early.membership.start();
  early.membership.stop();
  early.seen.up.resolve();
  await settled();
  assert.equal(early.seen.joins, 0);
});

Deno.test("NodeMembership tells of a refusal only: after anything else the log goes on trying [1]", async () => {
  for (const [code, told] of [["refused", 1], ["unavailable", 0]] as const) {
    const { seen, membership } = rig(() => Promise.reject(new LogError(code, "the test says so")));
    membership.start();
    seen.up.resolve();
    await settled();
    assert.equal(seen.refused.length, told, code);
  }
});

Deno.test("NodeMembership takes what is agreed, and once it stops only gives up [2]", () => {
  const { seen, membership, agree } = rig();
  membership.start();
  agree([0, 1]);
  agree([1, 2]);
  membership.stop();
  agree([0, 1, 3]);
  agree([1, 2, 3]);
  agree([]);
  assert.deepEqual(seen.own, [[0, 1], [1, 2], [1], [1], []]);
});

Deno.test("NodeMembership has all shards at once where there is no other node [3]", () => {
  const { seen, alone } = rig();
  alone.start();
  assert.deepEqual(seen.own, [[0, 1, 2, 3]]);
});
