/**
 * Asks on their way to the node that has the shard, one hop away.
 *
 * 1. The asked node answers itself, or that the shard is not its own: it asks nobody.
 * 2. A hop that fails, or meets a shard that moved, is followed by a later table. So is one that lasts while the shard goes
 *    to another node: who died without a word is not waited for once the others know it.
 */

import type { ClusterNode, ClusterTable, Member } from "../core/cluster.ts";
import { errorMessage } from "../core/errors.ts";
import type { ShardQuery } from "../core/shard_api.ts";
import type { Clock } from "./clock.ts";
import type { Suspended } from "./engine.ts";
import { hopLookMs, hopMarginMs, maxHopMs, maxPeerDeadlineMs } from "./limits.ts";
import type { Report } from "./notice.ts";
import { ownerIn, Owners } from "./owners.ts";
import { type Connections, HopError, PeerClient } from "./peer_client.ts";
import { askPath, Reply, suspendedPath, SuspendedReply } from "./peer_protocol.ts";

/** What is asked of another node. */
export interface PeerAsk {
  readonly shard: number;
  readonly folded: number;
  readonly isStrict: boolean;
  readonly request: ShardQuery["request"];
  /** By the clock. */
  readonly endMs: number;
  readonly signal: AbortSignal;
  /** How far its way was in vain. */
  readonly way: Way;
}

/** What an ask has learned on its way. */
export interface Way {
  /** The latest table that proved wrong. */
  wrongTable: number;
  /** The node that was asked last; null when no node has the shard. */
  node: string | null;
  /** Why there is no answer yet. */
  trouble: string | null;
}

export interface PeersParts {
  readonly self: Pick<Member, "name">;
  readonly secret: string;
  readonly clock: Clock;
  /** Opens connections to other nodes. */
  connect(): Connections;
  readonly report: Report;
  /** What the nodes agree on now. */
  table(): Promise<ClusterTable>;
}

interface Hop {
  readonly shard: number;
  readonly node: string;
  readonly sinceMs: number;
  readonly end: AbortController;
}

export class Peers {
  readonly #parts: PeersParts;
  readonly #owners: Owners;
  readonly #connections: Connections;
  readonly #client: PeerClient;
  /** In the order of their beginning. */
  readonly #hops = new Set<Hop>();
  #looking: ReturnType<typeof setInterval> | undefined;
  readonly #told = new Set<string>();

  constructor(parts: PeersParts) {
    this.#parts = parts;
    this.#owners = new Owners({ clock: parts.clock, read: () => this.#readTable() });
    this.#connections = parts.connect();
    this.#client = new PeerClient(this.#connections.fetch, parts.secret);
  }

  /** What the shard's node says; null when there was nobody to say anything, as `ask.way` then tells. */
  async ask(ask: PeerAsk): Promise<Reply | null> {
    const node = await this.#ownerFor(ask);
    if (node === null || ask.signal.aborted) return null;
    const { shard, folded, isStrict, request, endMs, way } = ask;
    const leftMs = endMs - this.#parts.clock.nowMs();
    const deadlineMs = Math.min(maxPeerDeadlineMs, Math.max(1, leftMs - hopMarginMs));
    try {
      const reply = await this.#hop(node, ask, { shard, folded, isStrict, request, deadlineMs });
      if (reply.type !== "moved" && !(reply.type === "error" && reply.code === "stopping")) return reply;
      way.trouble = reply.type === "moved" ? "says that it has it no longer" : "is stopping";
    } catch (thrown) {
      if (!(thrown instanceof HopError)) throw thrown;
      way.trouble = `could not be asked: ${thrown.message}`;
      this.#tellOnce(node, thrown);
    }
    return null;
  }

  /** The node to be asked; null when there is none yet. */
  async #ownerFor({ shard, way }: PeerAsk): Promise<ClusterNode | null> {
    try {
      const { number, table } = await this.#owners.laterThan(way.wrongTable);
      // Whatever comes of it, the next attempt wants a later one.
      way.wrongTable = number;
      const owner = ownerIn(table, shard);
      way.node = owner?.name ?? null;
      way.trouble = null;
      if (owner === null) return null;
      if (owner.name === this.#parts.self.name) way.trouble = "takes it over";
      else if (owner.url === "") way.trouble = "has no address for other nodes; start it with one";
      return way.trouble === null ? owner : null;
    } catch (thrown) {
      way.node = null;
      way.trouble = `the nodes' agreement cannot be read: ${errorMessage(thrown)}`;
      return null;
    }
  }

