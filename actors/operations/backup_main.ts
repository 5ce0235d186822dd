/** `deno task backup DIR`: see `--help`. Exit codes: 0 done, 1 failed, 2 refused, 130 interrupted. */

import project from "../../deno.json" with { type: "json" };
import { failureExitCode, Refusal } from "../cli/refusal.ts";
import { backup, failureSentence } from "./backup.ts";
import { showProgress } from "./progress.ts";
import {
  dataFlag,
  dataFolder,
  type Environment,
  type TaskArguments,
  type TaskSpec,
  token,
  tokenFlags,
} from "../cli/read_arguments.ts";
import { print, runTask } from "../cli/run_task.ts";
import { sizeText } from "../cli/size_text.ts";

const spec: TaskSpec = {
  task: "backup",
  doing: "Cannot back up",
  introduction: `Makes a backup of a node while it runs, in the new folder DIR.

  deno task backup /backups/monday
  deno task backup /backups/monday --data /var/lib/s --token-file /etc/s/token

It runs on the node's machine, as a user who may read the data folder. All that
the node has accepted before is in the backup. Meanwhile the node accepts and
answers as always; it trims its log again when the backup ends, or half a minute
after it was interrupted. DIR is called DIR.partial until it is whole.

A node on Kafka and MySQL has no data folder: back both up with their own tools.

  deno task restore DIR --data FOLDER     makes a data folder of it
  deno task inspect --data DIR            tells what is in it`,
  operand: "the folder to make",
  flags: { "--data": dataFlag, ...tokenFlags },
};

const interruptedExitCode = 130;

async function work(given: TaskArguments): Promise<number> {
  const environment = Deno.env.toObject();
  refuseServers(given, environment);
  const interrupted = new AbortController();
  const signals: readonly Deno.Signal[] = Deno.build.os === "windows" ? ["SIGINT"] : ["SIGINT", "SIGTERM"];
  for (const signal of signals) Deno.addSignalListener(signal, () => interrupted.abort());
  const progress = showProgress();
  try {
    const manifest = await backup({
      folder: dataFolder(given, environment),
      target: given.operand,
      token: token(spec, given, environment, (path) => Deno.readTextFileSync(path)),
      program: project.version,
      signal: interrupted.signal,
      progress,
    });
    progress.end();
    const bytes = manifest.files.reduce((sum, file) => sum + file.bytes, 0);
    print(
      `${given.operand}: ${sizeText(bytes)} in ${manifest.files.length} files; everything accepted before ` +
        `${manifest.began} is in it\n`,
    );
    return 0;
  } catch (thrown) {
    progress.end();
    if (thrown instanceof Refusal) throw thrown;
    const isInterrupted = interrupted.signal.aborted;
    console.error(failureSentence(thrown, isInterrupted));
    return isInterrupted ? interruptedExitCode : failureExitCode;
  }
}

/** Whoever names no folder means the node that the environment describes. */
function refuseServers({ flags }: TaskArguments, environment: Environment): void {
  const onServers = ["MYSQL_URL", "MYSQL_URL_FILE", "KAFKA_BROKERS"].find((name) => environment[name]);
  if (onServers === undefined || flags.has("--data") || environment["SENSORIUM_DATA"]) return;
  throw new Refusal(
    `Cannot back up: ${onServers} is set, and a node on Kafka and MySQL has no files. Back both up with their own ` +
      "tools, or name the data folder of another node with --data FOLDER.",
  );
}

await runTask(spec, Deno.args, work);
