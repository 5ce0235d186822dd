/**
 * Who gets which shard.
 *
 * 1. Every shard has one member; the members' numbers of shards differ by one at most.
 * 2. A member keeps what it has, as far as 1 allows.
 */

export interface Candidate {
  readonly id: string;
  /** The shards that it says it has. */
  readonly has: readonly number[];
}

/** By member id; ascending. */
export function assign(
  members: readonly Candidate[],
  shardCount: number,
): ReadonlyMap<string, readonly number[]> {
  const free = new Set(Array.from({ length: shardCount }, (_, shard) => shard));
  const few = Math.floor(shardCount / Math.max(1, members.length));
  let larger = shardCount % Math.max(1, members.length);
  const order = [...members].sort((a, b) => b.has.length - a.has.length || (a.id < b.id ? -1 : 1));
  const shares = order.map(({ id, has }) => {
    const wanted = has.filter((shard) => free.has(shard));
    const size = wanted.length > few && larger > 0 ? few + 1 : few;
    if (size > few) larger--;
    const own = wanted.slice(0, size);
    for (const shard of own) free.delete(shard);
    return { id, own, size };
  });
  for (const share of shares) {
    if (share.size === few && larger > 0 && larger-- > 0) share.size++;
    for (const shard of [...free].slice(0, share.size - share.own.length)) {
      share.own.push(shard);
      free.delete(shard);
    }
  }
  return new Map(shares.map(({ id, own }) => [id, own.sort((a, b) => a - b)]));
}
