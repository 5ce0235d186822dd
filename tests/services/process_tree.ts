/** Processes of processes: a start task runs a launcher, and that a node. */

/** The process that `pid` has started; null when it has none. */
export async function childOf(pid: number): Promise<number | null> {
  return (await childrenOf(pid))[0] ?? null;
}

/** The processes that `pid` has started and that have not ended, the oldest pid first. */
export async function childrenOf(pid: number): Promise<readonly number[]> {
  const args = ["-o", "pid=,stat=", "--sort", "pid", "--ppid", `${pid}`];
  const { stdout } = await new Deno.Command("ps", { args }).output();
  // Number("") is 0, and a signal to 0 goes to whoever sends it and all of its group.
  return new TextDecoder().decode(stdout).split("\n").filter((line) => !/Z/.test(line))
    .map((line) => Number.parseInt(line)).filter((child) => child > 0);
}

/** Ends a process as a crash would; one that is gone already is no failure. */
export function killHard(pid: number | null): void {
  if (pid === null) return;
  try {
    Deno.kill(pid, "SIGKILL");
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
  }
}
