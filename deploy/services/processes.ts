/**
 * Processes by their pid, whoever started them.
 *
 * 1. A process is its pid and the moment it started at: another one that was given the same pid later is not it.
 */

import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { errorMessage } from "../../runtime/core/errors.ts";
import { Refusal } from "../../actors/cli/refusal.ts";
import { pollMs } from "./limits.ts";

export interface ProcessId {
  readonly pid: number;
  /** Clock ticks from the system's start to its own. */
  readonly startTicks: number;
}

export interface LiveProcess extends ProcessId {
  readonly residentBytes: number;
  /** By a signal, until another one. */
  readonly isStopped: boolean;
}

/** Linux's page on the processors that Debian's Kafka, MariaDB and Redis are used on. */
const pageBytes = 4096;

/**
 * What /proc/PID/stat says; null when the process has ended and nobody has asked for its exit code yet. See proc(5).
 */
export function parseStat(stat: string): LiveProcess | null {
  // The name, in parentheses, may hold spaces and parentheses of its own.
  const afterName = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state, startTicks, pages] = [afterName[0], afterName[19], afterName[21]];
  if (state === "Z" || state === "X") return null;
  const pid = Number.parseInt(stat);
  return {
    pid,
    startTicks: Number(startTicks),
    residentBytes: Number(pages) * pageBytes,
    isStopped: state === "T",
  };
}

/** The process that has this pid now; null for none. */
export async function processOf(pid: number): Promise<LiveProcess | null> {
  // By `cat`: Deno itself opens /proc only to a program that may do everything.
  const { success, stdout } = await new Deno.Command("cat", {
    args: [`/proc/${pid}/stat`],
    stderr: "null",
  }).output();
  return success ? parseStat(new TextDecoder().decode(stdout)) : null;
}

/** The process as it is now; null when it has ended. */
export async function findProcess({ pid, startTicks }: ProcessId): Promise<LiveProcess | null> {
  const found = await processOf(pid);
  return found?.startTicks === startTicks ? found : null;
}

/** Sends a signal; false when the process has ended. */
export async function signal(id: ProcessId, name: Deno.Signal): Promise<boolean> {
  if (await findProcess(id) === null) return false;
  try {
    Deno.kill(id.pid, name);
    return true;
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return false;
    throw thrown;
  }
}

/** Whether it has ended within the deadline. */
export function hasEnded(id: ProcessId, deadlineMs: number): Promise<boolean> {
  return isFound(id, (process) => process === null, deadlineMs);
}

/**
 * Whether it stands still within the deadline. The system tells one of its threads of SIGSTOP, and that one the others
 * when it gets a processor: until then they go on.
 */
export function hasStopped(id: ProcessId, deadlineMs: number): Promise<boolean> {
  return isFound(id, (process) => process?.isStopped === true, deadlineMs);
}

async function isFound(
  id: ProcessId,
  isSo: (process: LiveProcess | null) => boolean,
  deadlineMs: number,
): Promise<boolean> {
  const endMs = performance.now() + deadlineMs;
  while (!isSo(await findProcess(id))) {
    if (performance.now() > endMs) return false;
    await pause();
  }
  return true;
}

export function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, pollMs));
}

export interface BackgroundCommand {
  readonly program: string;
  readonly args: readonly string[];
  readonly folder: string;
  /** What it prints is added there. */
  readonly logFile: string;
}

export interface Background {
  readonly id: ProcessId;
  /** Resolves when it has ended, with how. Who does not ask is not kept running by it. */
  readonly ended: () => Promise<string>;
}

/**
 * Starts a program that outlives this one: in a session of its own, so that Ctrl-C and a closed terminal pass it by.
 *
 * @throws when it cannot be run, or has ended at once.
 */
export async function startInBackground(command: BackgroundCommand): Promise<Background> {
  const log = openSync(command.logFile, "a", 0o600);
  try {
    const child = spawn(command.program, [...command.args], {
      cwd: command.folder,
      detached: true,
      stdio: ["ignore", log, log],
    });
    const end = Promise.withResolvers<string>();
    child.on("exit", (code, name) => end.resolve(name === null ? `with code ${code}` : `by ${name}`));
    child.on("error", (error) => end.resolve(`before it ran: ${errorMessage(error)}`));
    child.unref();
    const ended = () => {
      child.ref();
      return end.promise;
    };
    const found = child.pid === undefined ? null : await processOf(child.pid);
    if (found === null) throw new Error(`${command.program} ended ${await ended()}`);
    return { id: { pid: found.pid, startTicks: found.startTicks }, ended };
  } finally {
    closeSync(log);
  }
}

/** Runs a program to its end. Throws with what it printed when that is not 0. */
export async function run(program: string, args: readonly string[], deadlineMs: number): Promise<string> {
  const command = new Deno.Command(program, {
    args: [...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(deadlineMs),
  });
  const { success, stdout, stderr } = await command.output();
  const printed = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  if (!success) throw new Error(`${program} ${args[0] ?? ""} failed. It printed:\n${printed.trim()}`);
  return printed;
}

/** A path as the servers' configuration files can hold it. Throws a `Refusal`. */
export function plainPath(path: string): string {
  const odd = /[^\p{L}\p{N} _./@+~:-]/u.exec(path);
  if (odd === null) return path;
  throw new Refusal(
    `Cannot keep servers' data in ${path}: their configuration files cannot hold ${
      JSON.stringify(odd[0])
    } in a path. Give a folder with letters, digits, spaces and _ . - only, with --data DIR.`,
  );
}
