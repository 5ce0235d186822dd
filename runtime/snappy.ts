/**
 * Blocks of snappy, from whoever sends them: https://github.com/google/snappy/blob/main/format_description.txt
 *
 * `snappyjs` takes a literal's length of four bytes for a signed number and then goes backwards, for ever where the block
 * is made so; and it does not look whether a block is as long as it says. So each block is looked through before.
 */

import { uncompress } from "snappyjs";

const copyWithByte = 1;
const copyWithTwo = 2;
/** Longer literals have their length behind the tag, in as many bytes as the tag says above this. */
const longestInTag = 60;

/** @throws an error with a sentence when it is no block, or one of more than `maxBytes`. */
export function uncompressSnappy(block: Uint8Array, maxBytes: number): Uint8Array<ArrayBuffer> {
  check(block, maxBytes);
  const bytes = uncompress(block, maxBytes);
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function check(block: Uint8Array, maxBytes: number): void {
  const head = { at: 0 };
  const length = varint(block, head);
  if (length > maxBytes) throw new Error(`It is ${length} bytes uncompressed, and ${maxBytes} is the most`);
  let written = 0;
  for (let at = head.at; at < block.length;) {
    const place = at;
    const tag = block[at]!;
    at += 1;
    if ((tag & 3) === 0) {
      const more = (tag >>> 2) + 1 - longestInTag;
      const size = more <= 0 ? (tag >>> 2) + 1 : littleEndian(block, at, more) + 1;
      at += Math.max(0, more) + size;
      written += size;
    } else {
      const kind = tag & 3;
      const bytes = kind === copyWithByte ? 1 : kind === copyWithTwo ? 2 : 4;
      const low = littleEndian(block, at, bytes);
      const back = kind === copyWithByte ? low + ((tag >>> 5) << 8) : low;
      if (back === 0 || back > written) throw damaged(place);
      at += bytes;
      written += kind === copyWithByte ? ((tag >>> 2) & 7) + 4 : (tag >>> 2) + 1;
    }
    if (at > block.length || written > length) throw damaged(place);
  }
  if (written !== length) throw new Error(`It ends after ${written} of ${length} bytes`);
}

function varint(block: Uint8Array, head: { at: number }): number {
  let value = 0;
  for (let factor = 1; factor <= 2 ** 28; factor *= 128) {
    const byte = block[head.at++];
    if (byte === undefined) break;
    value += (byte & 127) * factor;
    if (byte < 128) return value;
  }
  throw damaged(0);
}

function littleEndian(block: Uint8Array, at: number, bytes: number): number {
  let value = 0;
  for (let place = 0; place < bytes; place++) value += (block[at + place] ?? 0) * 256 ** place;
  return value;
}

function damaged(at: number): Error {
  return new Error(`It is damaged near byte ${at}`);
}
