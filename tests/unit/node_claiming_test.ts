/** Shards of several nodes: who claims them when the nodes agree anew, or one of them does not know that they did. */

import assert from "node:assert/strict";
import { z } from "zod";
import { encodeFrame } from "../../runtime/core/frame.ts";
import { defaultShardLimits } from "../../runtime/core/limits.ts";
import { defineActor, Registry } from "../../runtime/core/registry.ts";
import { Shard } from "../../runtime/core/shard.ts";
import { jsonState } from "../../runtime/core/state.ts";
import { MemoryLog } from "../../runtime/log/memory_log.ts";
import { LogError } from "../../runtime/log/port.ts";
import { ShardHost } from "../../runtime/node/host.ts";
import { firstClaimPauseMs, lastClaimPauseMs } from "../../runtime/node/limits.ts";
import { TurnBoard, turnBoardBytes } from "../../runtime/node/turn_board.ts";
import { MemoryStore } from "../../runtime/store/memory_store.ts";
import { MemoryStoreCore } from "../../runtime/store/memory_store_core.ts";

const counter = defineActor({
  kind: "counter",
  state: jsonState({ schema: z.object({ total: z.number() }), initial: () => ({ total: 0 }) }),
  message: { version: 1, schema: z.number(), accepts: (value) => typeof value === "number" },
  receive(state: { total: number }, message: number) {
    state.total += message;
  },
  queries: { state: { arguments: z.unknown(), answer: (state: { total: number }) => state } },
});
const registry = new Registry([counter]);
/** Often, so that an owner that was fenced soon knows it. */
const limits = { ...defaultShardLimits, checkpointIntervalMs: 20 };

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

async function until(what: string, holds: () => boolean): Promise<void> {
  const endMs = performance.now() + 10_000;
  while (!holds()) {
    assert.ok(performance.now() < endMs, `Waited 10 s for ${what}`);
    await nextTurn();
  }
}

/** Asks the group whether a shard is its node's; a test may answer for it. */
type Holds = () => boolean | Promise<boolean>;

/** One shard, and nodes that share its log and its store. */
class Cluster {
  readonly core = new MemoryStoreCore(1);
  readonly log = new MemoryLog(1, Date.now);
  /** Whose the shard is, as the nodes agreed; null: they agree anew. */
  holder: string | null = null;
  readonly nodes: Node[] = [];
  #n = 0;

  node(name: string, holds?: Holds): Node {
    const node = new Node(this, name, holds ?? (() => this.holder === name));
    this.nodes.push(node);
    return node;
  }

  async send(amount: number): Promise<number> {
    const origin = { type: "gateway", start: "test", n: ++this.#n } as const;
    const text = encodeFrame({ origin, types: registry.wireTypes, entries: [0, "a", amount] });
    const [receipt] = await this.log.append([{ shard: 0, text }]);
    return receipt!.offset + 1;
  }

  get owner(): string {
    const [row] = this.core.rowsNow();
    return row === undefined ? "nobody" : `${row.owner}, epoch ${row.epoch}`;
  }
}

class Node {
  readonly host: ShardHost;
  /** How long it waited before each attempt but the first, at whatever. */
  readonly pausesMs: number[] = [];
  asked = 0;

  constructor({ core, log }: Cluster, name: string, holds: Holds) {
    const store = new MemoryStore(core);
    this.host = new ShardHost({
      name,
      owner: name,
      machine: (shard, counters) => new Shard({ shard, shardCount: 1, registry, limits, counters }),
      log: {
        append: (frames) => log.append(frames),
        subscribe: (shard, from, deliver, failed) => log.client().subscribe(shard, from, deliver, failed),
        extent: (shard) => log.extent(shard),
        trim: (shard, below) => log.trim(shard, below),
        holds: async () => {
          this.asked++;
          return await holds();
        },
      },
      store,
      clock: {
        nowMs: () => performance.now(),
        sleep: (ms) => {
          this.pausesMs.push(ms);
          return nextTurn();
        },
      },
      board: new TurnBoard(new SharedArrayBuffer(turnBoardBytes)),
      counters: {},
      tracing: null,
      post: () => {},
    });
    this.host.start({ number: 1, shards: [0], deaths: {} });
  }

  /** Asks until the shard has stopped moving. */
  async total(folded: number): Promise<number> {
    for (;;) {
      const request = { type: "ask", kind: "counter", id: "a", query: "state", arguments: {} } as const;
      const answer = await this.host.ask(0, folded, request);
      if (answer.type === "answered") return JSON.parse(answer.json).total;
      assert.equal(answer.type, "moved");
      await nextTurn();
    }
  }

  /** Looks `times` times more at whether the shard is its own. */
  async looks(times: number): Promise<void> {
    const enough = this.asked + times;
    await until(`${enough} looks`, () => this.asked >= enough);
  }

