import assert from "node:assert/strict";
import fc from "fast-check";
import { compress } from "snappyjs";
import { uncompressSnappy } from "../../runtime/snappy.ts";

const maxBytes = 100_000;
/** Bytes that snappy finds repeats in. */
const texts = fc.array(fc.constantFrom("sensor", "0.125", "temperature", "é", " "), { maxLength: 300 })
  .map((words) => new TextEncoder().encode(words.join("")));

Deno.test("uncompressSnappy() gives back what was compressed, and only that", () => {
  fc.assert(fc.property(fc.oneof(texts, fc.uint8Array({ maxLength: 5000 })), (bytes) => {
    const block = compress(bytes);
    assert.deepEqual(uncompressSnappy(block, maxBytes), new Uint8Array(bytes));
    if (block.length > 1) assert.throws(() => uncompressSnappy(block.subarray(0, -1), maxBytes));
  }));
});

Deno.test("uncompressSnappy() ends with a sentence whatever the block is", () => {
  const tags = fc.constantFrom(0xf0, 0xf4, 0xf8, 0xfc, 0xff, 0xfe, 0xfd, 1, 2, 3);
  const anything = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc.array(fc.oneof(tags, fc.nat(255)), { maxLength: 40 }).map((bytes) => Uint8Array.from([20, ...bytes])),
    fc.tuple(texts, fc.nat(), fc.nat(255)).map(([bytes, place, byte]) => {
      const block = compress(bytes);
      block[place % block.length] = byte;
      return block;
    }),
  );
  fc.assert(
    fc.property(anything, (block) => {
      try {
        uncompressSnappy(block, maxBytes);
      } catch (thrown) {
        assert.match(String(thrown), /^Error: It (is|ends) /);
      }
    }),
    { numRuns: 3000 },
  );
});

Deno.test("uncompressSnappy() refuses a literal of more than 2 GiB, which went round and round before", () => {
  const block = Uint8Array.of(90, 252, 250, 0, 4, 252, 100);
  assert.throws(() => uncompressSnappy(block, maxBytes), /damaged near byte 1$/);
  assert.throws(
    () => uncompressSnappy(compress(new Uint8Array(200)), 100),
    /200 bytes uncompressed, and 100/,
  );
});
