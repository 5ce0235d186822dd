/**
 * This node among the others: it joins them, and takes and gives up shards as they agree.
 *
 * 1. It joins when its hosts are up: until then, the shards that it is given would be folded by nobody.
 * 2. One that stops takes no shard any more, and goes on giving up those that are others'.
 * 3. Where there is no other node, all shards are its own from the start.
 */

import type { Agreement } from "../core/cluster.ts";
import { LogError } from "../log/port.ts";
import type { LogMembership } from "../log/start_log_thread.ts";
import type { NodeHosts } from "./node_hosts.ts";
import type { Report } from "./notice.ts";
import type { Rebalances } from "./rebalances.ts";

/** Where a node hears which shards are its own, once it has joined. */
export type Agreements = Pick<LogMembership, "join" | "onAgreed">;

export interface NodeMembershipParts {
  /** Null when there is no other node. */
  readonly agreements: Agreements | null;
  readonly shardCount: number;
  readonly hosts: Pick<NodeHosts, "hostOf" | "own" | "up">;
  readonly rebalances: Pick<Rebalances, "agreed">;
  readonly report: Report;
  /** It cannot join, however often it tries. */
  refused(error: LogError): void;
}

export class NodeMembership {
  readonly #parts: NodeMembershipParts;
  #isStopping = false;

  constructor(parts: NodeMembershipParts) {
    this.#parts = parts;
  }

  start(): void {
    const { agreements, hosts, shardCount } = this.#parts;
    if (agreements === null) return hosts.own(Array.from({ length: shardCount }, (_, shard) => shard));
    agreements.onAgreed((agreement) => this.#agreed(agreement));
    void hosts.up.then(() => this.#join(agreements));
  }

  async #join(agreements: Agreements): Promise<void> {
    try {
      if (!this.#isStopping) await agreements.join();
    } catch (thrown) {
      // The log goes on trying after any other failure, and says what it waits for.
      if (thrown instanceof LogError && thrown.code === "refused") this.#parts.refused(thrown);
    }
  }

  #agreed({ number, own, durationMs }: Agreement): void {
    const { hosts, rebalances, shardCount, report } = this.#parts;
    const shards = this.#isStopping ? own.filter((shard) => hosts.hostOf(shard) !== null) : own;
    rebalances.agreed({ number, own: shards, durationMs });
    hosts.own(shards);
    const tookMs = Math.round(durationMs);
    const message =
      `The nodes have agreed, in ${tookMs} ms: ${shards.length} of ${shardCount} shards are this one's.`;
    const fields = { shards: shards.length, durationMs: tookMs };
    report({ level: "info", component: "node", event: "agreed", like: message, message, fields });
  }

  /** It takes nothing from now on. */
  stop(): void {
    this.#isStopping = true;
  }
}
