/** The router over hosts that the test answers for. */

import assert from "node:assert/strict";
import { EngineError } from "../../runtime/node/engine.ts";
import { HostDiedError } from "../../runtime/node/host_life.ts";
import { MemoryLog } from "../../runtime/log/memory_log.ts";
import { LogError } from "../../runtime/log/port.ts";
import { AskedEnds, boardEnds } from "../../runtime/node/log_ends.ts";
import { Backlog } from "../../runtime/node/backlog.ts";
import { NodeView } from "../../runtime/node/node_view.ts";
import { TurnBoard, turnBoardBytes } from "../../runtime/node/turn_board.ts";
import type { AskWaiting } from "../../runtime/node/waiting.ts";
import { Router } from "../../runtime/node/router.ts";
import { ShardBoard } from "../../runtime/node/shard_board.ts";
import type { Answer } from "../../runtime/core/shard_api.ts";

const target = { kind: "counter", id: "a" };

const refused = Object.assign(new Error("records 3..4 are missing"), { code: "refused" });

function answered(offset: number, nowMs: number, json = "1"): Answer {
  return { type: "answered", json, epoch: 1, positions: { mailbox: offset }, nowMs, suspended: null };
}

function routerOver(answers: (() => Promise<Answer>)[], shards = 1, endOf?: () => Promise<number>) {
  const board = new ShardBoard(Array.from({ length: shards }, () => ({ begin: 0, end: 10 })), () => 0);
  const folded: number[] = [];
  const clock = { nowMs: () => time.nowMs, sleep: () => Promise.resolve() };
  const time = { nowMs: 0 };
  const extent = async () => ({ begin: 0, end: await endOf!() });
  const memory = new SharedArrayBuffer(turnBoardBytes);
  const backlog = new Backlog(1);
  const parts = { hosts: 1, board, backlog, clock, log: new MemoryLog(1, () => 0), logNowMs: () => 5000 };
  const view = new NodeView({ ...parts, topics: [], turnBoard: () => memory });
  const router = new Router({
    clock,
    board,
    ends: endOf === undefined ? boardEnds(board) : new AskedEnds({ extent }, board, clock),
    view,
    peers: null,
    isOwn: () => true,
    call: (_shard, until) => {
      folded.push(until);
      return answers.shift()?.() ?? new Promise(() => {});
    },
    logNowMs: () => 5000,
  });
  return { backlog, board, folded, memory, router, time, view };
}

Deno.test("Router.ask() waits for the log's end when it is strict, and for nothing when it is local", async () => {
  const { board, folded, router } = routerOver([
    () => Promise.resolve(answered(12, 4000)),
    () => Promise.resolve(answered(11, 4000)),
    () => Promise.resolve(answered(12, 4000)),
  ]);
  board.appended(0, 12);
  board.appended(0, 11);
  const strict = await router.ask(target, "state", {}, { consistency: "strict", deadlineMs: 1000 });
  const behind = await router.ask(target, "state", {}, { consistency: "local", deadlineMs: 1000 });
  const current = await router.ask(target, "state", {}, { consistency: "local", deadlineMs: 1000 });
  assert.deepEqual(folded, [13, 0, 0]);
  assert.deepEqual([strict.ageMs, behind.ageMs, current.ageMs], [0, 1000, 0]);
});

Deno.test("Router.ask() asks again when the shard moved or its host died", async () => {
  const { folded, router } = routerOver([
    () => Promise.resolve({ type: "moved" }),
    () => Promise.reject(new HostDiedError("gone")),
    () => Promise.resolve(answered(9, 0)),
  ]);
  const answer = await router.ask(target, "state", {}, { consistency: "strict", deadlineMs: 1000 });
  assert.equal(answer.type, "answered");
  assert.equal(folded.length, 3);
});

/** What an ask waited for that fails as a timeout with this sentence. */
async function timeout(router: Router, sentence: RegExp): Promise<AskWaiting> {
  const asking = router.ask(target, "state", {}, { consistency: "strict", deadlineMs: 5 });
  const error = await asking.then(() => null, (thrown: unknown) => thrown);
  assert.ok(error instanceof EngineError, String(error));
  assert.equal(error.code, "timeout");
  assert.match(error.message, sentence);
  assert.ok(error.waiting?.type === "ask");
  assert.deepEqual([error.waiting.target, error.waiting.waitedMs], [target, 5]);
  return error.waiting;
}

const idle = { state: "running", epoch: 1, folded: 9, queuedFrames: 0, oldestStampMs: null } as const;
const empty = { actors: 0, actorBytes: 0, suspended: new Map(), keysFull: false, openRequests: 0 };
const report = { shard: 0, ...idle, ...empty, isReplaying: false, refusal: null };

