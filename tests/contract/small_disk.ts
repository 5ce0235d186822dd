/** Disks that are full, or nearly so. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const MiB = 1024 * 1024;

/** Runs `body` on a disk of 8 MiB of which `freeBytes` are free; says so where no disk can be mounted. */
export async function withSmallDisk(
  directory: string,
  freeBytes: number,
  body: (disk: string, ballast: string) => Promise<void>,
): Promise<void> {
  const disk = mkdtempSync(join(directory, "disk-"));
  if (spawnSync("mount", ["-t", "tmpfs", "-o", "size=8m", "tmpfs", disk]).status !== 0) {
    console.warn("SKIPPED: mounting a small disk needs root.");
    return;
  }
  try {
    const ballast = join(disk, "ballast");
    writeFileSync(ballast, new Uint8Array(8 * MiB - freeBytes));
    await body(disk, ballast);
  } finally {
    assert.equal(spawnSync("umount", [disk]).status, 0);
    rmSync(disk, { recursive: true });
  }
}
