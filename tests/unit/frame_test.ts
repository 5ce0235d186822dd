import assert from "node:assert/strict";
import fc from "fast-check";
import { FormatError } from "../../runtime/core/errors.ts";
import {
  decodeFrame,
  encodeFrame,
  type Frame,
  partMarker,
  replayMarker,
  senderMarker,
} from "../../runtime/core/frame.ts";

const origin = fc.oneof(
  fc.record({ type: fc.constant("gateway" as const), start: fc.string(), n: fc.nat() }, {
    noNullPrototype: true,
  }),
  fc.record({ type: fc.constant("shard" as const), shard: fc.nat(), n: fc.nat() }, { noNullPrototype: true }),
  fc.constant({ type: "tick" as const }),
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
}, { noNullPrototype: true });

Deno.test("decodeFrame() gives back what encodeFrame() was given", () => {
  fc.assert(fc.property(frame, (original) => assert.deepEqual(decodeFrame(encodeFrame(original)), original)));
});

Deno.test("decodeFrame() throws a FormatError when the text is not a frame", () => {
  const bad = [
    "",
    "{}",
    "[]",
    "[1]",
    '[[2,["t"],[]]]',
    '[[1,["x"],[]]]',
    '[[1,["g",1,1],[]]]',
    '[[1,["t"],[[1,2]]]]',
    '[[1,["t"],[]],0,"a",1]',
    '[[1,["t"],[["k",1]]],0,"a"]',
    '[[1,["t"],[["k",1]]],0,5,1]',
    '[[1,["t"],[["k",1]]],0.5,"a",1]',
    '[[1,["t"],[["k",1]]],-9,"a",1]',
    '[[1,["t"],[["k",1]]],-1,"a","x"]',
  ];
  for (const text of bad) assert.throws(() => decodeFrame(text), FormatError, text);
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
