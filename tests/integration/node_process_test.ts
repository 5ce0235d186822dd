import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { NodeProcess } from "../../runtime/node/node_process.ts";
import { tempFolder } from "../services/folder.ts";

const deadlineMs = 10_000;
const hearing = { onEvicted() {}, onProgress() {} };

Deno.test("NodeProcess kills a node that does not say its first word in time", async () => {
  const command = { program: "sleep", args: ["60"], finalCodes: [], environment: {} };
  const silent = new NodeProcess(command, hearing, 1000);
  await assert.rejects(silent.up, /it said nothing for 1 s after its start and was killed/);
  assert.deepEqual(await silent.ended, {
    reason: "failed",
    sentence: "it said nothing for 1 s after its start and was killed",
  });
});

Deno.test("NodeProcess ends as its node ended, also when it is told something in that moment", async () => {
  await using folder = await tempFolder();
  const isDeaf = `${folder.path}/deaf`;
  // As a node does between closing what it has and being gone.
  const script = `eval "exec $NODE_CHANNEL_FD<&-"; touch ${isDeaf}; sleep 0.3; exit 2`;
  const command = { program: "sh", args: ["-c", script], finalCodes: [2], environment: {} };
  const node = new NodeProcess(command, hearing);
  // This thread hears of nothing meanwhile.
  for (const endMs = performance.now() + deadlineMs; !existsSync(isDeaf);) {
    assert.ok(performance.now() < endMs, `${isDeaf} is there`);
  }
  node.stop();
  await assert.rejects(node.up, /it ended with exit code 2/);
  assert.deepEqual(await node.ended, { reason: "normal", sentence: "it ended with exit code 2" });
});

// Deno itself leaves the channel of such a program open.
Deno.test("NodeProcess tells of a program that cannot be run", { sanitizeResources: false }, async () => {
  const command = { program: "/not/there", args: [], finalCodes: [], environment: {} };
  const node = new NodeProcess(command, hearing);
  await assert.rejects(node.up, /It cannot be run: .*not\/there/);
  assert.equal((await node.ended).reason, "failed");
});
