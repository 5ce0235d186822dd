/** Processes of processes: a start task runs a launcher, and that a node. */

/** The process that `pid` has started; null when it has none. */
export async function childOf(pid: number): Promise<number | null> {
  const { stdout } = await new Deno.Command("ps", { args: ["-o", "pid=", "--ppid", `${pid}`] }).output();
  const child = Number.parseInt(new TextDecoder().decode(stdout));
  // Number("") is 0, and a signal to 0 goes to whoever sends it and all of its group.
  return child > 0 ? child : null;
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
