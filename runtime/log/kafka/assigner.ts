/**
 * How the group's leader divides the shards: `assignShards`, for `kafkajs`.
 *
 * 1. A member gets the same partitions of every topic that it subscribed to.
 * 2. Who says nothing that we understand gets nothing.
 */

import type { PartitionAssigner } from "kafkajs";
import { assignShards } from "./assignment.ts";
import {
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
  type MemberWord,
  protocolVersion,
} from "./member_metadata.ts";

/** Kafka lets nobody into the group who does not know the assigner of this name. */
const name = "sensorium-shards";

/** `word`: what this member says of itself, asked at each join. */
export function shardAssigner(shards: number, word: () => MemberWord): PartitionAssigner {
  return () => ({
    name,
    version: protocolVersion,
    protocol: ({ topics }) => ({ name, metadata: encodeSubscription({ ...word(), topics }) }),
    assign: ({ members }) => {
      const ours = members.flatMap(({ memberId, memberMetadata }) => {
        const subscription = decodeSubscription(memberMetadata);
        return subscription === null ? [] : [{ ...subscription, id: memberId }];
      });
      const assigned = assignShards(ours, shards);
      return Promise.resolve(ours.map(({ id, topics }) => ({
        memberId: id,
        memberAssignment: encodeAssignment(topics, assigned.get(id) ?? []),
      })));
    },
  });
}
