/** A host as the main thread has it, over threads that the test makes up. Numbers in brackets: `host_handle.ts`. */

import assert from "node:assert/strict";
import { MessageChannel } from "node:worker_threads";
import type { HostDeath } from "../../runtime/core/attempts.ts";
import { HostHandle, type HostThread } from "../../runtime/node/host_handle.ts";
import type { HostOwner } from "../../runtime/node/host_life.ts";
import type { HostAssignment, HostShares, ShardReport } from "../../runtime/node/host_protocol.ts";
import { turnBoardBytes } from "../../runtime/node/turn_board.ts";
import { portsOf } from "../../runtime/store/remote_store.ts";
import { type Port, RpcClient, serve } from "../../runtime/rpc.ts";

/** Two ends: the second hears at once, the first in a moment, as a call is not answered before it is made. */
function connected(): [Port, Port] {
  const listeners: ((message: unknown) => void)[][] = [[], []];
  const end = (own: number): Port => ({
    postMessage(message) {
      const tell = () => listeners[1 - own]!.forEach((listener) => listener(message));
      if (own === 0) tell();
      else queueMicrotask(tell);
    },
    on: (_, listener) => listeners[own]!.push(listener),
    off: (_, listener) => listeners[own]!.splice(listeners[own]!.indexOf(listener), 1),
  });
  return [end(0), end(1)];
}

class FakeThread implements HostThread {
  readonly board = new SharedArrayBuffer(turnBoardBytes);
  readonly rpc: RpcClient;
  /** What it was told of its shards, the assignment first. */
  readonly told: HostShares[] = [];
  readonly died: string[] = [];
  deaths: HostAssignment["deaths"] = {};
  owner: HostOwner | null = null;
  /** What its shards fail to begin with. */
  broken: Error | null = null;

  constructor() {
    const [main, host] = connected();
    this.rpc = new RpcClient(main, ({ message }) => new Error(message));
    serve(host, {
      own: (shares: HostShares) => {
        this.told.push(shares);
        if (this.broken !== null) throw this.broken;
      },
    });
  }

  belongTo(owner: HostOwner): void {
    this.owner = owner;
  }

  assign({ number, shards, deaths, log, store }: HostAssignment): void {
    this.told.push({ number, shards });
    this.deaths = deaths;
    for (const port of [log, ...portsOf(store)]) port.close();
  }

  report(number: number, shards: readonly ShardReport[]): void {
    const totals = { messages: 0, frames: 0, deadLetters: 0 };
    this.owner?.hear({ type: "report", number, shards, totals });
  }

  die(reason: string, inTurn: { shard: number; death: HostDeath } | null = null): void {
    this.died.push(reason);
    this.owner?.ended({ reason, inTurn });
  }

  stop(): Promise<void> {
    this.die("it was stopped");
    return Promise.resolve();
  }
}

function reportOf(shard: number, part: Partial<ShardReport> = {}): ShardReport {
  return {
    shard,
    state: "running",
    epoch: 1,
    folded: 9,
    queuedFrames: 0,
    oldestStampMs: null,
    actors: 0,
    actorBytes: 0,
    openRequests: 0,
    suspended: new Map(),
    keysFull: false,
    isReplaying: false,
    refusal: null,
    ...part,
  };
}

function rig() {
  const threads: FakeThread[] = [];
  const reported: (readonly number[])[] = [];
  const requests: number[] = [];
  const notices: string[] = [];
  const deaths: number[] = [];
  const port = () => {
    const { port1, port2 } = new MessageChannel();
    port2.close();
    return port1;
  };
  const handle = new HostHandle({
    host: 0,
    thread() {
      const thread = new FakeThread();
      threads.push(thread);
      return thread;
    },
    connectLog: port,
    connectStore: () => ({ writes: port(), reads: null }),
    onReport: (shards) => reported.push(shards.map(({ shard }) => shard)),
    details: () => ({}),
    onRequest: ({ shard }) => requests.push(shard),
    onPublished: () => {},
    report: ({ message }) => notices.push(message),
    onDeath: () => {},
    onDeathInTurn: (shard) => deaths.push(shard),
  });
  const start = async () => {
    await handle.child().start(new AbortController().signal);
    return threads.at(-1)!;
  };
  return { handle, start, reported, requests, notices, deaths };
}

