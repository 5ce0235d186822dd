import assert from "node:assert/strict";
import {
  cpuReadings,
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
} from "../../actors/sources/host_metrics.ts";
import type { Probe } from "../../actors/sources/host_probes.ts";
import { runHostSource } from "../../actors/sources/host_source.ts";
import { pauseMs, runPeriodically } from "../../actors/sources/periodic.ts";

const stat = `cpu  100 5 50 800 20 1 4 20 7 0
cpu0 50 5 25 400 10 1 2 10 7 0
intr 732935 0 0 0
ctxt 1990473
`;
const netDev = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier
    lo: 1880472793  424212    0    0    0     0          0         0 1880472793  424212    0    0    0     0
  ifb0:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0
  eth0:96202727    3500    0    0    0     0          0         0   202823    2621    0    0    0     0       0
`;
const diskstats = `   7       0 loop0 9 0 9 0 0 0 0 0 0 0 0 0 0 0 0 0 0
 254       0 vda 29358 6361 2758074 9104 348528 11826 31798896 358541 0 26588 371817 15247 20 7362952 2049 73337 2122
 254       1 vda1 29000 6361 2758000 9104 348528 11826 31798896 358541 0 26588 371817 15247 20 7362952 2049 0 0
 259       0 nvme0n1 10 0 80 0 0 0 0 0 0 5 0
 259       1 nvme0n1p1 10 0 80 0 0 0 0 0 0 5 0
   9       1 md1 1 0 8 0 1 0 8 0 0 0 0
   9      12 md12 1 0 8 0 1 0 8 0 0 0 0
   8      16 sdb 0 0 0 0 0 0 0 0 0 0 0
