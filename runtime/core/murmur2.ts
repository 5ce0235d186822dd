/**
 * MurmurHash2 as Kafka's default partitioner uses it (org.apache.kafka.common.utils.Utils.murmur2, seed
 * 0x9747b28c), so that foreign producers keyed by id land in the right shard.
 *
 * Source of the algorithm: Austin Appleby, MurmurHash2, public domain; Kafka's variant is 32 bits, little-endian.
 */

const multiplier = 0x5bd1e995;
const seed = 0x9747b28c;
const textEncoder = new TextEncoder();
// Ids have 1,024 bytes at most; longer texts take the allocating path.
const scratch = new Uint8Array(4096);

/** The hash of `length` first bytes, as a signed 32-bit number. */
export function murmur2(bytes: Uint8Array, length = bytes.length): number {
  let hash = seed ^ length;
  let at = 0;
  for (; at + 4 <= length; at += 4) {
    let word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    word = Math.imul(word, multiplier);
    word ^= word >>> 24;
    hash = Math.imul(hash, multiplier) ^ Math.imul(word, multiplier);
  }
  const rest = length - at;
  if (rest === 3) hash ^= bytes[at + 2]! << 16;
  if (rest >= 2) hash ^= bytes[at + 1]! << 8;
  if (rest >= 1) hash = Math.imul(hash ^ bytes[at]!, multiplier);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, multiplier);
  return hash ^ (hash >>> 15);
}

/** The shard of an id among `shards`: Kafka's `toPositive(murmur2(utf8(id))) % shards`. */
export function shardOf(id: string, shards: number): number {
  return placeOf(id, shards);
}

/** A number below `places` that follows from the id alone; ids spread evenly over them. */
export function placeOf(id: string, places: number): number {
  return (murmur2OfText(id) & 0x7fffffff) % places;
}

/** Of its UTF-8. What is ASCII is encoded here: after a takeover thousands of ids are hashed, each a call of `TextEncoder`. */
function murmur2OfText(id: string): number {
  const length = id.length;
  if (length > 1000) return murmur2(textEncoder.encode(id));
  for (let i = 0; i < length; i++) {
    const unit = id.charCodeAt(i);
    if (unit > 0x7f) {
      const { written } = textEncoder.encodeInto(id, scratch);
      return murmur2(scratch, written);
    }
    scratch[i] = unit;
  }
  return murmur2(scratch, length);
}
