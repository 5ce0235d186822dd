import assert from "node:assert/strict";
import type { Checkpoint, CommitResult } from "../../runtime/core/checkpoint.ts";
import { InvariantError } from "../../runtime/core/errors.ts";
import { CommitGroup } from "../../runtime/node/commit_group.ts";
import { StoreError } from "../../runtime/store/port.ts";
import { checkpoint } from "../contract/store_fixtures.ts";

/** Commits three shards as one group to a store that throws `error` when shard 1 is among them. */
async function commitThree(error: Error) {
  const calls: number[][] = [];
  const commit = (checkpoints: readonly Checkpoint[]): Promise<readonly CommitResult[]> => {
    const shards = checkpoints.map(({ shard }) => shard);
    calls.push(shards);
    return shards.includes(1) ? Promise.reject(error) : Promise.resolve(shards.map(() => "committed"));
  };
  const told: string[] = [];
  const trouble = {
    failed: (code: string, sentence: string) => told.push(`${code}: ${sentence}`),
    succeeded: () => told.push("succeeded"),
  };
  const group = new CommitGroup({ commit }, trouble);
  const added = [0, 1, 2].map((shard) => group.add(checkpoint({ shard, epoch: 1, commit: 0 })));
  group.flush();
  const outcomes = await Promise.allSettled(added);
  return { calls, statuses: outcomes.map(({ status }) => status), told };
}

Deno.test("CommitGroup fails a broken checkpoint alone, and commits the others of its group", async () => {
  for (const error of [new InvariantError("a broken one"), new StoreError("corrupt", "a damaged row")]) {
    const { calls, statuses, told } = await commitThree(error);
    assert.deepEqual(statuses, ["fulfilled", "rejected", "fulfilled"]);
    assert.deepEqual(told, ["succeeded", "succeeded"]);
    assert.deepEqual(calls, [[0, 1, 2], [0], [1], [2]]);
  }
});

Deno.test("CommitGroup fails the whole group at once when the store may be better in a moment", async () => {
  for (const code of ["full", "unavailable", "unknown"] as const) {
    const { calls, statuses, told } = await commitThree(new StoreError(code, "the disk is full"));
    assert.deepEqual(told, [
      `${code}: the disk is full. Folding goes on meanwhile, and the checkpoints are tried again.`,
    ]);
    assert.deepEqual(statuses, ["rejected", "rejected", "rejected"]);
    assert.deepEqual(calls, [[0, 1, 2]]);
  }
});