const place = { offset: 5, index: 0, timer: 0, step: 0 };

Deno.test("HostHandle.own() tells the thread only what changed, and the next thread from its start [5]", async () => {
  const { handle, start } = rig();
  handle.own([0, 2]);
  const first = await start();
  handle.own([0, 2]);
  handle.own([2, 4]);
  assert.deepEqual(first.told.map(({ shards }) => shards), [[0, 2], [2, 4]]);
  assert.ok(first.told[0]!.number < first.told[1]!.number);
  first.die("the test ends it");
  handle.own([4]);
  handle.own([4, 6]);
  assert.equal(first.told.length, 2, "a thread that died is told nothing");
  const second = await start();
  assert.deepEqual(second.told.map(({ shards }) => shards), [[4, 6]]);
  assert.deepEqual(handle.shards, [4, 6]);
});

Deno.test("HostHandle passes on nothing of a shard that left, nor of an earlier stay of one that is back [5]", async () => {
  const { handle, start, reported, requests } = rig();
  handle.own([0, 1]);
  const thread = await start();
  const [{ number }] = thread.told as [HostShares];
  const request = { shard: 1, n: 1, from: { kind: "k", id: "a" }, service: "s", body: "1", dueMs: 0 };
  const both = [reportOf(0), reportOf(1)];
  thread.report(number, both);
  handle.own([0]);
  thread.report(number, both);
  thread.owner?.hear({ type: "request", request });
  handle.own([0, 1]);
  thread.report(number, both);
  thread.report(number + 1, [reportOf(0)]);
  thread.report(number + 2, both);
  thread.owner?.hear({ type: "request", request });
  assert.deepEqual(reported, [[0, 1], [0], [0], [0], [0, 1]]);
  assert.deepEqual(requests, [1], "it asks again when it is back");
});

Deno.test("HostHandle gives a death to the next thread only while its shard is the host's [1, 5]", async () => {
  const { handle, start, deaths } = rig();
  const inTurn = (shard: number) => ({ shard, death: { epoch: 3, place } });
  handle.own([0, 1]);
  (await start()).die("in a turn", inTurn(1));
  const second = await start();
  assert.deepEqual(second.deaths, { 1: { epoch: 3, place } });
  second.die("once more", inTurn(1));
  handle.own([0]);
  handle.own([0, 1]);
  const third = await start();
  assert.deepEqual(third.deaths, {}, "another node may have had it meanwhile");
  handle.own([0]);
  third.die("in a turn of what had left", inTurn(1));
  assert.deepEqual((await start()).deaths, {});
  assert.deepEqual(deaths, [1, 1], "it is told of no other");
});

Deno.test("HostHandle tells of a refused shard once in each of its stays [4]", async () => {
  const { handle, start, notices } = rig();
  handle.own([0]);
  const thread = await start();
  const refused = [reportOf(0, { state: "refused", refusal: "Shard 0 stopped: it is damaged." })];
  for (let n = 0; n < 2; n++) thread.report(1, refused);
  handle.own([]);
  handle.own([0]);
  for (let n = 0; n < 2; n++) thread.report(3, refused);
  assert.equal(notices.length, 2);
});

Deno.test("HostHandle ends a thread that cannot begin its shards [5]", async () => {
  const { handle, start } = rig();
  const thread = await start();
  thread.broken = new Error("no such shard");
  handle.own([0]);
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(thread.died, ["it could not take its shards: no such shard"]);
  assert.deepEqual((await start()).told.map(({ shards }) => shards), [[0]]);
});
