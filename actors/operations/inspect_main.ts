/** `deno task inspect`: see `--help`. Exit codes: 0 whole, 1 something is wrong with the folder, 2 refused. */

import { resolve } from "node:path";
import { currentHolder } from "../cli/data_folder.ts";
import { failureExitCode, Refusal } from "../cli/refusal.ts";
import { hasManifest, readManifest } from "./manifest.ts";
import { dataFlag, dataFolder, type TaskArguments, type TaskSpec } from "../cli/read_arguments.ts";
import { print, runTask } from "../cli/run_task.ts";
import { lookIntoCopy, surveyFolder } from "./survey.ts";
import { surveyText } from "./survey_text.ts";

const spec: TaskSpec = {
  task: "inspect",
  doing: "Cannot inspect",
  introduction: `Tells what is in a stopped node's data folder, or in a backup's: shards and
how far they are, actors by kind, sizes, and what is broken.

  deno task inspect --data /var/lib/s
  deno task inspect --data /backups/monday --json

Nothing is written there: what has to be opened is copied first, one file at a
time, to the folder for temporary files (TMPDIR).`,
  operand: null,
  flags: {
    "--data": dataFlag,
    "--json": { form: null, meaning: "for programs" },
  },
};

async function work(given: TaskArguments): Promise<number> {
  const folder = resolve(dataFolder(given, Deno.env.toObject()));
  checkFolder(folder);
  const holder = await currentHolder(folder);
  if (holder !== null) {
    throw new Refusal(
      `Cannot inspect ${folder}: ${holder.name} is using it, and its files change meanwhile. Make a backup of it ` +
        "(deno task backup DIR) and inspect that, or stop the node.",
    );
  }
  const manifest = hasManifest(folder) ? readManifest(folder, "Cannot inspect") : null;
  const survey = surveyFolder(folder, lookIntoCopy);
  if (given.flags.has("--json")) print(`${JSON.stringify({ ...survey, backup: manifest }, null, 2)}\n`);
  else print(surveyText(survey, manifest));
  return survey.troubles.length === 0 ? 0 : failureExitCode;
}

function checkFolder(folder: string): void {
  let found = "there is no such folder";
  try {
    if (Deno.statSync(folder).isDirectory) return;
    found = "it is a file";
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
  }
  throw new Refusal(
    `Cannot inspect ${folder}: ${found}. Name a data folder or a backup's with --data FOLDER.`,
  );
}

await runTask(spec, Deno.args, work);