Deno.test("Router.ask() throws a timeout that tells what the shard waits for", async () => {
  const { backlog, board, memory, router, view } = routerOver([]);
  const claiming = await timeout(router, /^No answer within 5 ms from counter "a": shard 0 is being claimed/);
  assert.deepEqual([claiming.state, claiming.queuedFrames], ["claiming", null]);

  board.reported(report);
  const unanswered = await timeout(
    router,
    /shard 0 on host 0 has folded .* may wait for the store\. Ask again/,
  );
  assert.equal(unanswered.state, "unanswered");

  board.appended(0, 11);
  backlog.appended(0, 10, 100, 3000);
  const queued = await timeout(
    router,
    /is behind; 2 frames of its log are not folded yet, the oldest for 2000 ms/,
  );
  assert.deepEqual([queued.state, queued.queuedFrames, queued.oldestAgeMs], ["queued", 2, 2000]);

  const turns = new TurnBoard(memory);
  turns.enterSlice(0);
  turns.enterFrame(1, 10);
  turns.enterTurn(3, 0, 0);
  for (let look = 0; look < 2; look++) view.look();
  const running = await timeout(
    router,
    /host 0, which has been in a turn of shard 0 for 0 ms, .* frame 10, entry 3; 2/,
  );
  assert.deepEqual([running.state, running.turn?.place], ["running", { offset: 10, index: 3, step: 0 }]);
});

Deno.test("Router.flush() throws a timeout that tells which shard is late", async () => {
  const { router } = routerOver([]);
  await assert.rejects(router.flush(5, [0]), (error: unknown) => {
    assert.ok(error instanceof EngineError && error.waiting?.type === "ask");
    assert.match(
      error.message,
      /^No answer within 5 ms: shard 0 is being claimed by host 0\. Ask again later$/,
    );
    return error.waiting.target === null && error.waiting.shard === 0;
  });
});

Deno.test("Router.lastRecords() is the greatest of what shards answer once they have folded what they had", async () => {
  const lastOf = (last: object): Answer => answered(9, 0, JSON.stringify(last));
  const { folded, router } = routerOver([
    () => Promise.resolve(lastOf({ "ENTRY/0": 5, "OK/1": 0 })),
    () => Promise.resolve(lastOf({ "ENTRY/0": 3 })),
    () => Promise.resolve(lastOf({ "ENTRY/0": 7, "ENTRY/1": 3 })),
    () => Promise.resolve(lastOf({ "ENTRY/0": 8 })),
  ], 2);
  const last = await router.lastRecords(1000);
  assert.deepEqual([...last].sort(), [["ENTRY/0", 5], ["OK/1", 0]]);
  assert.deepEqual((await router.lastRecords(1000)).get("ENTRY/0"), 8);
  assert.deepEqual(folded, [10, 10, 10, 10]);
});

Deno.test("Router.lastRecords() throws while a shard is refused, which might know what no other does", async () => {
  const { router } = routerOver([
    () => Promise.resolve(answered(9, 0, "{}")),
    () => Promise.reject(refused),
  ], 2);
  await assert.rejects(router.lastRecords(1000), {
    code: "unavailable",
    message: "What was read before is not known while shard 1 is refused: records 3..4 are missing",
  });
});

Deno.test("Router.flush() passes refused shards over, unless they were asked for", async () => {
  const { router } = routerOver([
    () => Promise.reject(refused),
    () => Promise.resolve(answered(9, 0)),
    () => Promise.reject(refused),
  ], 2);
  await router.flush(1000);
  await assert.rejects(router.flush(1000, [0]), { code: "unavailable", message: refused.message });
});

Deno.test("Router.ask() waits for the end that the log tells where others append too, and tells local ages by it", async () => {
  const ends = [20, 13];
  const at = (offset: number) => () => Promise.resolve(answered(offset, 4000));
  const { folded, router, time } = routerOver([at(19), at(19), at(18), at(19)], 1, () => {
    return ends.length > 0
      ? Promise.resolve(ends.shift()!)
      : Promise.reject(new LogError("unavailable", "no broker"));
  });
  const ask = async (consistency: "strict" | "local") =>
    (await router.ask(target, "state", {}, { consistency, deadlineMs: 1000 })).ageMs;
  assert.equal(await ask("strict"), 0);
  time.nowMs = 300;
  assert.equal(await ask("local"), 300, "the log's end is known from 300 ms ago");
  assert.equal(await ask("local"), 1000, "behind that end, only the shard's clock tells");
  assert.deepEqual(folded, [20, 0, 0]);
  assert.equal(await ask("strict"), 0);
  assert.equal(folded.at(-1), 13);
  await assert.rejects(ask("strict"), { code: "unavailable", message: /no broker/ });
});

Deno.test("Router.ask() is unavailable with the shard's sentence when the shard is refused", async () => {
  const { router } = routerOver([() => Promise.reject(refused)]);
  const asking = router.ask(target, "state", {}, { consistency: "strict", deadlineMs: 1000 });
  await assert.rejects(asking, { code: "unavailable", message: "records 3..4 are missing" });
});
