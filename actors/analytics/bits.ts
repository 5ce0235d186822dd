/** Bits in 32-bit words that begin at word `at`. */

export function hasBit(words: Uint32Array, at: number, bit: number): boolean {
  return (words[at + (bit >> 5)]! & (1 << (bit & 31))) !== 0;
}

export function setBit(words: Uint32Array, at: number, bit: number): void {
  words[at + (bit >> 5)]! |= 1 << (bit & 31);
}

export function clearBit(words: Uint32Array, at: number, bit: number): void {
  words[at + (bit >> 5)]! &= ~(1 << (bit & 31));
}

/** Hacker's Delight (Warren 2012), section 5-1. */
function ones(word: number): number {
  word -= (word >>> 1) & 0x55555555;
  word = (word & 0x33333333) + ((word >>> 2) & 0x33333333);
  return Math.imul((word + (word >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

export function countBits(words: Uint32Array, at: number, wordCount: number): number {
  let count = 0;
  for (let i = at; i < at + wordCount; i++) count += ones(words[i]!);
  return count;
}

/** The first set bit of `count` words at `at` that is not before bit `from`; -1 when there is none. */
export function nextBit(words: Uint32Array, at: number, count: number, from: number): number {
  let word = from >>> 5;
  if (word >= count) return -1;
  let bits = words[at + word]! & (~0 << (from & 31));
  while (bits === 0) {
    if (++word === count) return -1;
    bits = words[at + word]!;
  }
  // The lowest set bit alone, then its number.
  return word * 32 + 31 - Math.clz32(bits & -bits);
}
