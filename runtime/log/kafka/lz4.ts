/**
 * Frames of LZ4, from whoever sends them: https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md and
 * lz4_Block_format.md there.
 *
 * Our own, because `lz4js` believes the lengths in a frame and copies for minutes what is not there, and reads frames with
 * checksums of blocks or with a dictionary at wrong places.
 *
 * 1. No checksum is looked at: the batch that holds the frame has one.
 */

const magic = 0x184d2204;
const version = { mask: 0b1100_0000, one: 0b0100_0000 } as const;
const flags = { blockChecksum: 16, contentSize: 8, dictionary: 1 } as const;
/** Magic, flags, block size, the header's checksum, end mark. */
const shortestFrame = 11;
const storedBit = 2 ** 31;
/** A length goes on in the next byte when it is as large as its place allows. */
const fullNibble = 15;
const fullByte = 255;
const shortestMatch = 4;
const firstCapacity = 65_536;

/** @throws an error with a sentence when it is no frame, or one of more than `maxBytes`. */
export function decompressLz4(frame: Uint8Array, maxBytes: number): Uint8Array<ArrayBuffer> {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (frame.length < shortestFrame || view.getUint32(0, true) !== magic) {
    throw new Error("It is no frame of LZ4");
  }
  const flag = frame[4]!;
  if ((flag & version.mask) !== version.one) {
    throw new Error("It is a frame of LZ4 of another version than 1");
  }
  if ((flag & flags.dictionary) !== 0) throw new Error("It is a frame of LZ4 that needs a dictionary");
  const checksumBytes = (flag & flags.blockChecksum) === 0 ? 0 : 4;
  const plain = new Plain(maxBytes);
  for (let at = 7 + ((flag & flags.contentSize) === 0 ? 0 : 8);;) {
    if (at + 4 > frame.length) throw damaged(at);
    const size = view.getUint32(at, true);
    if (size === 0) return plain.bytes();
    const start = at + 4;
    const end = start + size % storedBit;
    if (end > frame.length) throw damaged(start);
    if (size >= storedBit) plain.append(frame, start, end);
    else readBlock(frame, start, end, plain);
    at = end + checksumBytes;
  }
}

/** The block from `start` to `end`: literals and matches by turns, literals last. */
function readBlock(frame: Uint8Array, start: number, end: number, plain: Plain): void {
  let at = start;
  const length = (nibble: number) => {
    let sum = nibble;
    for (let byte = nibble === fullNibble ? fullByte : 0; byte === fullByte; sum += byte) {
      if (at >= end) throw damaged(at);
      byte = frame[at++]!;
    }
    return sum;
  };
  for (;;) {
    if (at >= end) throw damaged(at);
    const token = frame[at++]!;
    const literals = length(token >>> 4);
    if (at + literals > end) throw damaged(at);
    plain.append(frame, at, at + literals);
    at += literals;
    if (at === end) return;
    if (at + 2 > end) throw damaged(at);
    const back = frame[at]! + frame[at + 1]! * 256;
    if (back === 0 || back > plain.length) throw damaged(at);
    at += 2;
    plain.repeat(back, length(token & fullNibble) + shortestMatch);
  }
}

/** What is decompressed, as far as it is. */
class Plain {
  length = 0;
  readonly #maxBytes: number;
  #room: Uint8Array<ArrayBuffer>;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
    this.#room = new Uint8Array(Math.min(firstCapacity, maxBytes));
  }

  bytes(): Uint8Array<ArrayBuffer> {
    return this.#room.subarray(0, this.length);
  }

  append(from: Uint8Array, start: number, end: number): void {
    this.#reserve(end - start);
    this.#room.set(from.subarray(start, end), this.length);
    this.length += end - start;
  }

  /** `count` bytes from `back` before the end on; they may reach into themselves. */
  repeat(back: number, count: number): void {
    this.#reserve(count);
    const from = this.length - back;
    // What is there is twice as long after each copy.
    for (let done = 0; done < count;) {
      const size = Math.min(back + done, count - done);
      this.#room.copyWithin(this.length + done, from, from + size);
      done += size;
    }
    this.length += count;
  }

  #reserve(count: number): void {
    const wanted = this.length + count;
    if (wanted > this.#maxBytes) throw new Error(`It is more than ${this.#maxBytes} bytes uncompressed`);
    if (wanted <= this.#room.length) return;
    const roomBytes = Math.min(this.#maxBytes, Math.max(wanted, 2 * this.#room.length));
    this.#room = new Uint8Array(this.#room.buffer.transfer(roomBytes));
  }
}

function damaged(at: number): Error {
  return new Error(`It is damaged near byte ${at}`);
}
