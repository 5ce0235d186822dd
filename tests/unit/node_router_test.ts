/** The router over hosts that the test answers for. */

import assert from "node:assert/strict";
import { EngineError } from "../../runtime/node/engine.ts";
import { HostDiedError } from "../../runtime/node/host_life.ts";
import { Router } from "../../runtime/node/router.ts";
import { ShardBoard } from "../../runtime/node/shard_board.ts";
import type { Answer } from "../../runtime/core/shard_api.ts";

const target = { kind: "counter", id: "a" };

function answered(offset: number, nowMs: number): Answer {
  return { type: "answered", json: "1", epoch: 1, positions: { mailbox: offset }, nowMs, suspended: null };
}

function routerOver(answers: (() => Promise<Answer>)[]) {
  const board = new ShardBoard([{ begin: 0, end: 10 }], () => 0);
  const folded: number[] = [];
  const router = new Router({
    clock: { nowMs: () => 0, sleep: () => Promise.resolve() },
    board,
    call: (_shard, until) => {
      folded.push(until);
      return answers.shift()?.() ?? new Promise(() => {});
    },
    logNowMs: () => 5000,
  });
  return { board, folded, router };
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

Deno.test("Router.ask() throws a timeout that tells the shard's state when no answer comes", async () => {
  const { router } = routerOver([]);
  const asking = router.ask(target, "state", {}, { consistency: "strict", deadlineMs: 5 });
  await assert.rejects(asking, (error: unknown) => {
    assert.ok(error instanceof EngineError);
    assert.equal(error.code, "timeout");
    assert.match(error.message, /within 5 ms: shard 0 is claiming and has folded its log up to -1 of 9/);
    return true;
  });
});

Deno.test("Router.ask() is unavailable with the shard's sentence when the shard is refused", async () => {
  const refused = Object.assign(new Error("records 3..4 are missing"), { code: "refused" });
  const { router } = routerOver([() => Promise.reject(refused)]);
  const asking = router.ask(target, "state", {}, { consistency: "strict", deadlineMs: 1000 });
  await assert.rejects(asking, { code: "unavailable", message: "records 3..4 are missing" });
});
