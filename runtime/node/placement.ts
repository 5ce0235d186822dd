/**
 * Which of a node's hosts folds which of its shards.
 *
 * 1. Hosts have equally many shards, or one more or less.
 * 2. A shard that stays the node's stays where it was, unless that is against 1: moving it costs a claim and its memory.
 * 3. A node that has all shards from its start folds shard s on host s mod hosts.
 */

/** By shard: its host; null: it is another node's. */
export type Placement = readonly (number | null)[];

/** `own`: the node's shards, each once. `before`: where they were, by shard of all that there are. */
export function place(own: readonly number[], hosts: number, before: Placement): Placement {
  const placement = new Array<number | null>(before.length).fill(null);
  const rooms = roomsOf(own, hosts, before);
  const take = (host: number, shard: number) => {
    placement[shard] = host;
    rooms[host]! -= 1;
  };
  for (const shard of own) {
    const host = before[shard] ?? null;
    if (host !== null && rooms[host]! > 0) take(host, shard);
  }
  const homeless = own.filter((shard) => placement[shard] === null);
  for (const shard of homeless) {
    const home = shard % hosts;
    take(rooms[home]! > 0 ? home : rooms.indexOf(Math.max(...rooms)), shard);
  }
  return placement;
}

/** How many shards each host may have: those that have more already get what cannot be shared out evenly. */
function roomsOf(own: readonly number[], hosts: number, before: Placement): number[] {
  const kept = new Array<number>(hosts).fill(0);
  for (const shard of own) {
    const host = before[shard] ?? null;
    if (host !== null) kept[host]! += 1;
  }
  const [even, more] = [Math.floor(own.length / hosts), own.length % hosts];
  const rooms = new Array<number>(hosts).fill(even);
  // Sorting is stable: of equals the first.
  const fullestFirst = kept.map((_, host) => host).sort((one, other) => kept[other]! - kept[one]!);
  for (const host of fullestFirst.slice(0, more)) rooms[host]! += 1;
  return rooms;
}
