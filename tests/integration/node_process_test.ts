import assert from "node:assert/strict";
import { NodeProcess } from "../../runtime/node/node_process.ts";

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
