/**
 * The lowest priority for a thread of this process that no longer listens, and so cannot give way by itself.
 *
 * Linux has a policy for each thread (sched(7)): one of `SCHED_IDLE` makes room at once for whichever other wakes, where
 * the nicest goes on for some milliseconds each time. `chrt` sets it, of a thread's number. Deno tells of none, and lets no
 * program look into `/proc`: `ls` and `head` do. The number that `Worker` gives a thread is in its name, `worker-3` (Deno
 * 2.9).
 */

import { execFile } from "node:child_process";
import process from "node:process";
import { threadNamesMs } from "./limits.ts";

/** What the program prints; of files that are gone by now it says so elsewhere, and that is no failure. */
function printed(program: string, args: readonly string[]): Promise<string> {
  // Inheriting no environment keeps LD_PRELOAD and the like out, with which Deno would refuse to run anything.
  const options = { env: {}, timeout: threadNamesMs };
  return new Promise((resolve, reject) => {
    execFile(program, args, options, (error, stdout) => {
      if (error !== null && stdout === "") reject(error);
      else resolve(stdout);
    });
  });
}

/** The threads in what `head -v` prints of their names, by name. */
export function threadsByName(text: string): ReadonlyMap<string, number> {
  const headed = /^==> \/proc\/\d+\/task\/(\d+)\/comm <==\n(.*)$/gm;
  return new Map([...text.matchAll(headed)].map(([, number, name]) => [name!, Number(number)]));
}

/**
 * Resolves when the thread of the worker `threadId` runs only where nothing else does, or is gone; at once where threads
 * have no priorities of their own. Rejects where nobody tells of threads.
 */
export async function putLast(threadId: number): Promise<void> {
  if (process.platform !== "linux") return;
  const folder = `/proc/${process.pid}/task`;
  const numbers = (await printed("ls", [folder])).split("\n").filter((line) => line !== "");
  const names = await printed("head", ["-v", "-n", "1", ...numbers.map((each) => `${folder}/${each}/comm`)]);
  const number = threadsByName(names).get(`worker-${threadId}`);
  if (number !== undefined) await idle(number);
}

/** A thread that is gone needs no priority. */
export async function idle(number: number): Promise<void> {
  try {
    await printed("chrt", ["--idle", "--pid", "0", `${number}`]);
  } catch (thrown) {
    if (!(thrown instanceof Error && thrown.message.includes("No such process"))) throw thrown;
  }
}