`;

function valueOf(readings: readonly Reading[], name: string, labels: Readonly<Record<string, string>> = {}) {
  return readings.find((reading) =>
    reading.name === name && JSON.stringify(reading.labels) === JSON.stringify(labels)
  )?.value;
}

Deno.test("splitFiles() gives each file's text when head printed several", () => {
  const files = splitFiles("==> /proc/stat <==\ncpu 1\n\n==> /proc/net/dev <==\nlo: 2\n");
  assert.deepEqual([...files], [["/proc/stat", "cpu 1\n\n"], ["/proc/net/dev", "lo: 2\n"]]);
});

Deno.test("splitFiles() is empty when head printed nothing", () => {
  assert.equal(splitFiles("").size, 0);
});

Deno.test("parseCpu() reads the line of all processors, without guest time", () => {
  assert.deepEqual(parseCpu(stat), {
    user: 100,
    nice: 5,
    system: 50,
    idle: 800,
    iowait: 20,
    irq: 1,
    softirq: 4,
    steal: 20,
  });
});

Deno.test("parseCpu() is null when the text is not /proc/stat", () => {
  for (const text of ["", "cpu", "cpu  a b c d", "cpu0 1 2 3 4"]) assert.equal(parseCpu(text), null, text);
});

Deno.test("parseNetwork() reads devices that were used, whether or not a space follows the colon", () => {
  assert.deepEqual([...parseNetwork(netDev)], [
    ["lo", { receivedBytes: 1880472793, transmittedBytes: 1880472793 }],
    ["eth0", { receivedBytes: 96202727, transmittedBytes: 202823 }],
  ]);
});

Deno.test("parseDisks() reads whole disks that were used, in bytes", () => {
  const disks = parseDisks(diskstats);
  assert.deepEqual([...disks.keys()], ["vda", "nvme0n1", "md1", "md12"]);
  assert.deepEqual(disks.get("vda"), {
    readBytes: 2758074 * 512,
    writtenBytes: 31798896 * 512,
    busyMs: 26588,
  });
});

Deno.test("cpuReadings() gives shares of the time between two readings", () => {
  const before = { user: 10, system: 10, idle: 100, iowait: 0, steal: 0 };
  const readings = cpuReadings(before, { user: 40, system: 20, idle: 140, iowait: 10, steal: 10 });
  assert.equal(valueOf(readings, "host_cpu_percent"), 50);
  assert.equal(valueOf(readings, "host_cpu_mode_percent", { mode: "user" }), 30);
  assert.equal(valueOf(readings, "host_cpu_mode_percent", { mode: "iowait" }), 10);
});

Deno.test("cpuReadings() is empty when a counter went back or no time passed", () => {
  assert.deepEqual(cpuReadings({ user: 2, idle: 1 }, { user: 1, idle: 9 }), []);
  assert.deepEqual(cpuReadings({ user: 2, idle: 1 }, { user: 2, idle: 1 }), []);
});

Deno.test("networkReadings() gives bytes per second, and nothing for a device that is new or was reset", () => {
  const before = new Map([
    ["eth0", { receivedBytes: 1000, transmittedBytes: 100 }],
    ["tun0", { receivedBytes: 500, transmittedBytes: 500 }],
  ]);
  const after = new Map([
    ["eth0", { receivedBytes: 3000, transmittedBytes: 100 }],
    ["tun0", { receivedBytes: 10, transmittedBytes: 10 }],
    ["wlan0", { receivedBytes: 7, transmittedBytes: 7 }],
  ]);
  const readings = networkReadings(before, after, 500);
  assert.equal(readings.length, 2);
  assert.equal(valueOf(readings, "host_network_receive_bytes_per_second", { device: "eth0" }), 4000);
  assert.equal(valueOf(readings, "host_network_transmit_bytes_per_second", { device: "eth0" }), 0);
});

Deno.test("diskReadings() gives bytes per second and the share of the time that the disk was busy", () => {
  const before = new Map([["vda", { readBytes: 0, writtenBytes: 0, busyMs: 0 }]]);
  const after = new Map([["vda", { readBytes: 4096, writtenBytes: 512, busyMs: 250 }]]);
  const readings = diskReadings(before, after, 1000);
  assert.equal(valueOf(readings, "host_disk_read_bytes_per_second", { device: "vda" }), 4096);
  assert.equal(valueOf(readings, "host_disk_write_bytes_per_second", { device: "vda" }), 512);
  assert.equal(valueOf(readings, "host_disk_busy_percent", { device: "vda" }), 25);
});

Deno.test("loadReadings() names the three periods", () => {
  assert.deepEqual(loadReadings([1, 2, 3]).map(({ labels, value }) => [labels["period"], value]), [
    ["1m", 1],
    ["5m", 2],
    ["15m", 3],
  ]);
});

Deno.test("memoryReadings() counts what is not available as used, and leaves swap out when there is none", () => {
  const readings = memoryReadings({ total: 1000, available: 750, swapTotal: 0, swapFree: 0 });
  assert.equal(valueOf(readings, "host_memory_used_percent"), 25);
  assert.equal(valueOf(readings, "host_memory_used_bytes"), 250);
  assert.equal(valueOf(readings, "host_swap_used_bytes"), undefined);
  const swapping = memoryReadings({ total: 1000, available: 750, swapTotal: 100, swapFree: 40 });
  assert.equal(valueOf(swapping, "host_swap_used_bytes"), 60);
});

Deno.test("diskUsageReadings() counts as df does when blocks are kept for root", () => {
  const readings = diskUsageReadings("/", { bsize: 4096, blocks: 100, bfree: 40, bavail: 20 });
  assert.equal(valueOf(readings, "host_disk_used_percent", { path: "/" }), 75);
  assert.equal(valueOf(readings, "host_disk_free_bytes", { path: "/" }), 20 * 4096);
});

Deno.test("pauseMs() doubles with each failure up to its longest, with jitter in the upper half", () => {
  const options = { intervalMs: 1000, maxPauseMs: 30_000 };
  assert.equal(pauseMs(0, options, 0.5), 1000);
  assert.equal(pauseMs(1, options, 0), 1000);
  assert.equal(pauseMs(3, options, 0), 4000);
  assert.equal(pauseMs(3, options, 0.5), 6000);
  assert.equal(pauseMs(500, options, 0), 15_000);
});

Deno.test("runPeriodically() tells the first failure of a row and the recovery, and goes on", async () => {
  const stop = new AbortController();
  const told: string[] = [];
  const outcomes = [true, false, false, true, false, true];
  await runPeriodically(() => {
    const isGood = outcomes.shift();
    if (outcomes.length === 0) stop.abort();
    return isGood ? Promise.resolve() : Promise.reject(new Error("broken"));
  }, {
    intervalMs: 1,
    maxPauseMs: 1,
    signal: stop.signal,
    onFailure: (error) => told.push(String(error)),
    onRecovery: () => told.push("recovered"),
  });
  assert.deepEqual(told, ["Error: broken", "recovered", "Error: broken", "recovered"]);
});

Deno.test("runHostSource() tells a failing probe by its name, and failing sends once for all", async () => {
  const stop = new AbortController();
  const told: string[] = [];
  const outcomes = ["ok", "no read", "ok", "no send", "no send"];
  let outcome = "";
  let reads = 0;
  // The second probe goes along with the first.
  let shared = Promise.withResolvers<void>();
  const load: Probe = {
    name: "load",
    read: () => {
      outcome = outcomes[reads++] ?? "ok";
      shared.resolve();
      shared = Promise.withResolvers();
      if (told.length === 4 || reads === 1000) stop.abort();
      if (outcome === "no read") return Promise.reject(new Error("no such file"));
      return Promise.resolve([{ name: "load1", labels: {}, value: 1 }]);
    },
  };
  const memory: Probe = {
    name: "memory",
    read: () => shared.promise.then(() => [{ name: "used", labels: {}, value: 1 }]),
  };
  const noSpace = () => Promise.reject(new Error("No space. Make some."));
  const send = () => outcome === "no send" ? noSpace() : Promise.resolve();
  const ids = new Set<string>();
  const add = (_kind: string, id: string) => void ids.add(id);
  await runHostSource({
    engine: { batch: () => ({ size: 1, add, send }) },
    probes: [load, memory],
    labels: { host: "vm" },
    signal: stop.signal,
    nowMs: () => 0,
    warn: (sentence) => told.push(sentence),
    info: (sentence) => told.push(sentence),
    intervalMs: 1,
  });
  assert.deepEqual(told, [
    "Cannot read load of this machine: no such file. Trying again.",
    "Reads load of this machine again.",
    "Cannot send this machine's own metrics: No space. Make some. Trying again.",
    "Sends this machine's own metrics again.",
  ]);
  assert.deepEqual([...ids].sort(), ['load1{host="vm"}', 'used{host="vm"}']);
});
