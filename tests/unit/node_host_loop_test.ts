/** How a thread is shared among shards. */

import assert from "node:assert/strict";
import type { Checkpoint, CommitResult } from "../../runtime/core/checkpoint.ts";
import { emptyMemory } from "../../runtime/core/checkpoint.ts";
import { noRows } from "../../runtime/core/bytes.ts";
import { CommitGroup } from "../../runtime/node/commit_group.ts";
import { HostLoop, type Runnable } from "../../runtime/node/host_loop.ts";
import { readTurnBoard, TurnBoard, turnBoardBytes } from "../../runtime/node/turn_board.ts";

function checkpointOf(shard: number): Checkpoint {
  return {
    shard,
    epoch: 1,
    commit: 1,
    positions: {},
    memory: emptyMemory,
    snapshots: { kinds: [], ids: [], dueMs: [], hot: noRows, coldOf: [], cold: noRows },
    history: { kinds: [], ids: [], stepMs: [], startMs: [], parts: [], rows: noRows },
    outbox: [],
    outboxDone: [],
    requests: [],
    requestsDone: [],
    deadLetters: [],
    replayed: [],
    keys: null,
    keysBeforeMs: 0,
  };
}

class Rig {
  readonly committed: number[][] = [];
  readonly memory = new SharedArrayBuffer(turnBoardBytes);
  readonly commits = new CommitGroup({
    commit: (checkpoints) => {
      this.committed.push(checkpoints.map(({ shard }) => shard));
      return Promise.resolve(checkpoints.map((): CommitResult => "committed"));
    },
  }, { failed: () => {}, succeeded: () => {} });
  readonly loop = new HostLoop(
    { nowMs: () => performance.now(), sleep: () => Promise.resolve() },
    this.commits,
    new TurnBoard(this.memory),
    { ran() {}, rested() {} },
  );
}

/** Runs `slices` times when it is woken, calling `each`. */
function runner(rig: Rig, shard: number, slices: number, each: () => void): Runnable {
  let left = slices;
  return {
    shard,
    begin() {
      rig.loop.wake(this);
    },
    run() {
      each();
      return --left > 0;
    },
    wakeAtMs: () => null,
    stop() {},
  };
}

Deno.test("HostLoop gives every shard its slice before one has its next when all have work", async () => {
  const rig = new Rig();
  const turns: number[] = [];
  const done = Promise.withResolvers<void>();
  const runners = [0, 1, 2].map((shard) =>
    runner(rig, shard, 4, () => {
      turns.push(readTurnBoard(rig.memory).shard);
      if (turns.length === 12) done.resolve();
    })
  );
  for (const each of runners) rig.loop.add(each);
  await done.promise;
  rig.loop.stop();
  assert.deepEqual(turns, [0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2], "and the board names the one that runs");
});

Deno.test("HostLoop commits together what the shards of a round want committed", async () => {
  const rig = new Rig();
  const results: Promise<CommitResult>[] = [];
  const done = Promise.withResolvers<void>();
  const runners = [0, 1, 2].map((shard) =>
    runner(rig, shard, 1, () => {
      results.push(rig.commits.add(checkpointOf(shard)));
      if (results.length === 3) done.resolve();
    })
  );
  for (const each of runners) rig.loop.add(each);
  await done.promise;
  await Promise.all(results);
  rig.loop.stop();
  assert.deepEqual(rig.committed, [[0, 1, 2]]);
});

Deno.test("HostLoop runs a shard when its time has come though nothing woke it", async () => {
  const rig = new Rig();
  const dueMs = performance.now() + 5;
  const ranAtMs = Promise.withResolvers<number>();
  let hasRun = false;
  const sleeper: Runnable = {
    shard: 0,
    begin: () => {},
    run: () => {
      hasRun = true;
      ranAtMs.resolve(performance.now());
      return false;
    },
    wakeAtMs: () => hasRun ? null : dueMs,
    stop: () => {},
  };
  // Another shard's round arms the timer.
  for (const each of [runner(rig, 1, 1, () => {}), sleeper]) rig.loop.add(each);
  assert.ok(await ranAtMs.promise >= dueMs);
  rig.loop.stop();
});

Deno.test("HostLoop.remove() runs nothing of the shard any more, and sends no commit of it that waits [6]", async () => {
  const rig = new Rig();
  const ran: number[] = [];
  const results: Promise<CommitResult | string>[] = [];
  const done = Promise.withResolvers<void>();
  const [kept, gone] = [0, 1].map((shard) =>
    runner(rig, shard, 3, () => {
      ran.push(shard);
      if (ran.length === 3) done.resolve();
    })
  );
  assert.ok(kept && gone);
  for (const each of [kept, gone]) {
    rig.loop.add(each);
    results.push(rig.commits.add(checkpointOf(each.shard)).catch((error: Error) => error.message));
  }
  rig.loop.remove(gone);
  rig.loop.wake(gone);
  await done.promise;
  rig.loop.stop();
  assert.deepEqual(ran, [0, 0, 0]);
  assert.deepEqual(rig.committed, [[0]]);
  assert.deepEqual(await Promise.all(results), ["committed", "Shard 1 left before its checkpoint was sent"]);
});
