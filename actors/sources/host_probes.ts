/**
 * Where the host's numbers come from: each probe reads once and answers with readings. A probe that fails throws,
 * and reads from the start next time.
 *
 * Deno gives access to /proc only to a program that may do everything. So its files are read by `head`, which the
 * start task is allowed to run, for all of them at once: 2 to 3 ms of processor time a second.
 */

import { statfs } from "node:fs/promises";
import os from "node:os";
import {
  cpuReadings,
  type CpuTimes,
  diskReadings,
  diskUsageReadings,
  loadReadings,
  memoryReadings,
  networkReadings,
  parseCpu,
  parseDisks,
  parseNetwork,
  type Reading,
  splitFiles,
} from "./host_metrics.ts";

export interface Probe {
  readonly name: string;
  read(): Promise<readonly Reading[]>;
}

const procFiles = ["/proc/stat", "/proc/net/dev", "/proc/diskstats"];

interface ProcSample {
  readonly atMs: number;
  readonly cpu: CpuTimes | null;
  readonly network: ReturnType<typeof parseNetwork>;
  readonly disks: ReturnType<typeof parseDisks>;
}

async function readProc(): Promise<ProcSample> {
  // More lines than any of the files has; without the flag `head` stops at ten. Inheriting no environment keeps
  // LD_PRELOAD and the like out, with which Deno would refuse to run anything.
  const head = new Deno.Command("head", { args: ["-n", "100000", ...procFiles], clearEnv: true });
  const { stdout } = await head.output();
  const files = splitFiles(new TextDecoder().decode(stdout));
  // A file may be missing (containers hide diskstats, say): its series are, too. All of them missing is a failure.
  if (files.size === 0) throw new Error(`head printed none of ${procFiles.join(", ")}`);
  return {
    atMs: performance.now(),
    cpu: parseCpu(files.get("/proc/stat") ?? ""),
    network: parseNetwork(files.get("/proc/net/dev") ?? ""),
    disks: parseDisks(files.get("/proc/diskstats") ?? ""),
  };
}

/** Processor, network and disk counters of Linux. */
function procProbe(): Probe {
  let before: ProcSample | null = null;
  return {
    name: "processor, network and disk counters",
    async read() {
      const earlier = before;
      before = null;
      const now = await readProc();
      before = now;
      if (earlier === null) return [];
      const elapsedMs = now.atMs - earlier.atMs;
      return [
        ...(earlier.cpu !== null && now.cpu !== null ? cpuReadings(earlier.cpu, now.cpu) : []),
        ...networkReadings(earlier.network, now.network, elapsedMs),
        ...diskReadings(earlier.disks, now.disks, elapsedMs),
      ];
    },
  };
}

function addTimes(sum: Record<string, number>, times: CpuTimes): Record<string, number> {
  for (const [mode, ms] of Object.entries(times)) sum[mode] = (sum[mode] ?? 0) + ms;
  return sum;
}

/** The processor where there is no /proc. */
function cpuProbe(): Probe {
  let before: CpuTimes | null = null;
  return {
    name: "processor times",
    read() {
      const now = os.cpus().map(({ times }) => ({ ...times })).reduce(addTimes, {});
      const readings = before === null ? [] : cpuReadings(before, now);
      before = now;
      return Promise.resolve(readings);
    },
  };
}

function loadAndMemoryProbe(): Probe {
  return {
    name: "load and memory",
    read: () =>
      Promise.resolve([...loadReadings(Deno.loadavg()), ...memoryReadings(Deno.systemMemoryInfo())]),
  };
}

/** The file system that holds `path`. */
function diskUsageProbe(path: string): Probe {
  return { name: `disk usage of ${path}`, read: async () => diskUsageReadings(path, await statfs(path)) };
}

/** The probes of this machine; `dataDir` is the file system whose filling stops the node. */
export function hostProbes(dataDir: string): readonly Probe[] {
  const counters = Deno.build.os === "linux" ? procProbe() : cpuProbe();
  const root = Deno.build.os === "windows" ? [] : [diskUsageProbe("/")];
  return [loadAndMemoryProbe(), counters, ...root, diskUsageProbe(dataDir)];
}