  async #hop({ name, url }: ClusterNode, { shard, signal }: PeerAsk, question: unknown): Promise<Reply> {
    const hop = { shard, node: name, sinceMs: this.#parts.clock.nowMs(), end: new AbortController() };
    const giveUp = () => hop.end.abort();
    if (signal.aborted) giveUp();
    signal.addEventListener("abort", giveUp);
    this.#hops.add(hop);
    this.#looking ??= setInterval(() => void this.look(), hopLookMs);
    try {
      return await this.#client.call(url, askPath, question, Reply, hop.end.signal);
    } finally {
      signal.removeEventListener("abort", giveUp);
      this.#hops.delete(hop);
      if (this.#hops.size === 0) this.#rest();
    }
  }

  #rest(): void {
    clearInterval(this.#looking);
    this.#looking = undefined;
  }

  /** Ends hops that lasted long and whose node has the shard no longer, and those that lasted too long. */
  async look(): Promise<void> {
    const nowMs = this.#parts.clock.nowMs();
    const lasting = (ms: number) => [...this.#hops].filter(({ sinceMs }) => nowMs - sinceMs >= ms);
    for (const { end } of lasting(maxHopMs)) end.abort();
    const late = lasting(hopLookMs);
    const table = late.length === 0 ? null : await this.#freshTable();
    if (table === null) return;
    for (const { shard, node, end } of late) {
      const owner = ownerIn(table, shard);
      // As long as no other has it, the one that was asked may: it keeps it while the nodes agree.
      if (owner !== null && owner.name !== node) end.abort();
    }
  }

  async #readTable(): Promise<ClusterTable> {
    const table = await this.#parts.table();
    this.#client.keepOnly(new Set(table.nodes.map(({ url }) => url)));
    return table;
  }

  async #freshTable(): Promise<ClusterTable | null> {
    try {
      const { number } = await this.#owners.laterThan(0);
      return (await this.#owners.laterThan(number)).table;
    } catch {
      return null;
    }
  }

  /** What somebody has to mend is told, of each node once. */
  #tellOnce({ name, url }: ClusterNode, { message, isLasting }: HopError): void {
    if (!isLasting || this.#told.has(url)) return;
    this.#told.add(url);
    this.#parts.report({
      level: "error",
      component: "peers",
      event: "peer-refused",
      like: name,
      message: `Cannot ask node ${name} at ${url}: ${message}.`,
    });
  }

  /** Suspended actors of all other nodes, at most `limit` of each; `missing` did not say. */
  async suspended(
    after: string,
    limit: number,
    deadlineMs: number,
  ): Promise<{ readonly items: readonly Suspended[]; readonly missing: readonly string[] }> {
    const missing: string[] = [];
    const table = await this.#owners.laterThan(0).then(({ table }) => table, (thrown: unknown) => {
      missing.push(`other nodes: ${errorMessage(thrown)}`);
      return null;
    });
    const others = (table?.nodes ?? []).filter(({ name }) => name !== this.#parts.self.name);
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), deadlineMs);
    const found = await Promise.all(others.map(async ({ name, url }) => {
      try {
        if (url === "") throw new HopError("it has no address for other nodes");
        const question = { after, limit, deadlineMs };
        const { items } = await this.#client.call(url, suspendedPath, question, SuspendedReply, late.signal);
        return items;
      } catch (thrown) {
        missing.push(`${name}: ${late.signal.aborted ? "it did not answer in time" : errorMessage(thrown)}`);
        return [];
      }
    }));
    clearTimeout(timer);
    return { items: found.flat(), missing };
  }

  /** Ends what is under way. */
  close(): void {
    for (const { end } of this.#hops) end.abort();
    this.#rest();
    this.#connections.close();
  }
}
