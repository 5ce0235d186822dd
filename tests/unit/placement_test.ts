/** Where a node's shards go. Numbers in brackets are those of `placement.ts`. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { place, type Placement } from "../../runtime/node/placement.ts";

const shardCount = 24;
const none: Placement = new Array<null>(shardCount).fill(null);
const all = Array.from(none, (_, shard) => shard);

/** Any shards, ascending. */
const shares = fc.subarray(all);
const hostCounts = fc.integer({ min: 1, max: 7 });

function countsOf(placement: Placement, hosts: number): number[] {
  return Array.from({ length: hosts }, (_, host) => placement.filter((at) => at === host).length);
}

/** The fewest shards that must leave their hosts so that counts differ by one at most. */
function fewestMoves(own: readonly number[], hosts: number, before: Placement): number {
  const [even, more] = [Math.floor(own.length / hosts), own.length % hosts];
  const kept = Array.from(
    { length: hosts },
    (_, host) => own.filter((shard) => before[shard] === host).length,
  );
  return kept.sort((one, other) => other - one)
    .reduce((moves, count, at) => moves + Math.max(0, count - (at < more ? even + 1 : even)), 0);
}

Deno.test("place() folds shard s on host s mod hosts when a node has all from its start [3]", () => {
  fc.assert(fc.property(hostCounts, (hosts) => {
    assert.deepEqual(place(all, hosts, none), all.map((shard) => shard % hosts));
  }));
});

Deno.test("place() places each own shard and no other, evenly, and moves as few as can be, whatever came before [1, 2]", () => {
  fc.assert(fc.property(hostCounts, fc.array(shares, { minLength: 1, maxLength: 8 }), (hosts, agreements) => {
    let before = none;
    for (const own of agreements) {
      const placement = place(own, hosts, before);
      assert.equal(placement.length, shardCount);
      assert.deepEqual(all.filter((shard) => placement[shard] !== null), own);
      const counts = countsOf(placement, hosts);
      assert.ok(Math.max(...counts) - Math.min(...counts) <= 1, `counts ${counts}`);
      const moved = own.filter((shard) => before[shard] !== null && before[shard] !== placement[shard]);
      assert.equal(moved.length, fewestMoves(own, hosts, before));
      assert.deepEqual(place(own, hosts, placement), placement, "the same again moves nothing");
      before = placement;
    }
  }));
});
