/** The log's contract over every adapter that needs no server. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defaultLogLimits } from "../../runtime/log/limits.ts";
import { MemoryLog } from "../../runtime/log/memory_log.ts";
import { RemoteLog } from "../../runtime/log/remote_log.ts";
import { startLogThread } from "../../runtime/log/start_log_thread.ts";
import { logContract } from "./log_contract.ts";
import { openLog, tinyLimits } from "./log_folders.ts";

const makeFolder = () => mkdtempSync(join(tmpdir(), "sensorium-log-"));
const removeFolder = (folder: string) => rmSync(folder, { recursive: true, force: true });

logContract("MemoryLog", (shards) => {
  const log = new MemoryLog(shards, Date.now);
  return Promise.resolve({ log, other: () => log.client(), dispose: () => log.close() });
});

for (const [name, limits] of [["SqliteLog", defaultLogLimits], ["SqliteLog (tiny)", tinyLimits]] as const) {
  logContract(name, (shards) => {
    const directory = makeFolder();
    const log = openLog(directory, { shards, limits });
    return Promise.resolve({
      log,
      other: () => log.client(),
      async dispose() {
        await log.close();
        removeFolder(directory);
      },
    });
  });
}

logContract("RemoteLog", async (shards) => {
  const directory = makeFolder();
  const thread = startLogThread({ directory, shards, report: (sentence) => console.error(sentence) });
  const connect = () => new RemoteLog(thread.connect());
  const log = connect();
  await thread.ready;
  return {
    log,
    other: connect,
    async dispose() {
      await log.close();
      await thread.close();
      removeFolder(directory);
    },
  };
});
