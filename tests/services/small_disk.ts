/**
 * A small disk of its own, in memory, that can be filled. To mount one needs root.
 *
 * 1. What is filled stays full: `fill` takes what others have freed since.
 */

import { spawnSync } from "node:child_process";
import { join } from "node:path";

const blockBytes = 64 * 1024;

export class SmallDisk implements AsyncDisposable {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** Null where nothing can be mounted. */
  static async mount(prefix: string, mebibytes: number): Promise<SmallDisk | null> {
    const folder = await Deno.makeTempDir({ prefix });
    const { status } = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${mebibytes}m`, "tmpfs", folder]);
    if (status === 0) return new SmallDisk(folder);
    await Deno.remove(folder);
    return null;
  }

  get #ballast(): string {
    return join(this.folder, "ballast");
  }

  /** Leaves about so many bytes. */
  async fill(freeBytes = 0): Promise<void> {
    using file = await Deno.open(this.#ballast, { write: true, create: true, append: true });
    await writeAll(file);
    if (freeBytes > 0) await file.truncate((await file.stat()).size - freeBytes);
  }

  /** Undoes `fill`. */
  async empty(): Promise<void> {
    await Deno.remove(this.#ballast);
  }

  /** Whatever is on it goes. */
  async [Symbol.asyncDispose](): Promise<void> {
    const { status, stderr } = spawnSync("umount", [this.folder]);
    if (status !== 0) throw new Error(`Cannot unmount ${this.folder}: ${stderr}`);
    await Deno.remove(this.folder);
  }
}

/** Runs `use` on a disk of 8 MiB of which `freeBytes` are free; says so where no disk can be mounted. */
export async function withSmallDisk(
  freeBytes: number,
  use: (disk: SmallDisk) => Promise<void>,
): Promise<void> {
  await using disk = await SmallDisk.mount("sensorium-disk-", 8);
  if (disk === null) return console.warn("SKIPPED: mounting a small disk needs root.");
  await disk.fill(freeBytes);
  await use(disk);
}

/** Writes until there is no room: of the last block, what there is room for. */
async function writeAll(file: Deno.FsFile): Promise<void> {
  const block = new Uint8Array(blockBytes);
  try {
    for (;;) await file.write(block);
  } catch (thrown) {
    if (!(thrown instanceof Error && "code" in thrown && thrown.code === "ENOSPC")) throw thrown;
  }
}
