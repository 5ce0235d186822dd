/**
 * The server on one of the machine's processors, whatever sends load on the others: so senders that are many times
 * faster than the server take nothing from it, as those of a real overload, which have machines of their own.
 */

import { availableParallelism } from "node:os";

export interface ProcessorSplit {
  /** For the server's `within`. */
  readonly within: readonly string[];
  /** Who has which, for a row. */
  readonly text: string;
  /** Gives this process all processors back. */
  end(): Promise<void>;
}

const shared: ProcessorSplit = { within: [], text: "processors shared", end: () => Promise.resolve() };

/** This process's threads run on those of the list, as taskset(1) understands it; false where there is no such program. */
async function moveOwnThreads(list: string): Promise<boolean> {
  const args = ["--all-tasks", "--cpu-list", "--pid", list, String(Deno.pid)];
  try {
    const { success } = await new Deno.Command("taskset", { args, stdout: "null", stderr: "null" }).output();
    return success;
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return false;
    throw thrown;
  }
}

/** Nothing is split with one processor, or without `taskset`. */
export async function splitProcessors(): Promise<ProcessorSplit> {
  const last = availableParallelism() - 1;
  if (last < 1 || !await moveOwnThreads(`1-${last}`)) return shared;
  return {
    within: ["taskset", "--cpu-list", "0"],
    text: "server on a processor of its own",
    end: async () => void await moveOwnThreads(`0-${last}`),
  };
}
