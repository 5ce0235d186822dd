/** What a person is told of a run that broke an oracle. */

import type { FailedRun } from "./shrink.ts";
import { defaultSetting } from "./simulate.ts";

/** The command that plays the run again. */
export function replayCommand({ seed, setting: { steps, plant, without } }: FailedRun): string {
  const flags = [`--seed ${seed}`];
  if (steps !== defaultSetting.steps) flags.push(`--steps ${steps}`);
  if (without.length > 0) flags.push(`--without ${without.join(",")}`);
  if (plant !== null) flags.push(`--plant ${plant}`);
  return `deno task sim ${flags.join(" ")} --trace`;
}

/** The last lines of the trace, the broken oracle, and how to see it again. */
export function failureReport(run: FailedRun): string {
  const { seed, failure: { oracle, message, trace } } = run;
  return `${trace.join("\n")}\n\n` +
    `seed ${seed}: the oracle "${oracle}" is broken\n${message}\n\n` +
    `again, with every event: ${replayCommand(run)}`;
}
