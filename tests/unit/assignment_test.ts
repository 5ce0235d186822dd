/** Which member of the group takes which shard, by the numbers of the guarantees. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { assignShards, type Claimant } from "../../runtime/log/kafka/assignment.ts";

type Assigned = ReadonlyMap<string, readonly number[]>;

const range = (count: number) => Array.from({ length: count }, (_, place) => place);
const fresh = (id: string): Claimant => ({ id, shards: [], generation: 0 });

/** The members of an assignment, at the next join. */
function claimsOf(assigned: Assigned, generation: number): Claimant[] {
  return [...assigned].map(([id, shards]) => ({ id, shards, generation }));
}

function ownersOf(assigned: Assigned, shards: number): (string | null)[] {
  const owners: (string | null)[] = range(shards).map(() => null);
  for (const [id, own] of assigned) for (const shard of own) owners[shard] = id;
  return owners;
}

/** How many of the shards that members have stay with them. */
function staying(members: readonly Claimant[], assigned: Assigned): number {
  return members.reduce(
    (sum, { id, shards }) => sum + shards.filter((shard) => assigned.get(id)?.includes(shard)).length,
    0,
  );
}

function checkWhole(assigned: Assigned, members: readonly Claimant[], shards: number): void {
  assert.deepEqual([...assigned.keys()].sort(), members.map(({ id }) => id).sort());
  assert.deepEqual([...assigned.values()].flat().sort((a, b) => a - b), range(shards), "each once");
  const sizes = [...assigned.values()].map(({ length }) => length);
  assert(Math.max(...sizes) - Math.min(...sizes) <= 1, `unequal: ${sizes}`);
  for (const own of assigned.values()) assert.deepEqual(own, own.toSorted((a, b) => a - b));
}

/** Each member claims anything, of any generation, and nonsense. */
const anyMembers = fc.uniqueArray(
  fc.record({
    id: fc.string({ maxLength: 4 }),
    shards: fc.array(fc.oneof(fc.nat(20), fc.integer(), fc.double())),
    generation: fc.nat(3),
  }),
  { minLength: 1, maxLength: 12, selector: ({ id }) => id },
);

/** Of a group that went on for a while: nobody claims what another has. */
const settledMembers = (maxMembers: number, maxShards: number) =>
  fc.record({
    shards: fc.integer({ min: 1, max: maxShards }),
    owners: fc.array(fc.nat(maxMembers), { minLength: maxShards, maxLength: maxShards }),
    count: fc.integer({ min: 1, max: maxMembers }),
  }).map(({ shards, owners, count }) => ({
    shards,
    // An owner that is none of the members has left.
    members: range(count).map((member): Claimant => ({
      id: `m${member}`,
      shards: range(shards).filter((shard) => owners[shard] === member),
      generation: 1,
    })),
  }));

function seeded(): { readonly seed: number } {
  const seed = Date.now() % 1_000_000;
  console.log(`seed ${seed}`);
  return { seed };
}

Deno.test("assignShards() gives each shard to one, and equally many to each, whatever they claim (1)", () => {
  fc.assert(
    fc.property(anyMembers, fc.integer({ min: 1, max: 20 }), (members, shards) => {
      checkWhole(assignShards(members, shards), members, shards);
    }),
    seeded(),
  );
});

Deno.test("assignShards() moves as few shards as equal shares allow (2)", () => {
  fc.assert(
    fc.property(settledMembers(3, 6), ({ members, shards }) => {
      const assigned = assignShards(members, shards);
      checkWhole(assigned, members, shards);
      assert.equal(staying(members, assigned), mostStaying(members, shards));
    }),
    seeded(),
  );
});

/** By trying every assignment. */
function mostStaying(members: readonly Claimant[], shards: number): number {
  let most = 0;
  for (const code of range(members.length ** shards)) {
    const owners = range(shards).map((shard) => Math.floor(code / members.length ** shard) % members.length);
    const sizes = members.map((_, member) => owners.filter((owner) => owner === member).length);
    if (Math.max(...sizes) - Math.min(...sizes) > 1) continue;
    most = Math.max(most, owners.filter((owner, shard) => members[owner]?.shards.includes(shard)).length);
  }
  return most;
}

Deno.test("assignShards() changes nothing when nobody came or left (2)", () => {
  fc.assert(
    fc.property(anyMembers, fc.integer({ min: 1, max: 20 }), (members, shards) => {
      const assigned = assignShards(members, shards);
      assert.deepEqual(assignShards(claimsOf(assigned, 4), shards), assigned);
    }),
    seeded(),
  );
});

Deno.test("assignShards() moves only what the new member gets, or what the one that left had (2)", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 40 }), (count, shards) => {
      const before = assignShards(range(count).map((n) => fresh(`m${n}`)), shards);
      const more = assignShards([...claimsOf(before, 1), fresh("new")], shards);
      const moved = (from: Assigned, to: Assigned) =>
        range(shards).filter((shard) => ownersOf(from, shards)[shard] !== ownersOf(to, shards)[shard]);
      assert.deepEqual(moved(before, more), more.get("new"));
      const left = more.get("m0");
      const fewer = assignShards(claimsOf(more, 2).filter(({ id }) => id !== "m0"), shards);
      assert.deepEqual(moved(more, fewer), left);
    }),
    seeded(),
  );
});

Deno.test("assignShards() believes the latest of those that claim a shard, where shares allow it (3)", () => {
  const now = assignShards([fresh("a"), fresh("b")], 8);
  const stale: Claimant = { id: "z", shards: range(8), generation: 4 };
  const assigned = assignShards([stale, ...claimsOf(now, 5)], 8);
  for (const id of ["a", "b"]) {
    assert.deepEqual(assigned.get(id)?.filter((shard) => !now.get(id)?.includes(shard)), []);
  }
  assert.equal(assigned.get("z")?.length, 2);
});

Deno.test("assignShards() is the same whatever the order of the members", () => {
  const withOrder = anyMembers.chain((members) =>
    fc.record({
      members: fc.constant(members),
      shuffled: fc.shuffledSubarray(members, { minLength: members.length }),
    })
  );
  fc.assert(
    fc.property(withOrder, fc.integer({ min: 1, max: 20 }), ({ members, shuffled }, shards) => {
      assert.deepEqual(
        ownersOf(assignShards(shuffled, shards), shards),
        ownersOf(assignShards(members, shards), shards),
      );
    }),
    seeded(),
  );
});

Deno.test("assignShards() leaves members without shards when there are more of them", () => {
  const members = range(5).map((n) => fresh(`m${n}`));
  const assigned = assignShards(members, 2);
  checkWhole(assigned, members, 2);
  assert.equal(assignShards([], 2).size, 0);
});
