/** A sentence about the machine, without which a figure says nothing. */

import os from "node:os";

export function machineText(): string {
  const cpus = os.cpus();
  const memoryGiB = (os.totalmem() / 2 ** 30).toFixed(0);
  const { deno, v8 } = Deno.version;
  // Whatever else runs takes its share: a figure from a busy machine should show that it is one.
  const load = Deno.loadavg()[0]!.toFixed(1);
  return `${cpus.length} × ${cpus[0]?.model.trim() ?? "unknown processor"}, ${memoryGiB} GiB, ` +
    `${os.type()} ${os.release()}, Deno ${deno}, V8 ${v8}, load average ${load} before`;
}

/** Processor time since the system's start, in its own unit. */
export interface MachineTime {
  readonly all: number;
  /** Taken by other machines on the same hardware. */
  readonly stolen: number;
}

/** Null where the system does not tell. */
export async function readMachineTime(): Promise<MachineTime | null> {
  // By a program, because Deno reads /proc itself only with every permission there is.
  const command = new Deno.Command("sh", { args: ["-c", "head -n 1 /proc/stat"], stderr: "null" });
  const { success, stdout } = await command.output();
  if (!success) return null;
  // https://docs.kernel.org/filesystems/proc.html, section 1.7: user nice system idle iowait irq softirq steal
  const counts = new TextDecoder().decode(stdout).trim().split(/\s+/).slice(1, 9).map(Number);
  return { all: counts.reduce((sum, count) => sum + count, 0), stolen: counts[7] ?? 0 };
}

/** The share that was stolen between two looks, as text; empty where the system does not tell. */
export function stolenText(before: MachineTime | null, after: MachineTime | null): string {
  if (before === null || after === null || after.all === before.all) return "";
  return `${(100 * (after.stolen - before.stolen) / (after.all - before.all)).toFixed(0)} %`;
}
