/**
 * Which member of the group takes which shard. Pure, and the same whatever the order of the members.
 *
 * 1. Each shard goes to one member; how many they have differs by one at most.
 * 2. No assignment for which that is true leaves more shards where they are.
 * 3. A shard that several say they have is with the one whose word is the latest: the others were away.
 */

export interface Claimant {
  /** Of the member in the group; unique. */
  readonly id: string;
  /** What it has, as far as it knows, and since which generation of the group. */
  readonly shards: readonly number[];
  readonly generation: number;
}

/** By the member's id, each with ascending shards. */
export function assignShards(members: readonly Claimant[], shards: number): ReadonlyMap<string, number[]> {
  if (members.length === 0) return new Map();
  const kept = keptShards(members, shards);
  const least = Math.floor(shards / members.length);
  let withOneMore = shards % members.length;
  const taken = new Set<number>();
  const shares: { readonly own: number[]; readonly quota: number }[] = [];
  const assigned = new Map<string, number[]>();
  // Those with the most have the larger shares: so the fewest are given up.
  for (const [id, claimed] of kept) {
    const quota = withOneMore-- > 0 ? least + 1 : least;
    const own = claimed.slice(0, quota);
    for (const shard of own) taken.add(shard);
    shares.push({ own, quota });
    assigned.set(id, own);
  }
  let next = 0;
  for (const { own, quota } of shares) {
    for (; own.length < quota; next++) if (!taken.has(next)) own.push(next);
    own.sort((a, b) => a - b);
  }
  return assigned;
}

/** What each member may keep, those with the most first. */
function keptShards(members: readonly Claimant[], shards: number): [string, number[]][] {
  const latestFirst = members.toSorted((a, b) => b.generation - a.generation || compareIds(a, b));
  const owners = new Map<number, string>();
  for (const { id, shards: claimed } of latestFirst) {
    for (const shard of claimed) {
      if (Number.isInteger(shard) && shard >= 0 && shard < shards && !owners.has(shard)) {
        owners.set(shard, id);
      }
    }
  }
  const kept = new Map<string, number[]>(members.toSorted(compareIds).map(({ id }) => [id, []]));
  for (const [shard, id] of [...owners].sort(([a], [b]) => a - b)) kept.get(id)?.push(shard);
  return [...kept].sort(([, a], [, b]) => b.length - a.length);
}

function compareIds(a: Claimant, b: Claimant): number {
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}
