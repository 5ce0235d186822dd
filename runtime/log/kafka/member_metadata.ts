/** What members of the group tell each other, as bytes: of themselves when they join, and what they are given. */

import { Buffer } from "node:buffer";
import protocol from "kafkajs/src/consumer/assignerProtocol.js";
import type { ClusterNode } from "../../core/cluster.ts";

const { MemberMetadata, MemberAssignment } = protocol;

export const protocolVersion = 1;

/** What a member says of itself. */
export interface MemberWord extends ClusterNode {
  /** What it has, as far as it knows, and since which generation of the group. */
  readonly shards: readonly number[];
  readonly generation: number;
}

export interface MemberSubscription extends MemberWord {
  readonly topics: readonly string[];
}

export function encodeSubscription({ topics, ...word }: MemberSubscription): Buffer {
  const userData = Buffer.from(JSON.stringify(word));
  return MemberMetadata.encode({ version: protocolVersion, topics: [...topics], userData });
}

/** Null: of somebody else, or of another version. */
export function decodeSubscription(bytes: Buffer): MemberSubscription | null {
  try {
    const metadata = MemberMetadata.decode(bytes);
    if (metadata?.version !== protocolVersion) return null;
    const word = parseWord(JSON.parse(metadata.userData.toString("utf8")));
    return word === null ? null : { ...word, topics: metadata.topics };
  } catch {
    // Whatever these bytes are, they are none of ours.
    return null;
  }
}

function parseWord(word: unknown): MemberWord | null {
  if (typeof word !== "object" || word === null) return null;
  const { name, url, shards, generation } = word as Record<string, unknown>;
  if (typeof name !== "string" || typeof url !== "string" || typeof generation !== "number") return null;
  if (!Array.isArray(shards) || !shards.every((shard) => Number.isInteger(shard))) return null;
  return { name, url, shards, generation };
}

/** Partition n of each topic is for shard n. */
export function encodeAssignment(topics: readonly string[], shards: readonly number[]): Buffer {
  const assignment = Object.fromEntries(topics.map((topic) => [topic, [...shards]]));
  return MemberAssignment.encode({ version: protocolVersion, assignment, userData: Buffer.alloc(0) });
}

/** The shards that a member was given, ascending. */
export function decodeAssignment(bytes: Buffer, mailbox: string): number[] {
  try {
    const given: readonly number[] = MemberAssignment.decode(bytes)?.assignment[mailbox] ?? [];
    return given.toSorted((a, b) => a - b);
  } catch {
    return [];
  }
}
