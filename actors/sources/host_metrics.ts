/**
 * What the kernel says about the host, as series. Pure: text and counters in, readings out.
 *
 * 1. Counters become rates only between two readings of the same device; a counter that went back (a device that
 *    was replaced, a counter that wrapped) gives no reading rather than a wrong one.
 * 2. A line that does not look as documented is skipped: kernels add fields and files.
 *
 * Formats: proc(5) of the Linux manual pages; /proc/diskstats is Documentation/admin-guide/iostats.rst.
 */

export interface Reading {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Time the processors have spent by mode since boot, in any unit. */
export type CpuTimes = Readonly<Record<string, number>>;

export interface NetworkCounters {
  readonly receivedBytes: number;
  readonly transmittedBytes: number;
}

export interface DiskCounters {
  readonly readBytes: number;
  readonly writtenBytes: number;
  readonly busyMs: number;
}

export interface Memory {
  readonly total: number;
  readonly available: number;
  readonly swapTotal: number;
  readonly swapFree: number;
}

/** A device beyond this many is not read: hosts of containers have a network device for each. */
const maxDevices = 32;

// /proc/diskstats counts in units of 512 bytes, whatever the device's sector size.
const diskstatsSectorBytes = 512;

// Guest time is not listed: the kernel counts it in user and nice already.
const statModes = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"];

/** Splits what `head` prints for several files: `==> path <==`, then the file's text. */
export function splitFiles(text: string): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const part of text.split(/^==> /m).slice(1)) {
    const headerEnd = part.indexOf(" <==\n");
    if (headerEnd !== -1) files.set(part.slice(0, headerEnd), part.slice(headerEnd + " <==\n".length));
  }
  return files;
}

/** The first line of /proc/stat: all processors together. Null when it is not there. */
export function parseCpu(stat: string): CpuTimes | null {
  const fields = /^cpu +(.+)$/m.exec(stat)?.[1]?.trim().split(/ +/).map(Number);
  if (fields === undefined || fields.length < 4 || fields.some(Number.isNaN)) return null;
  return Object.fromEntries(statModes.flatMap((mode, i) => {
    const ticks = fields[i];
    return ticks === undefined ? [] : [[mode, ticks]];
  }));
}

/** /proc/net/dev, by device that was ever used. */
export function parseNetwork(netDev: string): ReadonlyMap<string, NetworkCounters> {
  const devices = new Map<string, NetworkCounters>();
  for (const line of netDev.split("\n")) {
    const [, device, rest] = /^ *([^ |:]+): *(.+)$/.exec(line) ?? [];
    const fields = rest?.trim().split(/ +/).map(Number) ?? [];
    const [receivedBytes, transmittedBytes] = [fields[0] ?? NaN, fields[8] ?? NaN];
    // NaN is not greater than anything either.
    if (device === undefined || !(receivedBytes + transmittedBytes > 0)) continue;
    if (devices.size < maxDevices) devices.set(device, { receivedBytes, transmittedBytes });
  }
  return devices;
}

/** Partitions repeat their disk's numbers; loop and ram devices are files and memory. */
function isWholeDisk(device: string, devices: readonly string[]): boolean {
  if (/^(loop|ram|zram|fd|sr)\d+$/.test(device)) return false;
  // sda1 is of sda, nvme0n1p1 of nvme0n1; md12 is not of md1.
  const partition = (disk: string) => /\d$/.test(disk) ? /^p\d+$/ : /^\d+$/;
  return !devices.some((disk) => device.startsWith(disk) && partition(disk).test(device.slice(disk.length)));
}

/** /proc/diskstats, by whole disk that was ever used. */
export function parseDisks(diskstats: string): ReadonlyMap<string, DiskCounters> {
  const all = new Map<string, DiskCounters>();
  for (const line of diskstats.split("\n")) {
    const fields = line.trim().split(/ +/);
    const device = fields[2];
    const at = (index: number) => Number(fields[index] ?? NaN);
    const counters = {
      readBytes: at(5) * diskstatsSectorBytes,
      writtenBytes: at(9) * diskstatsSectorBytes,
      busyMs: at(12),
    };
    const isComplete = !Number.isNaN(counters.readBytes + counters.writtenBytes + counters.busyMs);
    if (device !== undefined && isComplete) all.set(device, counters);
  }
  const names = [...all.keys()];
  const disks = [...all].filter(([device, { readBytes, writtenBytes }]) =>
    isWholeDisk(device, names.filter((name) => name !== device)) && readBytes + writtenBytes > 0
  );
  return new Map(disks.slice(0, maxDevices));
}

