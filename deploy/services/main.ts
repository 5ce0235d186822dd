/** `deno task services`: see `--help`. Exit codes: 0 done, 1 failed or not all is running, 2 refused. */

import { failureExitCode, Refusal } from "../../actors/cli/refusal.ts";
import type { TaskArguments } from "../../actors/cli/read_arguments.ts";
import { print, runTask } from "../../actors/cli/run_task.ts";
import { readCommand, spec } from "./read_command.ts";
import { down, status, up } from "./run_services.ts";
import { exportLines, usageText } from "./texts.ts";

const encoder = new TextEncoder();

/** What goes on, beside what was asked for: `eval` in a shell must not see it. */
function say(line: string): void {
  Deno.stderr.writeSync(encoder.encode(`${line}\n`));
}

async function work(given: TaskArguments): Promise<number> {
  const command = readCommand(given);
  if (Deno.build.os !== "linux") {
    throw new Refusal(
      "Cannot serve on this system: the task needs Linux, whose /proc tells which processes run. Start Kafka, MySQL " +
        "and Redis otherwise, and set KAFKA_BROKERS, MYSQL_URL and REDIS_URL.",
    );
  }
  switch (command.verb) {
    case "up": {
      const addresses = await up(command, say);
      print(command.env ? exportLines(addresses) : usageText(addresses));
      return 0;
    }
    case "down":
      await down(command, say);
      return 0;
    case "status": {
      const { text, isServing } = await status(command, Date.now());
      print(text);
      return isServing ? 0 : failureExitCode;
    }
  }
}

await runTask(spec, Deno.args, work);
