import assert from "node:assert/strict";
import fc from "fast-check";
import { hashId } from "../../runtime/core/id_hash.ts";
import { FormatError, InvariantError } from "../../runtime/core/errors.ts";
import {
  decodeFrame,
  encodeEntries,
  encodeFrame,
  type Frame,
  idOf,
  parseFrame,
  partMarker,
  refusedMarker,
  replayMarker,
  senderMarker,
} from "../../runtime/core/frame.ts";

const origin = fc.oneof(
  fc.record({ type: fc.constant("gateway" as const), start: fc.string(), n: fc.nat() }, {
    noNullPrototype: true,
  }),
  fc.record({ type: fc.constant("shard" as const), shard: fc.nat(), n: fc.nat() }, { noNullPrototype: true }),
  fc.nat().map((epoch) => ({ type: "tick" as const, epoch })),
);
const body = fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)));
const entry = fc.oneof(
  fc.tuple(fc.nat(1), fc.string(), body),
  fc.tuple(fc.constant(partMarker), fc.string(), fc.nat()),
  fc.tuple(fc.constant(senderMarker), fc.string(), fc.string()),
  fc.tuple(fc.constant(replayMarker), fc.string(), fc.nat()),
);
const frame: fc.Arbitrary<Frame> = fc.record({
  origin,
  types: fc.constant([["sensor", 1], ["series", 2]] as const),
  entries: fc.array(entry, { maxLength: 20 }).map((entries) => entries.flat(1)),
  contexts: fc.array(fc.string(), { minLength: 1, maxLength: 3 }),
}, { noNullPrototype: true, requiredKeys: ["origin", "types", "entries"] });

Deno.test("decodeFrame() gives back what encodeFrame() was given", () => {
  fc.assert(fc.property(frame, (original) => assert.deepEqual(decodeFrame(encodeFrame(original)), original)));
});

const record = fc.oneof(
  fc.tuple(fc.nat(1), fc.string(), body),
  fc.tuple(fc.constant(refusedMarker), fc.string(), fc.tuple(fc.string(), fc.string())),
);
const sourceFrame: fc.Arbitrary<Frame> = fc.tuple(
  fc.array(fc.tuple(record, fc.nat(3)), { maxLength: 20 }),
  fc.nat(2 ** 40),
  fc.nat(9),
).map(([records, first, partition]) => {
  let offset = first;
  return {
    origin: {
      type: "source",
      topic: "ENTRY",
      partition,
      offsets: records.map(([, distance]) => offset += distance),
    },
    types: [["sensor", 1], ["series", 2]],
    entries: records.flatMap(([entry]) => entry),
  };
});

Deno.test("decodeFrame() gives back what encodeFrame() was given of a foreign topic", () => {
  fc.assert(
    fc.property(sourceFrame, (original) => assert.deepEqual(decodeFrame(encodeFrame(original)), original)),
  );
});

Deno.test("encodeFrame() puts successive messages of one type into one run", () => {
  const entries = [0, "a", 1, 0, "b", [2], senderMarker, "s", "sensor", 0, "c", 3, 1, "c", 4, 0, "", 5];
  const text = encodeFrame({
    origin: { type: "tick", epoch: 1 },
    types: [["sensor", 1], ["series", 2]],
    entries,
  });
  const runs = '0,"a\x7fb",[1,[2]],-2,"s","sensor",0,"c",[3],1,"c",[4],0,"",[5]';
  assert.equal(text, `[[2,["t",1],[["sensor",1],["series",2]]],${runs}]`);
  assert.deepEqual(decodeFrame(text).entries, entries);
});

Deno.test("encodeFrame() changes the header alone when traced requests wrote to the frame", () => {
  const plain = { origin: { type: "tick", epoch: 1 }, types: [["sensor", 1]], entries: [0, "a", 1] } as const;
  assert.equal(encodeFrame(plain), '[[2,["t",1],[["sensor",1]]],0,"a",[1]]');
  const traced = encodeFrame({ ...plain, contexts: ["00-1-2-01", "00-3-4-01"] });
  assert.equal(traced, '[[2,["t",1],[["sensor",1]],["00-1-2-01","00-3-4-01"]],0,"a",[1]]');
  const { contexts, ...rest } = parseFrame(traced);
  assert.deepEqual({ ...rest, contexts: null }, parseFrame(encodeFrame(plain)));
  assert.deepEqual(contexts, ["00-1-2-01", "00-3-4-01"]);
});

Deno.test("parseFrame() finds the hash of every id when ids are of any characters", () => {
  const ids = fc.array(fc.string({ unit: "grapheme" }).filter((id) => !id.includes("\x7f")), {
    minLength: 1,
  });
  fc.assert(fc.property(ids, (some) => {
    const entries = some.flatMap((id, index) => [0, id, index]);
    const parsed = parseFrame(
      encodeFrame({ origin: { type: "tick", epoch: 1 }, types: [["sensor", 1]], entries }),
    );
    assert.deepEqual([...parsed.hashes], some.map(hashId));
    assert.deepEqual(some.map((_, at) => idOf(parsed, parsed.runs[0]!, at)), some);
  }));
});

Deno.test("decodeFrame() throws a FormatError when the text is not a frame", () => {
  const bad = [
    "",
    "{}",
    "[]",
    "[1]",
    '[[1,["t",1],[]]]',
    '[[2,["x"],[]]]',
    '[[2,["g",1,1],[]]]',
    '[[2,["f","T",0,1],[]]]',
    '[[2,["f","T",0,1,[0]],[]]]',
    '[[2,["f","T",0,1,[0,-1]],[["sensor",1]]],0,"a\x7fb",[1,2]]',
    '[[2,["f","T",0,1,[0]],[]],-4,"malformed",["one"]]',
    '[[2,["t",1],[]],-4,"malformed",["not JSON","{"]]',
    '[[2,["t",1],[[1,2]]]]',
    '[[2,["t",1],[]],0,"a",[1]]',
    '[[2,["t",1],[["k",1]],[]],0,"a",[1]]',
    '[[2,["t",1],[["k",1]],[1]],0,"a",[1]]',
    '[[2,["t",1],[["k",1]],"00-1-2-01"],0,"a",[1]]',
    '[[2,["t",1],[["k",1]]],0,"a"]',
    '[[2,["t",1],[["k",1]]],0,5,[1]]',
    '[[2,["t",1],[["k",1]]],0.5,"a",[1]]',
    '[[2,["t",1],[["k",1]]],0,"a",1]',
    '[[2,["t",1],[["k",1]]],0,"a",[]]',
    '[[2,["t",1],[["k",1]]],0,"a",[1,2]]',
    '[[2,["t",1],[["k",1]]],0,"a\x7fb",[1]]',
    '[[2,["t",1],[["k",1]]],-9,"a",1]',
    '[[2,["t",1],[["k",1]]],-1,"a","x"]',
  ];
  for (const text of bad) assert.throws(() => decodeFrame(text), FormatError, text);
});

Deno.test("encodeEntries() throws when an id contains the separator", () => {
  assert.throws(() => encodeEntries([0, "a\x7fb", 1]), InvariantError);
});

Deno.test("decodeFrame() throws nothing but a FormatError when the text is arbitrary", () => {
  const anyText = fc.oneof(fc.string(), fc.json(), frame.map(encodeFrame).map((text) => text.slice(0, -3)));
  fc.assert(fc.property(anyText, (text) => {
    try {
      decodeFrame(text);
    } catch (thrown) {
      assert.ok(thrown instanceof FormatError, String(thrown));
    }
  }));
});