/** Share of the time since `before` in each mode, and of all that was not idle, in percent. */
export function cpuReadings(before: CpuTimes, after: CpuTimes): readonly Reading[] {
  const deltas = Object.entries(after).map(([mode, ticks]) => [mode, ticks - (before[mode] ?? 0)] as const);
  const total = deltas.reduce((sum, [, delta]) => sum + delta, 0);
  // Waiting for a disk is idle time of the processor.
  const idle = deltas.reduce((sum, [mode, delta]) => /^(idle|iowait)$/.test(mode) ? sum + delta : sum, 0);
  // iowait may go back a little on some kernels (proc(5)); such a second is left out.
  if (total <= 0 || deltas.some(([, delta]) => delta < 0)) return [];
  return [
    { name: "host_cpu_percent", labels: {}, value: 100 * (total - idle) / total },
    ...deltas.map(([mode, delta]) => ({
      name: "host_cpu_mode_percent",
      labels: { mode },
      value: 100 * delta / total,
    })),
  ];
}

/** Growth per second of one counter of each device, as a series. */
function rates<C>(
  name: string,
  before: ReadonlyMap<string, C>,
  after: ReadonlyMap<string, C>,
  elapsedMs: number,
  read: (counters: C) => number,
): readonly Reading[] {
  return [...after].flatMap(([device, counters]) => {
    const earlier = before.get(device);
    const growth = earlier === undefined ? NaN : read(counters) - read(earlier);
    if (!(growth >= 0 && elapsedMs > 0)) return [];
    return [{ name, labels: { device }, value: growth * 1000 / elapsedMs }];
  });
}

export function networkReadings(
  before: ReadonlyMap<string, NetworkCounters>,
  after: ReadonlyMap<string, NetworkCounters>,
  elapsedMs: number,
): readonly Reading[] {
  const rate = (name: string, read: (counters: NetworkCounters) => number) =>
    rates(name, before, after, elapsedMs, read);
  return [
    ...rate("host_network_receive_bytes_per_second", ({ receivedBytes }) => receivedBytes),
    ...rate("host_network_transmit_bytes_per_second", ({ transmittedBytes }) => transmittedBytes),
  ];
}

export function diskReadings(
  before: ReadonlyMap<string, DiskCounters>,
  after: ReadonlyMap<string, DiskCounters>,
  elapsedMs: number,
): readonly Reading[] {
  const rate = (name: string, read: (counters: DiskCounters) => number) =>
    rates(name, before, after, elapsedMs, read);
  return [
    ...rate("host_disk_read_bytes_per_second", ({ readBytes }) => readBytes),
    ...rate("host_disk_write_bytes_per_second", ({ writtenBytes }) => writtenBytes),
    // A tenth of the milliseconds in a second is the per cent of it.
    ...rate("host_disk_busy_percent", ({ busyMs }) => busyMs / 10),
  ];
}

export function loadReadings(averages: readonly number[]): readonly Reading[] {
  return ["1m", "5m", "15m"].flatMap((period, i) => {
    const value = averages[i];
    return value === undefined ? [] : [{ name: "host_load", labels: { period }, value }];
  });
}

export function memoryReadings({ total, available, swapTotal, swapFree }: Memory): readonly Reading[] {
  const used = total - available;
  return [
    { name: "host_memory_available_bytes", labels: {}, value: available },
    { name: "host_memory_used_bytes", labels: {}, value: used },
    ...(total > 0 ? [{ name: "host_memory_used_percent", labels: {}, value: 100 * used / total }] : []),
    ...(swapTotal > 0 ? [{ name: "host_swap_used_bytes", labels: {}, value: swapTotal - swapFree }] : []),
  ];
}

/** Of the file system that holds `path`; sizes in blocks, as statfs(2) gives them. */
export function diskUsageReadings(
  path: string,
  blocks: {
    readonly bsize: number;
    readonly blocks: number;
    readonly bfree: number;
    readonly bavail: number;
  },
): readonly Reading[] {
  const labels = { path };
  const used = blocks.blocks - blocks.bfree;
  // As df(1) does: of what an ordinary user could have, without the blocks kept for root.
  const usable = used + blocks.bavail;
  return [
    { name: "host_disk_free_bytes", labels, value: blocks.bavail * blocks.bsize },
    ...(usable > 0 ? [{ name: "host_disk_used_percent", labels, value: 100 * used / usable }] : []),
  ];
}
