/**
 * What this node can tell of all nodes and shards, as it is asked: from the nodes' agreement, the shards' rows in the store,
 * and the log.
 *
 * 1. What one of these does not tell in time is left out, and `missing` says so: it is looked at when something is wrong.
 */

import type { ClusterNode, ClusterTable } from "../core/cluster.ts";
import { MAILBOX } from "../core/checkpoint.ts";
import { errorMessage } from "../core/errors.ts";
import type { MailboxLog } from "../log/port.ts";
import { orLate } from "../rpc.ts";
import type { ShardRow, Store } from "../store/port.ts";
import { ownerIn } from "./owners.ts";
import type { Rebalance } from "./rebalances.ts";

export interface NodeStatus extends ClusterNode {
  /** It answers this. */
  readonly isSelf: boolean;
  /** How many it may claim. */
  readonly shards: number;
}

export interface ClusterShard {
  readonly shard: number;
  /** The node that may claim it; null when none may, or that is not known. */
  readonly node: string | null;
  /** Who claimed it last; null when nobody did. */
  readonly owner: string | null;
  readonly epoch: number;
  /** By log or topic, the last offset in a confirmed checkpoint. */
  readonly position: Readonly<Record<string, number>>;
  /** Frames of its log that are in no confirmed checkpoint; null when that is not known. */
  readonly lag: number | null;
  /** When it made its last checkpoint or was claimed, by the store's clock; null when that is not known. */
  readonly checkpointAtMs: number | null;
}

export interface ClusterStatus {
  readonly nodes: readonly NodeStatus[];
  readonly shards: readonly ClusterShard[];
  /** Those that this node heard of, the newest first. */
  readonly rebalances: readonly Rebalance[];
  /** What could not be learned, as sentences. */
  readonly missing: readonly string[];
}

export interface ClusterViewParts {
  readonly self: ClusterNode;
  readonly shardCount: number;
  readonly store: Pick<Store, "rows">;
  readonly log: Pick<MailboxLog, "extent">;
  /** Null: there is no other node, and all shards are this one's. */
  readonly table: (() => Promise<ClusterTable>) | null;
  rebalances(): readonly Rebalance[];
}

export async function clusterStatus(parts: ClusterViewParts, deadlineMs: number): Promise<ClusterStatus> {
  const { self, shardCount, store, log, table } = parts;
  const missing: string[] = [];
  const orNull = async <T>(what: string, asked: Promise<T>): Promise<T | null> => {
    try {
      return await orLate(asked, deadlineMs, () => new Error(`no answer within ${deadlineMs} ms`));
    } catch (thrown) {
      missing.push(`${what}: ${errorMessage(thrown)}`);
      return null;
    }
  };
  const every = Array.from({ length: shardCount }, (_, shard) => shard);
  const [agreed, rows, ends] = await Promise.all([
    table === null ? alone(self, every) : orNull("which node has which shard", table()),
    orNull("what the store has of the shards", store.rows()),
    orNull("where the log ends", Promise.all(every.map(async (shard) => (await log.extent(shard)).end))),
  ]);
  const byShard = new Map(rows?.map((row) => [row.shard, row]));
  return {
    nodes: nodesOf(agreed ?? { nodes: [self], owners: [] }, self),
    shards: every.map((shard) => {
      const node = agreed === null ? null : ownerIn(agreed, shard)?.name ?? null;
      return { shard, node, ...rowOf(byShard.get(shard), rows === null ? null : ends?.[shard] ?? null) };
    }),
    rebalances: parts.rebalances(),
    missing,
  };
}

function alone(self: ClusterNode, shards: readonly number[]): ClusterTable {
  return { nodes: [self], owners: shards.map(() => 0) };
}

function nodesOf({ nodes, owners }: ClusterTable, self: ClusterNode): NodeStatus[] {
  return nodes.map(({ name, url }, place) => ({
    name,
    url,
    isSelf: name === self.name,
    shards: owners.filter((owner) => owner === place).length,
  })).sort((one, other) => one.name < other.name ? -1 : 1);
}

function rowOf(row: ShardRow | undefined, end: number | null): Omit<ClusterShard, "shard" | "node"> {
  const positions = Object.entries(row?.positions ?? {}).map(([topic, { offset }]) => [topic, offset]);
  const position: Readonly<Record<string, number>> = Object.fromEntries(positions);
  const { owner = null, epoch = 0, committedAtMs = 0 } = row ?? {};
  return {
    owner,
    epoch,
    position,
    lag: end === null ? null : Math.max(0, end - 1 - (position[MAILBOX] ?? -1)),
    checkpointAtMs: committedAtMs === 0 ? null : committedAtMs,
  };
}
