/** Nodes with routers and doors, over hosts and a network that the test answers for. */

import type { ClusterNode, ClusterTable } from "../../runtime/core/cluster.ts";
import type { Answer, ShardQuery } from "../../runtime/core/shard_api.ts";
import { MemoryLog } from "../../runtime/log/memory_log.ts";
import { Backlog } from "../../runtime/node/backlog.ts";
import { AskedEnds } from "../../runtime/node/log_ends.ts";
import { NodeView } from "../../runtime/node/node_view.ts";
import type { Notice } from "../../runtime/node/notice.ts";
import type { Fetch } from "../../runtime/node/peer_client.ts";
import { type Door, peerDoor } from "../../runtime/node/peer_door.ts";
import { Peers } from "../../runtime/node/peers.ts";
import { Router } from "../../runtime/node/router.ts";
import { ShardBoard } from "../../runtime/node/shard_board.ts";
import { settled } from "./manual_clock.ts";

export interface HostCall {
  readonly shard: number;
  readonly folded: number;
  readonly request: ShardQuery["request"];
}

export function answered(json: string, offset = 9): Answer {
  return { type: "answered", json, epoch: 2, positions: { mailbox: offset }, nowMs: 4000, suspended: null };
}

/** A network of nodes by their urls, and what they agree on. */
export class Cluster {
  readonly shards = 2;
  nowMs = 0;
  readonly doors = new Map<string, Door>();
  /** By shard: the name of its node. */
  owners: (string | null)[];
  /** What `table` answers; without it, what `owners` says. */
  table: (() => Promise<ClusterTable>) | null = null;
  tablesRead = 0;
  readonly requests: string[] = [];
  readonly nodes: readonly ClusterNode[];
  /** Where the log of every shard ends. */
  end = 10;

  constructor(names: readonly string[], owners: (string | null)[]) {
    this.nodes = names.map((name) => ({ name, url: `http://${name}:9464` }));
    this.owners = owners;
  }

  readonly clock = { nowMs: () => this.nowMs, sleep: settled };

  readTable(): Promise<ClusterTable> {
    this.tablesRead += 1;
    if (this.table !== null) return this.table();
    const names = this.nodes.map(({ name }) => name);
    const owners = this.owners.map((owner) => owner === null ? null : names.indexOf(owner));
    return Promise.resolve({ nodes: this.nodes, owners });
  }

  readonly fetch: Fetch = async (url, init) => {
    const { origin } = new URL(url);
    this.requests.push(origin);
    init.signal?.throwIfAborted();
    const door = this.doors.get(origin);
    if (door === undefined) throw new TypeError("Connection refused");
    const body = String(init.body);
    const headers = { ...Object.fromEntries(new Headers(init.headers)), "content-length": `${body.length}` };
    const gone = Promise.withResolvers<never>();
    init.signal?.addEventListener(
      "abort",
      () => gone.reject(new DOMException("It was aborted", "AbortError")),
    );
    const request = new Request(url, { ...init, headers, body });
    return await Promise.race([door(request), gone.promise]);
  };

  node(name: string, secret = "the secret"): RiggedNode {
    return new RiggedNode(this, name, secret);
  }
}

export class RiggedNode {
  readonly calls: HostCall[] = [];
  readonly notices: Notice[] = [];
  /** What its hosts answer, one after another; then never. */
  readonly answers: (Answer | Error)[] = [];
  readonly board: ShardBoard;
  readonly peers: Peers;
  readonly router: Router;
  readonly door: Door;
  suspended: { kind: string; id: string; sinceMs: number }[] = [];

  constructor(cluster: Cluster, name: string, secret: string) {
    const isOwn = (shard: number) => cluster.owners[shard] === name;
    const extents = Array.from({ length: cluster.shards }, () => ({ begin: 0, end: 10 }));
    const { clock } = cluster;
    const board = this.board = new ShardBoard(extents, (shard) => isOwn(shard) ? 0 : null);
    const report = (notice: Notice) => void this.notices.push(notice);
    const logNowMs = () => 5000;
    this.peers = new Peers({
      self: { name },
      secret,
      clock,
      connect: () => ({ fetch: cluster.fetch, close: () => {} }),
      report,
      table: () => cluster.readTable(),
    });
    const log = { extent: () => Promise.resolve({ begin: 0, end: cluster.end }) };
    this.router = new Router({
      clock,
      board,
      ends: new AskedEnds(log, board, clock),
      view: new NodeView({
        hosts: 1,
        board,
        backlog: new Backlog(cluster.shards),
        clock,
        log: new MemoryLog(cluster.shards, () => 0),
        topics: [],
        logNowMs,
        turnBoard: () => null,
      }),
      peers: this.peers,
      isOwn,
      call: (shard, folded, request) => {
        this.calls.push({ shard, folded, request });
        const answer = this.answers.shift();
        if (answer === undefined) return new Promise(() => {});
        return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
      },
      logNowMs,
    });
    this.door = peerDoor({
      secret,
      answer: (question, signal) => this.router.answer(question, signal),
      suspended: () => this.suspended,
      report,
    });
    cluster.doors.set(`http://${name}:9464`, this.door);
  }
}
