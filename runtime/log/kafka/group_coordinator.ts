/**
 * What the brokers say of the group, and taking members out of it, over connections of their own: on those of the
 * member everything waits while it joins.
 *
 * 1. Callers of `describe` who come within `groupGatherMs` share a request, which begins after the last of them came.
 * 2. What fails is tried again until `groupDeadlineMs`; then it throws a `LogError`.
 */

import type { Cluster, Consumer, GroupDescription, Kafka } from "kafkajs";
import { hasSettled, orLate } from "../../rpc.ts";
import { LogError } from "../port.ts";
import { refusalOf, typeOf, unavailable } from "./errors.ts";
import { closeDeadlineMs, fewRetries, groupDeadlineMs, groupGatherMs, groupRetryMs } from "./limits.ts";
import type { KafkaSettings } from "./settings.ts";

export interface GroupCoordinatorParts {
  readonly kafka: Kafka;
  readonly settings: KafkaSettings;
  readonly group: string;
}

/** What every broker of the library has, and its types leave out. */
interface LeaveGroup {
  leaveGroup(request: { readonly groupId: string; readonly memberId: string }): Promise<unknown>;
}

const canLeave = (broker: object): broker is LeaveGroup => "leaveGroup" in broker;

export class GroupCoordinator {
  readonly #parts: GroupCoordinatorParts;
  /** It joins no group: it is how the library gives away its connections. */
  readonly #consumer: Consumer;
  #cluster: Cluster | null = null;
  #asking: Promise<GroupDescription> | null = null;
  #isClosed = false;

  constructor(parts: GroupCoordinatorParts) {
    this.#parts = parts;
    this.#consumer = parts.kafka.consumer({
      groupId: parts.group,
      allowAutoTopicCreation: false,
      retry: fewRetries,
      partitionAssigners: [({ cluster }) => {
        this.#cluster = cluster;
        return {
          name: "none",
          version: 0,
          protocol: () => ({ name: "none", metadata: Buffer.alloc(0) }),
          assign: () => Promise.resolve([]),
        };
      }],
    });
  }

  async open(): Promise<void> {
    await this.#consumer.connect();
  }

  describe(): Promise<GroupDescription> {
    this.#asking ??= this.#gather();
    return this.#asking;
  }

  /** False: it was no member. */
  async remove(memberId: string): Promise<boolean> {
    const groupId = this.#parts.group;
    return await this.#persist(async () => {
      try {
        const broker = await this.#find();
        if (!canLeave(broker)) throw new LogError("refused", "This version of kafkajs removes no members.");
        await broker.leaveGroup({ groupId, memberId });
        return true;
      } catch (thrown) {
        if (typeOf(thrown) === "UNKNOWN_MEMBER_ID") return false;
        throw thrown;
      }
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await hasSettled(this.#consumer.disconnect(), closeDeadlineMs);
  }

  async #gather(): Promise<GroupDescription> {
    await new Promise((resolve) => setTimeout(resolve, groupGatherMs));
    this.#asking = null;
    return await this.#persist(async () => {
      const { group } = this.#parts;
      const broker = await this.#find();
      const { groups }: { groups: readonly GroupDescription[] } = await broker.describeGroups({
        groupIds: [group],
      });
      const described = groups.find(({ groupId }) => groupId === group);
      if (described === undefined) throw new Error(`it does not describe the group ${group}`);
      return described;
    });
  }

  #find() {
    if (this.#cluster === null) throw new LogError("unavailable", "Kafka's group was not asked for yet.");
    return this.#cluster.findGroupCoordinator({ groupId: this.#parts.group });
  }

  async #persist<T>(attempt: () => Promise<T>): Promise<T> {
    const { settings } = this.#parts;
    const endMs = performance.now() + groupDeadlineMs;
    const late = () => new Error(`it has not answered for ${groupDeadlineMs} ms`);
    for (;;) {
      if (this.#isClosed) throw new LogError("closed", "The log is closed.");
      try {
        return await orLate(attempt(), Math.max(0, endMs - performance.now()), late);
      } catch (thrown) {
        const refusal = refusalOf(thrown, settings);
        if (refusal !== null) throw refusal;
        if (performance.now() + groupRetryMs >= endMs) throw unavailable(thrown, settings);
      }
      await new Promise((resolve) => setTimeout(resolve, groupRetryMs));
    }
  }
}
