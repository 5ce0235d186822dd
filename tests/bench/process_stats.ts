/** Memory and processor time of a process by Linux's `/proc`, and of this one. */

import process from "node:process";

export interface ProcessStats {
  readonly rssBytes: number;
  /** Processor seconds so far, by the thread's name; threads of one name are summed. */
  readonly cpuSeconds: ReadonlyMap<string, number>;
}

/** `USER_HZ`, which Linux has fixed at 100 for everything that `/proc` shows. */
const ticksPerSecond = 100;

/** Fields of proc_pid_stat(5), counted after the name, which may itself hold spaces. */
const utimeField = 11;
const stimeField = 12;

function cpuOf(statLine: string): readonly [name: string, seconds: number] {
  const name = statLine.slice(statLine.indexOf("(") + 1, statLine.lastIndexOf(")"));
  const fields = statLine.slice(statLine.lastIndexOf(")") + 2).split(" ");
  return [name, (Number(fields[utimeField]) + Number(fields[stimeField])) / ticksPerSecond];
}

/** Null where there is no such process or no `/proc`. */
export async function readStats(pid: number): Promise<ProcessStats | null> {
  // By a program, because Deno reads /proc itself only with every permission there is.
  const script = `grep VmRSS /proc/${pid}/status && cat /proc/${pid}/task/*/stat`;
  const { success, stdout } = await new Deno.Command("sh", { args: ["-c", script], stderr: "null" }).output();
  if (!success) return null;
  const [memory = "", ...threads] = new TextDecoder().decode(stdout).trim().split("\n");
  const cpuSeconds = new Map<string, number>();
  for (const [name, seconds] of threads.map(cpuOf)) {
    cpuSeconds.set(name, (cpuSeconds.get(name) ?? 0) + seconds);
  }
  return { rssBytes: Number(/\d+/.exec(memory)?.[0]) * 1024, cpuSeconds };
}

/** Processor seconds between two readings, in all and by thread: "12.1 s (main 5.0, ...)". */
export function cpuText(before: ProcessStats | null, after: ProcessStats | null): string {
  if (before === null || after === null) return "unknown";
  const used = [...after.cpuSeconds]
    .map(([name, seconds]) => [name, seconds - (before.cpuSeconds.get(name) ?? 0)] as const)
    .toSorted(([, a], [, b]) => b - a);
  const total = used.reduce((sum, [, seconds]) => sum + seconds, 0);
  const largest = used.filter(([, seconds]) => seconds >= 0.02 * total).slice(0, 8);
  const parts = largest.map(([name, seconds]) => `${name} ${seconds.toFixed(1)}`);
  return `${total.toFixed(1)} s (${parts.join(", ")})`;
}

/** Processor seconds of each thread for a million of something, the largest first: "main 3.2, host 2.3". */
export function threadsPerMillionText(used: ReadonlyMap<string, number>, count: number): string {
  return [...used].map(([name, seconds]) => [name, seconds * 1e6 / count] as const)
    .filter(([, each]) => each >= 0.1)
    .toSorted(([, a], [, b]) => b - a)
    .map(([name, each]) => `${name} ${each.toFixed(1)}`).join(", ");
}

/** What each thread has used between two readings; throws where it is unknown. */
export function usedByThread(before: ProcessStats | null, after: ProcessStats | null): Map<string, number> {
  if (before === null || after === null) throw new Error("The process is gone, or there is no /proc");
  return new Map(
    Array.from(after.cpuSeconds, ([name, seconds]) => [name, seconds - (before.cpuSeconds.get(name) ?? 0)]),
  );
}

/** The sum alone; throws where it is unknown. */
export function cpuSecondsBetween(before: ProcessStats | null, after: ProcessStats | null): number {
  return usedByThread(before, after).values().reduce((sum, each) => sum + each, 0);
}

/** Of several processes, by a name for each. */
export type Account = ReadonlyMap<string, ProcessStats | null>;

export async function readAccount(pids: ReadonlyMap<string, number>): Promise<Account> {
  return new Map(
    await Promise.all(Array.from(pids, async ([name, pid]) => [name, await readStats(pid)] as const)),
  );
}

/** What each used of the processors for a million of something: "Kafka 2.1, MariaDB 0.4". */
export function perMillionText(before: Account, after: Account, count: number): string {
  return Array.from(after, ([name, stats]) => {
    const used = cpuSecondsBetween(before.get(name) ?? null, stats) * 1e6 / count;
    return `${name} ${used.toFixed(1)}`;
  }).join(", ");
}

/** Processor seconds of this process so far. */
export function ownCpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

export function ownCpuText(sinceSeconds: number): string {
  return `${(ownCpuSeconds() - sinceSeconds).toFixed(1)} s`;
}
