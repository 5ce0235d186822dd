/** Which topic of a name is read: `topic_generation.ts`. */

import assert from "node:assert/strict";
import { partitionName } from "../../runtime/core/sequence.ts";
import { commitMetadata, generationOf, isCommitOf } from "../../runtime/topics/topic_generation.ts";

/** What the shards remember: names without a partition are of their partition 0. */
function lastOf(names: Readonly<Record<string, number>>): ReadonlyMap<string, number> {
  return new Map(Object.entries(names));
}

const marked = { "ENTRY#one/0": 0, "ENTRY/0": 99, "ENTRY/1": 49, "ENTRY2/0": 7 };

const cases = [
  { what: "the first topic", id: "one", last: {}, name: "ENTRY", mark: "ENTRY#one", readTo: 0 },
  {
    what: "one that was read before ids were",
    id: "one",
    last: { "ENTRY/0": 9 },
    name: "ENTRY",
    mark: "ENTRY#one",
    readTo: 10,
  },
  { what: "the same again", id: "one", last: marked, name: "ENTRY", mark: null, readTo: 100 },
  { what: "one made anew", id: "two", last: marked, name: "ENTRY@two", mark: null, readTo: 0, isTold: true },
  {
    what: "that one again",
    id: "two",
    last: { ...marked, "ENTRY@two/0": 4 },
    name: "ENTRY@two",
    mark: null,
    readTo: 5,
  },
  {
    what: "a third",
    id: "three",
    last: { ...marked, "ENTRY@two/0": 4 },
    name: "ENTRY@three",
    mark: null,
    readTo: 0,
    isTold: true,
  },
  {
    what: "one of which only a later one is known",
    id: "one",
    last: { "ENTRY/0": 9, "ENTRY@two/0": 4 },
    name: "ENTRY@one",
    mark: null,
    readTo: 0,
    isTold: true,
  },
  { what: "a topic without an id", id: null, last: marked, name: "ENTRY", mark: null, readTo: 100 },
];

for (const { what, id, last, name, mark, readTo, isTold = false } of cases) {
  Deno.test(`generationOf() remembers ${what} as ${name}`, () => {
    const generation = generationOf("ENTRY", id, lastOf(last));
    assert.deepEqual([generation.name, generation.mark], [name, mark]);
    assert.equal(generation.progress.readTo(0), readTo);
    if (isTold) {
      assert.match(generation.sentence ?? "", /^ENTRY was deleted and made anew .*from its beginning/);
    } else assert.equal(generation.sentence, null);
  });
}

Deno.test("generationOf() refuses a topic of which two are remembered as the first", () => {
  assert.throws(() => generationOf("ENTRY", "one", lastOf({ ...marked, "ENTRY#two/0": 0 })), {
    name: "TopicRefusal",
    message: /^the shards remember one and two as the ids of the first ENTRY/,
  });
});

Deno.test("generationOf() leaves out the mark of a topic that was read already, and says so, when there is no room", () => {
  const full = () => false;
  const known = generationOf("ENTRY", "one", lastOf({ "ENTRY/0": 9 }), full);
  assert.deepEqual([known.name, known.mark, known.progress.readTo(0)], ["ENTRY", null, 10]);
  assert.match(known.sentence ?? "", /^Which topic ENTRY is cannot be remembered/);
  assert.equal(generationOf("ENTRY", "one", lastOf({}), full).mark, "ENTRY#one");
});

Deno.test("generationOf() gives no two topics of a name the same partitions", () => {
  const names = ["one", "two", "three"].map((id) =>
    partitionName(generationOf("ENTRY", id, lastOf(marked)).name, 0)
  );
  assert.equal(new Set(names).size, 3);
});

Deno.test("isCommitOf() refuses what was committed of another topic of the name, and without an id all but the first", () => {
  const [one, two] = ["one", "two"].map((id) => generationOf("ENTRY", id, lastOf(marked)));
  const unknown = generationOf("ENTRY", null, lastOf(marked));
  assert.ok(one !== undefined && two !== undefined);
  assert.ok(isCommitOf(one, commitMetadata(one)));
  assert.ok(!isCommitOf(two, commitMetadata(one)));
  for (const metadata of ["", null, "somebody's"]) {
    assert.ok(isCommitOf(one, metadata) && !isCommitOf(two, metadata));
  }
  assert.ok(isCommitOf(unknown, commitMetadata(one)));
  assert.ok(isCommitOf(one, commitMetadata(unknown)));
});
