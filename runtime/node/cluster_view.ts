/**
 * What this node can tell of all nodes and shards, as it is asked: from the nodes' agreement, the shards' rows in the store,
 * and the log.
 *
 * 1. What one of these does not tell in time is left out, and `missing` says so: it is looked at when something is wrong.
 */

import type { ClusterNode, ClusterTable } from "../core/cluster.ts";
import { MAILBOX } from "../core/checkpoint.ts";
import { errorMessage } from "../core/errors.ts";
import type { LogExtent, MailboxLog, TopicLog } from "../log/port.ts";
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
  /** By foreign topic that is folded directly, its records that are in none; null where that is not known. */
  readonly topicLags: Readonly<Record<string, number | null>>;
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
  readonly log: Pick<MailboxLog, "extent"> & Pick<TopicLog, "extents">;
  /** Foreign ones that are folded directly. */
  readonly topics: readonly string[];
  /** Null: there is no other node, and all shards are this one's. */
  readonly table: (() => Promise<ClusterTable>) | null;
  rebalances(): readonly Rebalance[];
}

export async function clusterStatus(parts: ClusterViewParts, deadlineMs: number): Promise<ClusterStatus> {
  const { self, shardCount, store, log, topics, table } = parts;
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
  const [agreed, rows, mailbox, foreign] = await Promise.all([
    table === null ? alone(self, every) : orNull("which node has which shard", table()),
    orNull("what the store has of the shards", store.rows()),
    orNull("where the log ends", Promise.all(every.map((shard) => log.extent(shard)))),
    Promise.all(topics.map((topic) => orNull(`where the topic ${topic} ends`, log.extents(topic)))),
  ]);
  const byShard = byNumber(rows ?? []);
  return {
    nodes: nodesOf(agreed ?? { nodes: [self], owners: [] }, self),
    shards: every.map((shard) => {
      const node = agreed === null ? null : ownerIn(agreed, shard)?.name ?? null;
      const row = byShard.get(shard);
      const lagIn = (topic: string, extents: readonly LogExtent[] | null | undefined) => {
        const extent = extents?.[shard];
        return rows === null || extent === undefined ? null : lagOf(extent, row, topic);
      };
      const topicLags = Object.fromEntries(topics.map((topic, at) => [topic, lagIn(topic, foreign[at])]));
      return { shard, node, ...rowOf(row), lag: lagIn(MAILBOX, mailbox), topicLags };
    }),
    rebalances: parts.rebalances(),
    missing,
  };
}

/** Records of a foreign topic that are in no confirmed checkpoint, of the shards that `isOwn` names. */
export async function topicLag(
  { store, log }: Pick<ClusterViewParts, "store" | "log">,
  topic: string,
  isOwn: (shard: number) => boolean,
): Promise<number> {
  const [rows, extents] = await Promise.all([store.rows(), log.extents(topic)]);
  const byShard = byNumber(rows);
  return extents.reduce(
    (sum, extent, shard) => isOwn(shard) ? sum + lagOf(extent, byShard.get(shard), topic) : sum,
    0,
  );
}

function byNumber(rows: readonly ShardRow[]): ReadonlyMap<number, ShardRow> {
  return new Map(rows.map((row) => [row.shard, row]));
}

/** What was removed before it was read is not waited for. */
function lagOf({ begin, end }: LogExtent, row: ShardRow | undefined, topic: string): number {
  const next = (row?.positions[topic]?.offset ?? -1) + 1;
  return Math.max(0, end - Math.max(begin, next));
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

type RowPart = Pick<ClusterShard, "owner" | "epoch" | "position" | "checkpointAtMs">;

function rowOf(row: ShardRow | undefined): RowPart {
  const positions = Object.entries(row?.positions ?? {}).map(([topic, { offset }]) => [topic, offset]);
  const position: Readonly<Record<string, number>> = Object.fromEntries(positions);
  const { owner = null, epoch = 0, committedAtMs = 0 } = row ?? {};
  return {
    owner,
    epoch,
    position,
    checkpointAtMs: committedAtMs === 0 ? null : committedAtMs,
  };
}
