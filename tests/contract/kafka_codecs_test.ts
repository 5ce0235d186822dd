/**
 * Batches as Kafka's own Java client 4.1.2 compresses them: forty records each, made by its `MemoryRecords.builder`.
 */

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import Decoder from "kafkajs/src/protocol/decoder.js";
import decodeBatch from "kafkajs/src/protocol/recordBatch/v0/decoder.js";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { CompressionCodecs, CompressionTypes } from "kafkajs";
import { readCompressed } from "../../runtime/log/kafka/codecs.ts";
import { readMessages } from "../../runtime/log/kafka/fetch_response.ts";
import { isCompressed } from "../../runtime/log/kafka/record_batches.ts";

const batches = {
  snappy: "AAAAAAAAAAAAAAMX/////wLv4887AAIAAAAnAAABi8/laAAAAAGLz+VoJ///////////////////AAAAKIJTTkFQUFkAAAAA" +
    "AQAAAAEAAALSogywSAAAAARrMDh7ImlkIjoiczAiLCJ2YWx1ZXMiOnsidCI6MH19AEgAAgIEazE4ESUAMT4lAAQxfQElEAQE" +
    "BGsyFUoAMj4lAAAyBSUQBgYEazMVJQAzPiUAADMFJRAICARrNBUlADQ+JQAANAUlEAoKBGs1FSUANT4lAAA1BSUQDAwEazYV" +
    "JQA2PiUAADYFJRAODgRrNxUlADc+JQAANwUlEBAQBGs4FSUAOD4lAAA4BSUQEhIEazkVJQA5PiUAMDl9fQBOABQUBmsxMDw1" +
    "TkJ0AQAxIXUcTgAWFgZrMTEZKEZ3AQAxBVAUGBgGazEyGShCegEAMSF7HE4AGhoGazEzGShCfQEAMSF+HE4AHBwGazE0GShC" +
    "gAEAMSGBHE4AHh4GazE1GShCgwEAMSGEHE4AICAGazE2GShChgEAMSGHHE4AIiIGazE3GShCiQEAMSGKHE4AJCQGazE4GShC" +
    "jAEAMSGNHE4AJiYGazE5GShCjwEAMSmQECgoBmsyOZAAMkKQAQAyKZAQKioGazI5kAAyQpABADIpkBAsLAZrMjmQBDIyPgcC" +
    "ADIpkBAuLgZrMjmQADJCkAEAMimQFDAwBmsyNBXIADJCkAEAMimQEDIyBmsyOZAEMjVCeAApkBA0NAZrMjmQADJCkAEAMimQ" +
    "EDY2BmsyOZAAMkKQAQAyKZAQODgGazI5kAAyQpABADIpkBA6OgZrMjmQADJCkAEAMimQEDw8BmszOZAAM0KQAQAzKZAQPj4G" +
    "azM5kAAzQpABADMpkBBAQAZrMzmQADNCkAEAMymQEEJCBmszOZAAM0KQAQAzKZAQREQGazM5kAAzQpABADMpkBBGRgZrMzmQ" +
    "ADNCkAEAMymQEEhIBmszOZAAM0KQASwzNn19AE4ASkoGazM5kAAzQpABADMpkBBMTAZrMzmQADNCkAEEMzgFUBBOTgZrMzmQ" +
    "ADNCkAEQMzl9fQA=",
  lz4: "AAAAAAAAAAAAAALx/////wJhT/gzAAMAAAAnAAABi8/laAAAAAGLz+VoJ///////////////////AAAAKAQiTRhgQIKxAgAA" +
    "9R1IAAAABGswOHsiaWQiOiJzMCIsInZhbHVlcyI6eyJ0IjowfX0ASAACAgRrMSUAHDElABExJQBVBAQEazIlABwyJQARMiUA" +
    "VQYGBGszJQAcMyUAETMlAFUICARrNCUAHDQlABE0JQBVCgoEazUlABw1JQARNSUAVQwMBGs2JQAcNiUAETYlAFUODgRrNyUA" +
    "HDclABE3JQBVEBAEazglABw4JQAROCUAVRISBGs5JQAcOSUA1Dl9fQBOABQUBmsxMDxzAR0xdAEQMXUBhk4AFhYGazExKAAO" +
    "dwEAeAGGTgAYGAZrMTIoAA16ARAxewGGTgAaGgZrMTMoAA19ARAxfgGGTgAcHAZrMTQoAA2AARAxgQGGTgAeHgZrMTUoAA2D" +
    "ARAxhAGGTgAgIAZrMTYoAA2GARAxhwGGTgAiIgZrMTcoAA2JARAxigGGTgAkJAZrMTgoAA2MARAxjQGGTgAmJgZrMTkoAA2P" +
    "ARIxkAFWKCgGazKQAR0ykAESMpABVioqBmsykAEdMpABEjKQAVYsLAZrMpABHTKQARIykAFWLi4GazKQAR0ykAESMpABVjAw" +
    "BmsykAEdMpABEjKQAWUyMgZrMjXwAB0ykAESMpABVjQ0BmsykAEdMpABEjKQAVY2NgZrMpABHTKQARIykAFWODgGazKQAR0y" +
    "kAESMpABVjo6BmsykAEdMpABEjKQAVY8PAZrM5ABHTOQARIzkAFWPj4GazOQAR0zkAESM5ABVkBABmszkAEdM5ABEjOQAVZC" +
    "QgZrM5ABHTOQARIzkAFWREQGazOQAR0zkAESM5ABVkZGBmszkAEdM5ABEjOQAWVISAZrMza4AR0zkAESM5ABVkpKBmszkAEd" +
    "M5ABEjOQAVZMTAZrM5ABHTOQARIzkAFWTk4GazOQAR0zkAFQMzl9fQAAAAAA",
  zstd: "AAAAAAAAAAAAAAGd/////wL3EWuZAAQAAAAnAAABi8/laAAAAAGLz+VoJ///////////////////AAAAKCi1L/0AWAQLAEbW" +
    "QiQwrTQHguTYpbpLS4hpdRUNqiYiIkSKbdOk7u7+d/e/+zIRbgE+ADcANACQ997T4+Gce3I4WmtPjQZj7InB2N0nW1WfUsrM" +
    "p8XCgZwoWo+SUBWPinCYgGCgUBm1ItSjGh5UBVxPjuNAAXkDALz38lbKOZc3BtNay/tyYYzlbbHsbt6ViqrmTaFkZt6TycrU" +
    "rLwlEmfjRFGM8SkSgRA+QQL380AI9Ybwvae3c845vRlrremtyhjTe63d1ZuAQFX1zmQyU++BgaVLl94CAjHGvAMCIIQBThTF" +
    "GPfebCCEey8svPf2VlBwzu0NQa21vRMSGGN7IyDs7t4HB6q6t4FBZu5dULB27dpbo4kxanOoEYBSVL21d/A11hBikRDm6AEA" +
    "Gg0U2UDBBhpsIMGRi1titJFiGynaSKPdjplYT0eKNlJsI0UbNVkyd6l5qeGoIVzLU+RUuJanyFV4oDWRkFUBAAA=",
};

