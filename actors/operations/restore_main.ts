/** `deno task restore DIR`: see `--help`. Exit codes: 0 done, 1 failed, 2 refused. */

import { showProgress } from "./progress.ts";
import { dataFlag, dataFolder, type TaskArguments, type TaskSpec } from "../cli/read_arguments.ts";
import { restore } from "./restore.ts";
import { print, runTask } from "../cli/run_task.ts";

const spec: TaskSpec = {
  task: "restore",
  doing: "Cannot restore",
  introduction: `Makes a data folder of the backup DIR, in an empty or new folder.

  deno task restore /backups/monday --data /var/lib/s
  deno task start cluster --data /var/lib/s

Every file is compared with its checksum; a backup that is damaged, unfinished
or of a newer version is refused.`,
  operand: "the backup's folder",
  flags: { "--data": dataFlag },
};

async function work(given: TaskArguments): Promise<number> {
  const folder = dataFolder(given, Deno.env.toObject());
  const progress = showProgress();
  try {
    const { began, shards } = await restore({ source: given.operand, folder, progress });
    progress.end();
    print(
      `${folder} is as the node was soon after ${began}. Start it with:\n` +
        `  deno task start cluster --data ${folder}${shards === 8 ? "" : ` --shards ${shards}`}\n`,
    );
    return 0;
  } finally {
    progress.end();
  }
}

await runTask(spec, Deno.args, work);
