import assert from "node:assert/strict";
import fc from "fast-check";
import { compress } from "lz4js";
import { decompressLz4 } from "../../runtime/log/kafka/lz4.ts";

const maxBytes = 100_000;
/** Bytes in which there are repeats. */
const texts = fc.array(fc.constantFrom("sensor", "0.125", "temperature", "é", " "), { maxLength: 300 })
  .map((words) => new TextEncoder().encode(words.join("")));

Deno.test("decompressLz4() gives back what was compressed, and only that", () => {
  fc.assert(fc.property(fc.oneof(texts, fc.uint8Array({ maxLength: 5000 })), (bytes) => {
    const frame = new Uint8Array(compress(bytes));
    assert.deepEqual(new Uint8Array(decompressLz4(frame, maxBytes)), new Uint8Array(bytes));
    assert.throws(() => decompressLz4(frame.subarray(0, -1), maxBytes));
  }));
});

Deno.test("decompressLz4() gives bytes or a sentence, whatever the frame is", () => {
  const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(texts, damage, (bytes, places) => {
      const frame = new Uint8Array(compress(bytes));
      for (const [place, byte] of places) frame[place % frame.length] = byte;
      try {
        assert.ok(decompressLz4(frame, maxBytes).length <= maxBytes);
      } catch (thrown) {
        assert.match(String(thrown), /^Error: It is /);
      }
    }),
    { numRuns: 3000 },
  );
});

Deno.test("decompressLz4() passes over a size and checksums, and joins blocks", () => {
  // Flags: independent blocks no, a checksum for each, size of the content and its checksum given.
  const header = [4, 34, 77, 24, 0b0101_1100, 64, 9, 0, 0, 0, 0, 0, 0, 0, 99];
  const stored = [3, 0, 0, 128, 97, 98, 99, 1, 2, 3, 4];
  // No literal, six bytes from three before: in the block before and in itself; then one literal.
  const block = [5, 0, 0, 0, 2, 3, 0, 16, 33, 5, 6, 7, 8];
  const frame = Uint8Array.of(...header, ...stored, ...block, 0, 0, 0, 0, 9, 9, 9, 9);
  assert.equal(new TextDecoder().decode(decompressLz4(frame, maxBytes)), "abcabcabc!");
});

Deno.test("decompressLz4() refuses a dictionary and another version", () => {
  const frame = new Uint8Array(compress(new Uint8Array(9)));
  assert.throws(() => decompressLz4(frame.with(4, frame[4]! | 1), maxBytes), /needs a dictionary/);
  assert.throws(() => decompressLz4(frame.with(4, 128), maxBytes), /another version than 1/);
});

Deno.test("decompressLz4() refuses a block that is not there, and what is too large", () => {
  const frame = Uint8Array.of(4, 34, 77, 24, 64, 112, 223, 2, 0, 0, 84, 195, 108, 0, 171, 0, 0);
  assert.throws(() => decompressLz4(frame, maxBytes), /damaged near byte/);
  const large = new Uint8Array(compress(new Uint8Array(2 * maxBytes)));
  assert.throws(() => decompressLz4(large, maxBytes), /more than 100000 bytes uncompressed/);
});
