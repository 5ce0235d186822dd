/**
 * All the randomness there is here: a hash of where a number is wanted.
 *
 * MurmurHash3_x86_32 over three words (Austin Appleby, public domain). A hash instead of a generator with state, so
 * that any reading can be made again alone.
 */

function mix(hash: number, word: number): number {
  let k = Math.imul(word, 0xcc9e2d51);
  k = Math.imul((k << 15) | (k >>> 17), 0x1b873593);
  const h = hash ^ k;
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
}

/** 32 random bits, as an unsigned number, that belong to (seed, a, b, c). */
export function hash(seed: number, a: number, b: number, c: number): number {
  let h = mix(mix(mix(seed | 0, a | 0), b | 0), c | 0) ^ 12;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** The same in [0, 1). */
export function fraction(seed: number, a: number, b: number, c: number): number {
  return hash(seed, a, b, c) / 0x1_0000_0000;
}

/** The last word of a hash: what the number is for, so that no two purposes share one. */
export const purpose = {
  sensor: 1,
  history: 2,
  live: 3,
  episode: 4,
  late: 5,
  lateness: 6,
  swap: 7,
  duplicate: 8,
  climate: 9,
} as const;