  async failures(): Promise<readonly unknown[]> {
    const metric = (await this.host.metrics()).find(({ name }) => name === "sensorium_io_failures_total");
    return metric?.values.map(({ labels, value }) => [labels["operation"], labels["code"], value]) ?? [];
  }
}

function test(name: string, body: (cluster: Cluster) => Promise<void>): void {
  Deno.test(name, async () => {
    const cluster = new Cluster();
    try {
      await body(cluster);
    } finally {
      for (const { host } of cluster.nodes) await host.stop();
      await cluster.log.close();
    }
  });
}

test("ShardRunner claims a shard when the nodes agree that it is its node's, and looks soon and often until then", async (cluster) => {
  const node = cluster.node("a");
  await node.looks(8);
  assert.equal(cluster.owner, "nobody");
  assert.ok(node.pausesMs[0]! <= firstClaimPauseMs, `the first pause of ${node.pausesMs} is quick`);
  for (const pauseMs of node.pausesMs) assert.ok(pauseMs <= lastClaimPauseMs, `${pauseMs} is not late`);
  cluster.holder = "a";
  assert.equal(await node.total(await cluster.send(3)), 3);
  assert.equal(cluster.owner, "a, epoch 1");
  assert.deepEqual(await node.failures(), [], "nothing failed");
});

test("ShardRunner that is fenced, and whose shard is another's, does not claim it again", async (cluster) => {
  cluster.holder = "zombie";
  const zombie = cluster.node("zombie");
  assert.equal(await zombie.total(await cluster.send(1)), 1);
  // As after a pause: it does not know that the nodes agreed anew.
  cluster.holder = "next";
  const next = cluster.node("next");
  await until("the next owner's claim", () => cluster.owner === "next, epoch 2");
  const folded = await cluster.send(2);
  assert.equal(await next.total(folded), 3);
  await zombie.looks(10);
  assert.equal(cluster.owner, "next, epoch 2");
  assert.equal(
    (await next.host.ask(0, folded, { type: "barrier" })).type,
    "answered",
    "its commits are taken",
  );
});

test("ShardRunner that is fenced claims its shard again when it is still its own", async (cluster) => {
  cluster.holder = "a";
  const node = cluster.node("a");
  assert.equal(await node.total(await cluster.send(1)), 1);
  cluster.core.claimNow(0, "a mistaken one");
  assert.equal(await node.total(await cluster.send(2)), 3);
  await until("its claim", () => cluster.owner === "a, epoch 3");
});

test("ShardRunner takes its shard from nobody who claimed it since it read the epoch", async (cluster) => {
  const answer = Promise.withResolvers<boolean>();
  const late = cluster.node("late", () => late.asked === 1 ? answer.promise : cluster.holder === "late");
  await late.looks(1);
  cluster.holder = "next";
  const next = cluster.node("next");
  assert.equal(await next.total(await cluster.send(1)), 1);
  // What was true when it was answered.
  answer.resolve(true);
  await late.looks(5);
  assert.equal(cluster.owner, "next, epoch 1");
  assert.deepEqual(await late.failures(), [], "a race is no failure");
});

test("ShardRunners of two nodes that claim at once end with one owner, whose commits are taken", async (cluster) => {
  const answers = Promise.withResolvers<void>();
  const names = ["a", "b"];
  const [a, b] = names.map((name) =>
    cluster.node(name, async () => {
      await answers.promise;
      return cluster.holder === null || cluster.holder === name;
    })
  );
  await until("both to have read the epoch", () => a!.asked === 1 && b!.asked === 1);
  answers.resolve();
  await until("a claim", () => cluster.owner !== "nobody");
  cluster.holder = "b";
  const folded = await cluster.send(5);
  assert.equal(await b!.total(folded), 5);
  await a!.looks(5);
  assert.match(cluster.owner, /^b, /);
  assert.equal((await b!.host.ask(0, folded, { type: "barrier" })).type, "answered");
});

test("ShardRunner that was stopped makes no claim, and looks no more", async (cluster) => {
  const answer = Promise.withResolvers<boolean>();
  const node = cluster.node("a", () => answer.promise);
  await node.looks(1);
  const other = cluster.node("b");
  await other.looks(2);
  await node.host.stop();
  await other.host.stop();
  const { asked } = other;
  cluster.holder = "b";
  answer.resolve(true);
  for (let turn = 0; turn < 20; turn++) await nextTurn();
  assert.deepEqual([node.asked, other.asked, cluster.owner], [1, asked, "nobody"]);
});

test("ShardRunner waits for a log that cannot say whose the shard is, and counts that", async (cluster) => {
  let failures = 3;
  const node = cluster.node("a", () => {
    if (failures-- > 0) throw new LogError("unavailable", "the test says so");
    return true;
  });
  assert.equal(await node.total(await cluster.send(1)), 1);
  assert.deepEqual(await node.failures(), [["claim", "unavailable", 3]]);
});
