/**
 * Compressed records of foreign topics: any producer may write gzip, snappy, lz4 or zstd; `kafkajs` reads gzip alone, and
 * as much of it as there is.
 *
 * 1. What one batch decompresses to is bounded.
 */

import { Buffer } from "node:buffer";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { CompressionCodecs, CompressionTypes } from "kafkajs";
import { uncompressSnappy } from "../../snappy.ts";
import { maxDecompressedBytes } from "./limits.ts";
import { decompressLz4 } from "./lz4.ts";

/** In which Kafka's own clients cut what they compress with snappy: https://github.com/xerial/snappy-java */
const snappyMagic = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const snappyHeaderBytes = 16;
const lengthBytes = 4;

function decompressSnappy(bytes: Buffer): Buffer {
  if (!bytes.subarray(0, snappyMagic.length).equals(snappyMagic)) {
    return uncompressBlock(bytes, maxDecompressedBytes);
  }
  const blocks: Buffer[] = [];
  let left = maxDecompressedBytes;
  for (let at = snappyHeaderBytes; at + lengthBytes <= bytes.length;) {
    const end = at + lengthBytes + bytes.readInt32BE(at);
    const block = uncompressBlock(bytes.subarray(at + lengthBytes, end), left);
    left -= block.length;
    blocks.push(block);
    at = end;
  }
  return Buffer.concat(blocks);
}

function uncompressBlock(bytes: Buffer, maxBytes: number): Buffer {
  return Buffer.from(uncompressSnappy(new Uint8Array(bytes), maxBytes));
}

type Compressed = Exclude<CompressionTypes, CompressionTypes.None>;

const decompressors: readonly (readonly [Compressed, (bytes: Buffer) => Uint8Array])[] = [
  [CompressionTypes.GZIP, (bytes) => gunzipSync(bytes, { maxOutputLength: maxDecompressedBytes })],
  [CompressionTypes.Snappy, decompressSnappy],
  [CompressionTypes.LZ4, (bytes) => decompressLz4(new Uint8Array(bytes), maxDecompressedBytes)],
  [CompressionTypes.ZSTD, (bytes) => zstdDecompressSync(bytes, { maxOutputLength: maxDecompressedBytes })],
];

/** Of this thread. */
export function readCompressed(): void {
  for (const [type, decompress] of decompressors) {
    CompressionCodecs[type] = () => ({
      compress: () => Promise.reject(new Error("Nothing of ours is compressed")),
      decompress: (bytes: Buffer) => Promise.try(() => Buffer.from(decompress(bytes))),
    });
  }
}
