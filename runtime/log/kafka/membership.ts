/**
 * This node in Kafka's group: what the members agreed, who has which shard, and taking the dead out.
 *
 * 1. `onAgreed` hears each agreement that this node is part of, and when it is part of none: see `standing.ts`.
 * 2. The members that `dead` names, and those that this node was in an earlier attempt, are taken out before it joins:
 *    the others would wait for them.
 * 3. A member's name is in its client id, which the brokers tell while the members agree, too: so a dead one is taken
 *    out when the others wait for it already.
 */

import type { GroupDescription } from "kafkajs";
import type { Agreement, ClusterNode, ClusterTable, Member } from "../../core/cluster.ts";
import { LogError } from "../port.ts";
import type { MemberCalls } from "../thread_messages.ts";
import type { GroupCoordinator } from "./group_coordinator.ts";
import { agreeingDeadlineMs, groupRetryMs, membershipWatchMs } from "./limits.ts";
import { decodeAssignment, decodeSubscription, type MemberWord } from "./member_metadata.ts";
import { type KafkaSettings, mailboxTopic } from "./settings.ts";
import { Standing } from "./standing.ts";

/** By which the brokers know the connections of a member. */
export function clientIdOf({ prefix }: KafkaSettings, name: string): string {
  return `${prefix}/${name}`;
}

export interface MembershipParts {
  readonly coordinator: Pick<GroupCoordinator, "describe" | "remove">;
  readonly settings: KafkaSettings;
  readonly member: Member;
  readonly shards: number;
  onAgreed(agreement: Agreement): void;
}

/** What the library says when it has joined. */
export interface Joined {
  readonly memberId: string;
  /** Ascending. */
  readonly own: readonly number[];
  readonly durationMs: number;
}

type GroupMember = GroupDescription["members"][number];

export class Membership implements Omit<MemberCalls, "join"> {
  readonly #parts: MembershipParts;
  readonly #watch: ReturnType<typeof setInterval>;
  readonly #standing: Standing;
  #memberId: string | null = null;
  /** It has begun to join. */
  #mayBeIn = false;

  constructor(parts: MembershipParts) {
    this.#parts = parts;
    this.#standing = new Standing(parts.shards);
    this.#watch = setInterval(
      () => this.#say(this.#standing.look(performance.now())),
      membershipWatchMs,
    );
  }

  /** What it tells whoever divides the shards. */
  word(): MemberWord {
    const { name, url } = this.#parts.member;
    const { own, generation } = this.#standing;
    return { name, url, shards: own, generation };
  }

  /** To be awaited before a consumer joins for the first time. */
  async clear(): Promise<void> {
    const { name, dead } = this.#parts.member;
    this.#memberId = null;
    this.#mayBeIn = true;
    await this.#remove(new Set([...dead, name]));
    this.#standing.left(performance.now());
  }

  joined({ memberId, own, durationMs }: Joined): void {
    this.#memberId = memberId;
    this.#say(this.#standing.joined(own, durationMs, performance.now()));
  }

  heard(generation: number): void {
    this.#say(this.#standing.heard(generation, performance.now()));
  }

  /** It was told that it is no member any more. */
  left(): void {
    this.#memberId = null;
    this.#standing.left(performance.now());
  }

  async holds(shard: number): Promise<boolean> {
    const { state, members } = await this.#parts.coordinator.describe();
    // Read afterwards: it may have joined meanwhile.
    const own = members.find(({ memberId }) => memberId === this.#memberId);
    return state === "Stable" && own !== undefined && this.#shardsOf(own).includes(shard);
  }

  async table(): Promise<ClusterTable> {
    const endMs = performance.now() + agreeingDeadlineMs;
    for (;;) {
      const { state, members } = await this.#parts.coordinator.describe();
      if (state === "Stable") return this.#tableOf(members);
      if (performance.now() >= endMs) {
        throw new LogError("unavailable", `The nodes have not agreed within ${agreeingDeadlineMs} ms.`);
      }
      await new Promise((resolve) => setTimeout(resolve, groupRetryMs));
    }
  }

  evict(name: string): Promise<boolean> {
    return this.#remove(new Set([name]));
  }

  /** Leaves what the library has not left: it does so only while it fetches. */
  async close(): Promise<void> {
    clearInterval(this.#watch);
    if (this.#mayBeIn) await this.#remove(new Set([this.#parts.member.name]));
  }

  #say(agreement: Agreement | null): void {
    if (agreement !== null) this.#parts.onAgreed(agreement);
  }

  async #remove(names: ReadonlySet<string>): Promise<boolean> {
    const { coordinator, settings } = this.#parts;
    const clientIds = new Set([...names].map((name) => clientIdOf(settings, name)));
    const { members } = await coordinator.describe();
    const found = members.filter(({ clientId }) => clientIds.has(clientId));
    const removed = await Promise.all(found.map(({ memberId }) => coordinator.remove(memberId)));
    return removed.includes(true);
  }

  #shardsOf({ memberAssignment }: GroupMember): number[] {
    return decodeAssignment(memberAssignment, mailboxTopic(this.#parts.settings));
  }

  #tableOf(members: readonly GroupMember[]): ClusterTable {
    const known = members.flatMap((member) => {
      const subscription = decodeSubscription(member.memberMetadata);
      if (subscription === null) return [];
      const { name, url } = subscription;
      return [{ node: { name, url }, own: this.#shardsOf(member) }];
    }).sort(({ node: a }, { node: b }) => a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
    const nodes: ClusterNode[] = known.map(({ node }) => node);
    const owners: (number | null)[] = Array.from({ length: this.#parts.shards }, () => null);
    for (const [place, { own }] of known.entries()) {
      for (const shard of own) if (shard < owners.length) owners[shard] = place;
    }
    return { nodes, owners };
  }
}
