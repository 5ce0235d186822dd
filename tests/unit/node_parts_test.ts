/** The small parts of a node: retries, backlog, turn board, metrics. */

import assert from "node:assert/strict";
import { Backlog } from "../../runtime/node/backlog.ts";
import type { MetricsJson } from "../../runtime/node/host_protocol.ts";
import { NodeMetrics } from "../../runtime/node/metrics.ts";
import { backoffMs, retry } from "../../runtime/node/retry.ts";
import { noShard, readTurnBoard, TurnBoard, turnBoardBytes } from "../../runtime/node/turn_board.ts";
import { Counter, Gauge, Registry } from "../../runtime/prom_client.ts";

Deno.test("retry() repeats until an attempt succeeds when the policy goes on", async () => {
  const pausesMs: number[] = [];
  let attempts = 0;
  const outcome = await retry(
    () => ++attempts < 4 ? Promise.reject(new Error("not yet")) : Promise.resolve("value"),
    {
      clock: { nowMs: () => 0, sleep: (durationMs) => (pausesMs.push(durationMs), Promise.resolve()) },
      isWanted: () => true,
      goesOn: () => true,
    },
  );
  assert.deepEqual(outcome, { type: "done", value: "value" });
  assert.equal(pausesMs.length, 3);
});

Deno.test("retry() drops the value when nobody wants it any more", async () => {
  let isWanted = true;
  const outcome = await retry(() => {
    isWanted = false;
    return Promise.resolve("late");
  }, {
    clock: { nowMs: () => 0, sleep: () => Promise.resolve() },
    isWanted: () => isWanted,
    goesOn: () => true,
  });
  assert.deepEqual(outcome, { type: "unwanted" });
});

Deno.test("backoffMs() doubles up to its bound when failures go on", () => {
  for (let failures = 1; failures < 100; failures++) {
    const fullMs = Math.min(2000, 10 * 2 ** (failures - 1));
    const pauseMs = backoffMs(failures, 10, 2000);
    assert.ok(pauseMs >= fullMs / 2 && pauseMs <= fullMs, `${pauseMs} ms after ${failures} failures`);
  }
});

Deno.test("Backlog.folded() takes off what is folded when reports come late, twice or going back", () => {
  const backlog = new Backlog(2);
  for (let offset = 0; offset < 10; offset++) backlog.appended(1, offset, 100, 1000 + offset);
  backlog.folded(1, 3);
  assert.equal(backlog.bytes, 600);
  assert.deepEqual([backlog.oldestStampMs(0), backlog.oldestStampMs(1)], [null, 1004]);
  backlog.folded(1, 1);
  backlog.folded(0, 9);
  assert.equal(backlog.bytes, 600);
  backlog.folded(1, 20);
  assert.equal(backlog.bytes, 0);
});

Deno.test("TurnBoard tells another thread which shard runs and that it moves on", () => {
  const memory = new SharedArrayBuffer(turnBoardBytes);
  const board = new TurnBoard(memory);
  assert.deepEqual(readTurnBoard(memory), { shard: noShard, turn: 0, death: null });
  board.enterSlice(7);
  assert.deepEqual(readTurnBoard(memory), { shard: 7, turn: 1, death: null });
  board.leaveSlice();
  assert.deepEqual(readTurnBoard(memory), { shard: noShard, turn: 1, death: null });
});

Deno.test("TurnBoard tells the turn that is under way, at any offset, and none between turns", () => {
  const memory = new SharedArrayBuffer(turnBoardBytes);
  const board = new TurnBoard(memory);
  board.enterSlice(0);
  for (const offset of [0, 7, 2 ** 31, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
    board.enterFrame(5, offset);
    assert.equal(readTurnBoard(memory).death, null, "a frame is no turn");
    for (const [index, timer, step] of [[-1, 2, 0], [-1, 2, 1], [0, 0, 0], [4095, 0, 9999]] as const) {
      const { turn } = readTurnBoard(memory);
      board.enterTurn(index, timer, step);
      const place = { offset, index, timer, step };
      assert.deepEqual(readTurnBoard(memory), { shard: 0, turn: turn + 1, death: { epoch: 5, place } });
    }
    board.leave();
  }
  board.enterTurn(0, 0, 0);
  board.leaveSlice();
  assert.equal(readTurnBoard(memory).death, null, "after the slice");
});

async function hostMetrics(counted: number, gauged: number): Promise<MetricsJson> {
  const registry = new Registry();
  const registers = [registry];
  new Counter({ name: "sensorium_things_total", help: "Things.", registers }).inc(counted);
  new Gauge({ name: "sensorium_age_seconds", help: "Age.", aggregator: "max", registers }).set(gauged);
  return await registry.getMetricsAsJSON();
}

Deno.test("NodeMetrics.text() adds hosts up and keeps the counters of those that died", async () => {
  const metrics = new NodeMetrics({
    waitingBytes: () => 0,
    backlogBytes: () => 0,
    isReady: () => true,
    ownShards: () => 2,
    abandonedThreads: () => 0,
  });
  metrics.hostDied(await hostMetrics(5, 9));
  metrics.hostDied(await hostMetrics(10, 9));
  const text = await metrics.text([await hostMetrics(1, 2), await hostMetrics(2, 3)]);
  assert.match(text, /^sensorium_things_total 18$/m);
  assert.match(text, /^sensorium_age_seconds 3$/m);
  assert.match(text, /^sensorium_host_deaths_total 2$/m);
});

Deno.test("NodeMetrics.text() shows every thread's memory once, and the last known when a thread is silent", async () => {
  const metrics = new NodeMetrics({
    waitingBytes: () => 0,
    backlogBytes: () => 0,
    isReady: () => true,
    ownShards: () => 2,
    abandonedThreads: () => 0,
  });
  const threads = new Map([
    ["log", { heapBytes: 1000, externalBytes: 10 }],
    ["store", { heapBytes: 2000, externalBytes: 20 }],
  ]);
  for (const memory of [threads, null]) {
    const text = await metrics.text([await hostMetrics(1, 2)], memory);
    for (
      const [thread, heap, external] of [["log", 1000, 10], ["store", 2000, 20], ["main", "\\d+", "\\d+"]]
    ) {
      const samples =
        `heap_bytes\\{thread="${thread}"\\} ${heap}$[^]*external_bytes\\{thread="${thread}"\\} ${external}$`;
      assert.match(text, new RegExp(samples, "m"));
    }
    assert.equal(text.match(/^sensorium_heap_bytes\{/gm)?.length, 3);
  }
});

Deno.test("NodeMetrics.text() follows the naming rules of Prometheus when it is read", async () => {
  const metrics = new NodeMetrics({
    waitingBytes: () => 0,
    backlogBytes: () => 0,
    isReady: () => true,
    ownShards: () => 2,
    abandonedThreads: () => 0,
  });
  const text = await metrics.text([await hostMetrics(1, 2)]);
  const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)];
  assert.ok(types.length > 10);
  for (const [, name, type] of types) {
    assert.match(text, new RegExp(`^# HELP ${name} \\S`, "m"));
    assert.equal(name?.endsWith("_total"), type === "counter", `found ${name}`);
  }
});