const wanted = Array.from({ length: 40 }, (_, n) => `{"id":"s${n}","values":{"t":${n}}}`);

readCompressed();

for (const [codec, text] of Object.entries(batches)) {
  Deno.test(`Records that are compressed with ${codec} are read`, async () => {
    const bytes = Buffer.from(text, "base64");
    assert.ok(isCompressed(bytes), "they are left to the library");
    const decoder = new Decoder(bytes);
    const { records } = await decodeBatch(decoder);
    assert.deepEqual(records.map(({ value }: { readonly value: Buffer }) => value.toString()), wanted);
  });
}

const tooMuch = Buffer.alloc(80 * 2 ** 20);

Deno.test("What a batch decompresses to is bounded", async () => {
  const bombs = [[CompressionTypes.ZSTD, zstdCompressSync(tooMuch)], [
    CompressionTypes.GZIP,
    gzipSync(tooMuch),
  ]] as const;
  for (const [type, bomb] of bombs) {
    await assert.rejects(CompressionCodecs[type]().decompress(bomb), /larger|exceed|too large/i);
  }
});

/** The batch with another first offset, and its compressed records replaced. */
function withRecords(batch: Buffer, firstOffset: number, records: Buffer): Buffer {
  const changed = Buffer.concat([batch.subarray(0, 61), records]);
  changed.writeBigInt64BE(BigInt(firstOffset), 0);
  changed.writeInt32BE(changed.length - 12, 8);
  return changed;
}

Deno.test("A batch that cannot be read is one message that says so, and those around it are read", async () => {
  const good = Buffer.from(batches.zstd, "base64");
  // Nobody but the library looks at it, for formats that are older.
  const size = Buffer.alloc(4);
  const again = withRecords(good, 80, good.subarray(61));
  for (const records of [zstdCompressSync(tooMuch), Buffer.from("no zstd at all")]) {
    const bad = withRecords(good, 40, records);
    const messages = await readMessages(Buffer.concat([size, good, bad, again, again.subarray(0, 100)]));
    assert.equal(messages.length, 81);
    const values = messages.map(({ value }: { readonly value: Buffer | null }) => value?.toString());
    assert.deepEqual(values.toSpliced(40, 1), [...wanted, ...wanted]);
    const { offset, key, value } = messages[40]!;
    assert.deepEqual([offset, key], ["79", null]);
    assert.match(String(value), /^The records 40\.\.79 are compressed together and cannot be read: ./);
    assert.equal(messages[41]!.offset, "80");
  }
});
