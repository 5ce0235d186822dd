/** Runs an operator's task as a program: help, refusals (exit code 2), failures (exit code 1). */

import { errorMessage } from "../../runtime/core/errors.ts";
import { failureExitCode, Refusal, refusalExitCode } from "./refusal.ts";
import { readArguments, type TaskArguments, taskHelp, type TaskSpec } from "./read_arguments.ts";

const encoder = new TextEncoder();

export function print(text: string): void {
  Deno.stdout.writeSync(encoder.encode(text));
}

/** `work` resolves with the exit code. */
export async function runTask(
  spec: TaskSpec,
  args: readonly string[],
  work: (given: TaskArguments) => Promise<number>,
): Promise<never> {
  try {
    const given = readArguments(spec, args);
    if (given !== null) Deno.exit(await work(given));
    print(taskHelp(spec));
    Deno.exit(0);
  } catch (thrown) {
    const isRefused = thrown instanceof Refusal;
    const sentence = isRefused ? thrown.message : `${spec.doing}: ${errorMessage(thrown)}`;
    Deno.stderr.writeSync(encoder.encode(`${sentence}\n`));
    Deno.exit(isRefused ? refusalExitCode : failureExitCode);
  }
}
