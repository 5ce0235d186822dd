/** Which threads run only where nothing else does. */

import process from "node:process";

const idlePolicy = 5;
/** Fields of proc_pid_stat(5), counted from behind the name. */
const policyField = 38;

/** Names of this process's threads with the scheduling policy `SCHED_IDLE`. */
export async function idleThreads(): Promise<string[]> {
  // By a program, because Deno reads /proc itself only with every permission there is; of threads that are gone by now it
  // says so, and fails.
  const { stdout } = await new Deno.Command("sh", { args: ["-c", `cat /proc/${process.pid}/task/*/stat`] })
    .output();
  const fields = new TextDecoder().decode(stdout).split("\n").map((line) =>
    /^\d+ \((.*)\) (.*)/.exec(line) ?? []
  );
  return fields.flatMap(([, name = "", rest = ""]) =>
    Number(rest.split(" ")[policyField]) === idlePolicy ? [name] : []
  );
}
