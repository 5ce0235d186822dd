/** What the main thread tells of hosts and shards. Numbers in brackets are those of `turn_watch.ts`. */

import assert from "node:assert/strict";
import type { Address } from "../../runtime/core/actor.ts";
import { encodeFrame } from "../../runtime/core/frame.ts";
import { MemoryLog } from "../../runtime/log/memory_log.ts";
import { Backlog } from "../../runtime/node/backlog.ts";
import { readEntry } from "../../runtime/node/frame_entry.ts";
import type { ShardReport } from "../../runtime/node/host_protocol.ts";
import { NodeView } from "../../runtime/node/node_view.ts";
import { ShardBoard } from "../../runtime/node/shard_board.ts";
import { TurnBoard, turnBoardBytes } from "../../runtime/node/turn_board.ts";
import { TurnWatch } from "../../runtime/node/turn_watch.ts";

function rig() {
  const memory = new SharedArrayBuffer(turnBoardBytes);
  const host = {
    nowMs: 0,
    board: memory as SharedArrayBuffer | null,
    turns: new TurnBoard(memory),
    asked: [] as number[],
    found: Promise.resolve<Address | null>({ kind: "k", id: "a" }),
  };
  const watch = new TurnWatch({
    clock: { nowMs: () => host.nowMs },
    topics: [],
    board: () => host.board,
    find: (shard) => (host.asked.push(shard), host.found),
  });
  const look = (atMs: number) => {
    host.nowMs = atMs;
    watch.look();
  };
  return { host, watch, look };
}

Deno.test("TurnWatch.current tells a turn that two looks have seen, with its actor and for how long [2, 3]", async () => {
  const { host, watch, look } = rig();
  host.turns.enterSlice(3);
  host.turns.enterFrame(7, 812);
  host.turns.enterTurn(4, 0, 0);
  look(100);
  assert.equal(watch.current, null, "once is no turn that lasts");
  look(200);
  look(300);
  await host.found;
  host.nowMs = 350;
  const place = { offset: 812, index: 4, timer: 0, step: 0 };
  assert.deepEqual(watch.current, { shard: 3, place, entry: { kind: "k", id: "a" }, forMs: 250 });
  assert.deepEqual(host.asked, [3], "asked once");
  host.turns.enterTurn(5, 0, 0);
  assert.equal(watch.current, null, "it is over at once");
});

Deno.test("TurnWatch.current tells of a slice outside any turn, and of nothing between slices or without a thread", () => {
  const { host, watch, look } = rig();
  for (const atMs of [100, 200, 300]) look(atMs);
  assert.equal(watch.current, null, "an idle host");
  host.turns.enterSlice(1);
  for (const atMs of [400, 500]) look(atMs);
  assert.deepEqual(watch.current, { shard: 1, place: null, entry: null, forMs: 100 });
  assert.deepEqual(host.asked, []);
  host.board = null;
  assert.equal(watch.current, null);
});

Deno.test("readEntry() finds whom an entry is for, and nobody where there is no such entry or frame", async () => {
  const log = new MemoryLog(1, () => 0);
  const origin = { type: "gateway", start: "s", n: 1 } as const;
  const types = [["k", 1], ["other", 1]] as const;
  const entries = [0, "a", 1, 0, "b", 2, -2, "x", "k", 1, "c", 3];
  await log.append([{ shard: 0, text: encodeFrame({ origin, types, entries }) }]);
  const find = (offset: number, index: number) => readEntry(log, 0, { offset, index, timer: 0, step: 0 });
  assert.deepEqual(await find(0, 1), { kind: "k", id: "b" });
  assert.deepEqual(await find(0, 3), { kind: "other", id: "c" });
  for (const [offset, index] of [[0, 2], [0, 4], [0, -1], [5, 0]] as const) {
    assert.equal(await find(offset, index), null, `entry ${index} of frame ${offset}`);
  }
  await log.close();
});

function report(part: Partial<ShardReport>): ShardReport {
  return {
    shard: 0,
    state: "running",
    epoch: 3,
    folded: 9,
    queuedFrames: 0,
    oldestStampMs: null,
    actors: 0,
    actorBytes: 0,
    suspended: new Map(),
    keysFull: false,
    openRequests: 0,
    isReplaying: false,
    refusal: null,
    ...part,
  };
}

Deno.test("NodeView.shard() counts what is not folded and dates the oldest of it, whoever knows of it", () => {
  const board = new ShardBoard([{ begin: 0, end: 10 }], () => 0);
  const backlog = new Backlog(1);
  const log = new MemoryLog(1, () => 0);
  const parts = { hosts: 1, board, backlog, clock: { nowMs: () => 0 }, log, topics: [] };
  const view = new NodeView({ ...parts, logNowMs: () => 5000, turnBoard: () => null });
  const seen = () => {
    const { state, queuedFrames, oldestAgeMs, suspended } = view.shard(0);
    return [state, queuedFrames, oldestAgeMs, suspended];
  };
  assert.deepEqual(seen(), ["claiming", null, null, 0], "nobody has folded yet");
  board.reported(report({ suspended: new Map([["k/a", { sinceMs: 1 }]]) }));
  assert.deepEqual(seen(), ["running", 0, null, 1]);
  board.appended(0, 12);
  backlog.appended(0, 10, 100, 4000);
  assert.deepEqual(seen(), ["running", 3, 1000, 1], "the host has not reported it yet");
  board.reported(report({ folded: 10, queuedFrames: 7, oldestStampMs: 3500 }));
  backlog.folded(0, 10);
  assert.deepEqual(seen(), ["running", 7, 1500, 0], "another thread appended some");
  board.lost(0);
  board.reported(report({ state: "claiming", folded: -1, epoch: 0 }));
  assert.deepEqual(seen(), ["claiming", 2, null, 0], "from where the last host was");
  assert.deepEqual(view.host(0, [0]), { shards: [view.shard(0)], turn: null });
});

Deno.test("ShardBoard tells nothing of a shard that is elsewhere, nor of an earlier stay once it is back", () => {
  const hosts: (number | null)[] = [0, 1];
  const board = new ShardBoard([{ begin: 0, end: 5 }, { begin: 0, end: 5 }], (shard) => hosts[shard] ?? null);
  assert.match(board.waitingFor() ?? "", /^Shard 0 is being claimed, and 1 other/);
  const suspended = new Map([["k/a", { sinceMs: 1 }]]);
  board.reported(report({ suspended, keysFull: true, refusal: "It is damaged", state: "refused" }));
  board.reported(report({ shard: 1 }));
  assert.deepEqual([board.waitingFor(), board.suspended().length, board.isOwn(0)], [
    "It is damaged",
    1,
    true,
  ]);

  hosts[0] = null;
  board.moved(0);
  const { host, state, epoch, folded, appended, sentence } = board.status(0);
  assert.deepEqual([host, state, epoch, folded, appended, sentence], [null, "elsewhere", 0, -1, 4, null]);
  assert.deepEqual([board.refusal(0), board.keysFull(0), board.suspended(), board.isOwn(0)], [
    null,
    false,
    [],
    false,
  ]);
  assert.deepEqual([board.queuedFrames(0), board.waitingFor()], [null, null], "nothing of it is waited for");

  hosts[0] = 1;
  board.moved(0);
  assert.deepEqual([board.status(0).state, board.queuedFrames(0)], ["claiming", null]);
  assert.match(board.waitingFor() ?? "", /^Shard 0 is being claimed$/);
  hosts.fill(null);
  for (const shard of [0, 1]) board.moved(shard);
  assert.equal(board.waitingFor(), null, "a node without shards waits for none");
});
