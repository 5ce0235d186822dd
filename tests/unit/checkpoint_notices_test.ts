import assert from "node:assert/strict";
import { z } from "zod";
import { defineActor, Registry } from "../../runtime/core/registry.ts";
import { jsonState } from "../../runtime/core/state.ts";
import { checkpointNotices } from "../../runtime/node/checkpoint_notices.ts";
import { maxShownDetail, slowCommitMs } from "../../runtime/node/limits.ts";
import { ShardDriver } from "./shard_driver.ts";

const registry = new Registry([defineActor<null, string>({
  kind: "picky",
  state: jsonState({ schema: z.null(), initial: () => null }),
  message: { version: 1, schema: z.string(), accepts: (value): value is string => typeof value === "string" },
  receive(_state, message, context) {
    if (message !== "") context.deadLetter(message, `It wants no ${message}.`.padEnd(1000, "!"));
  },
  queries: {},
})]);

function checkpointAfter(...messages: readonly string[]) {
  const driver = new ShardDriver(registry);
  driver.start();
  driver.append(1, ...messages.map((message, index) => ["picky", `a${index}`, message] as const));
  driver.settle();
  driver.checkpoint();
  const checkpoint = driver.checkpoints.findLast(({ snapshots }) => snapshots.ids.length > 0);
  assert.ok(checkpoint);
  return checkpoint;
}

Deno.test("checkpointNotices() has nothing to say of a checkpoint that was quick and has no dead letters", () => {
  assert.deepEqual(checkpointNotices("host-0", checkpointAfter(""), slowCommitMs - 1), []);
});

Deno.test("checkpointNotices() tells of a slow commit, with its size", () => {
  const [notice, ...others] = checkpointNotices("host-0", checkpointAfter("", ""), 7654.3);
  assert.deepEqual(others, []);
  assert.equal(notice?.event, "slow-commit");
  assert.match(notice.message, /^Checkpoint \d+ of shard 0, with 2 actors, took 7\.7 s/);
  assert.deepEqual([notice.fields?.actors, notice.fields?.durationMs], [2, 7654]);
});

Deno.test("checkpointNotices() tells of dead letters by reason, each with the first, its detail cut", () => {
  const notices = checkpointNotices("host-0", checkpointAfter("fish", "meat", "fish", "fish"), 1);
  assert.deepEqual(notices.map(({ event, like, times }) => [event, like, times]), [
    ["dead-letter", "fish", 3],
    ["dead-letter", "meat", 1],
  ]);
  const detail = "It wants no fish.".padEnd(maxShownDetail, "!");
  assert.equal(
    notices[0]?.message,
    `A message to picky/a0 is a dead letter (fish), and 2 others with it: ${detail}`,
  );
  assert.equal(notices[0].fields?.letters, 3);
});
