import assert from "node:assert/strict";
import fc from "fast-check";
import { assign } from "../../runtime/simulation/assignment.ts";
import { defaultSetting, simulate } from "../../runtime/simulation/simulate.ts";

const seeds = 60;

/** What must happen to nodes in some run, as the trace tells of it. */
const happenings: Readonly<Record<string, RegExp>> = {
  "a node that others join": /node2\.1 hears that it has \[\d/,
  "a paused process": /is paused for/,
  "a cut": /and store until .* back lost/,
  "an orderly stop": /has stopped/,
  "an eviction of a living node": /is evicted, though it lives/,
  "an eviction of a dead node": /node\d\.\d+ evicts node/,
  "a node that hears that it is out": /hears that it has \[\]/,
  "two claims at once": /is raced/,
  "a commit that is fenced": /: fenced/,
};

Deno.test(`simulate() has nodes come to every kind of harm within ${seeds} seeds, and has runs with one node and with several`, () => {
  const seen = new Set<string>();
  const nodes = new Set<boolean>();
  for (let seed = 1; seed <= seeds; seed++) {
    let isSeveral = false;
    const print = (line: string) => {
      isSeveral ||= line.includes("node1.1 starts");
      for (const [name, pattern] of Object.entries(happenings)) if (pattern.test(line)) seen.add(name);
    };
    simulate({ ...defaultSetting, seed, print });
    nodes.add(isSeveral);
  }
  assert.deepEqual(new Set(Object.keys(happenings)).difference(seen), new Set());
  assert.equal(nodes.size, 2);
});

Deno.test("assign() gives every shard to one member, as many to each, and leaves what balance allows where it is", () => {
  const claims = fc.array(fc.uniqueArray(fc.nat(11)), { minLength: 1, maxLength: 5 });
  fc.assert(fc.property(claims, fc.integer({ min: 1, max: 12 }), (has, shardCount) => {
    const members = has.map((shards, index) => ({
      id: `m${index}`,
      has: shards.filter((shard) => shard < shardCount),
    }));
    const shares = assign(members, shardCount);
    const all = [...shares.values()].flat().sort((a, b) => a - b);
    assert.deepEqual(all, Array.from({ length: shardCount }, (_, shard) => shard));
    const sizes = [...shares.values()].map(({ length }) => length);
    assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1, `sizes ${sizes}`);
    const again = [...shares].map(([id, own]) => ({ id, has: own }));
    assert.deepEqual(assign(again, shardCount), shares);
  }));
});
