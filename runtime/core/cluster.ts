/**
 * Which node of a cluster takes which shard, as all of them agreed.
 *
 * 1. An agreement says who may claim a shard. Who owns it, its epoch in the store alone decides: a node that hears late,
 *    or wrongly, is fenced.
 * 2. A node has a name for one life of its process, which no other life ever has.
 */

export interface ClusterNode {
  /** Unique, as `host/node-0/3f9a2c`: a person should see which machine and which of its nodes it is. */
  readonly name: string;
  /** Where the other nodes reach it, without a slash at the end: `http://10.0.0.3:9464`. */
  readonly url: string;
}

/** A node that joins. */
export interface Member extends ClusterNode {
  /** Names of nodes that are known to be dead: evicted before it joins. */
  readonly dead: readonly string[];
}

/** What this node heard last. */
export interface Agreement {
  /** Counts what this node heard; of two, the greater is the later. */
  readonly number: number;
  /** The shards it may claim, ascending; none while it belongs to no agreement. */
  readonly own: readonly number[];
  /** How long the nodes took to agree, during which nothing was read. */
  readonly durationMs: number;
}

/** Everybody's shards. */
export interface ClusterTable {
  /** By name. */
  readonly nodes: readonly ClusterNode[];
  /** By shard: which of `nodes` may claim it; null: none of them. */
  readonly owners: readonly (number | null)[];
}
