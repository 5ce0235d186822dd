/**
 * The folder of a segmented log: which segments there are, and the work on files that appends do not wait for.
 *
 * 1. Segments are numbered without gaps: `00000001.db`, `00000002.db`, ... A file with such a name is complete:
 *    it is written and synced under another name first.
 * 2. Segments are removed oldest first, each removal on the disk before the next begins.
 * 3. Work in the background runs one piece at a time, in the order it was asked for.
 */

import process from "node:process";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { OneByOne } from "../core/one_by_one.ts";
import { LogError } from "./port.ts";
import { checkHeader, emptySegment, type LogIdentity } from "./segment_file.ts";

export const segmentName = /^(\d{8})\.db$/;
/** A segment that is being written or removed; what a crash leaves of it is worthless. */
const unfinishedName = /^\d{8}\.db\.(new(-journal)?|old)$/;

/**
 * A file is removed in steps of this size. Freeing 48 MiB at once made every commit meanwhile wait for 19 ms (ext4,
 * mounted with discard); in steps of 4 MiB, 2 ms.
 */
const removalStepBytes = 4 * 1024 * 1024;

export interface SegmentPath {
  readonly path: string;
  readonly sequence: number;
}

export class LogFolder {
  readonly directory: string;
  /** Segments to remove, oldest first. */
  readonly #doomed: string[] = [];
  readonly #works = new OneByOne();

  /** Makes the folder if there is none. */
  constructor(directory: string) {
    this.directory = directory;
    mkdirSync(directory, { recursive: true });
  }

  pathOf(sequence: number): string {
    return join(this.directory, `${String(sequence).padStart(8, "0")}.db`);
  }

  /** The segments in order, headers checked. Throws "corrupt" for a file that is not ours, or a missing one. */
  list(): SegmentPath[] {
    const names = readdirSync(this.directory);
    const found = names.filter((name) => segmentName.test(name)).sort()
      .map((name) => ({ path: join(this.directory, name), sequence: Number.parseInt(name) }));
    found.forEach(({ path, sequence }, place) => {
      const expected = (found[0]?.sequence ?? 0) + place;
      if (sequence !== expected) {
        throw new LogError(
          "corrupt",
          `Cannot open the log: ${
            this.pathOf(expected)
          } is missing before ${path}; restore it from a backup.`,
        );
      }
      checkHeader(path);
    });
    for (const name of names) if (unfinishedName.test(name)) rmSync(join(this.directory, name));
    return found;
  }

  emptySegment(log: LogIdentity): Uint8Array<ArrayBuffer> {
    return emptySegment(join(this.directory, "00000000.db.new"), log);
  }

  /** Writes the first segment of a new log. */
  createNow(sequence: number, bytes: Uint8Array): string {
    const path = this.pathOf(sequence);
    writeFileSync(`${path}.new`, bytes, { flush: true });
    renameSync(`${path}.new`, path);
    return path;
  }

  create(sequence: number, bytes: Uint8Array): Promise<string> {
    const path = this.pathOf(sequence);
    return this.#works.run(async () => {
      try {
        await writeSynced(`${path}.new`, bytes);
        await rename(`${path}.new`, path);
      } catch (thrown) {
        await rm(`${path}.new`, { force: true });
        throw thrown;
      }
      await this.#sync();
      return path;
    });
  }

  /** Removes a segment and those whose removal failed before; resolves with the paths of all removed. */
  remove(path: string): Promise<readonly string[]> {
    this.#doomed.push(path);
    return this.#works.run(async () => {
      const removed: string[] = [];
      for (let next = this.#doomed[0]; next !== undefined; next = this.#doomed[0]) {
        await this.#removeNow(next);
        this.#doomed.shift();
        removed.push(next);
      }
      return removed;
    });
  }

  async #removeNow(path: string): Promise<void> {
    const old = `${path}.old`;
    // The journal first: without its database it would stay for ever.
    await rm(`${path}-journal`, { force: true });
    if (existsSync(path)) await rename(path, old);
    await this.#sync();
    if (existsSync(old)) await shrink(old);
    await rm(old, { force: true });
  }

  /** Makes names appear and disappear for good. Windows can sync no folder, and need not. */
  async #sync(): Promise<void> {
    if (process.platform === "win32") return;
    const folder = await open(this.directory, "r");
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }
}

async function writeSynced(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, "w");
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function shrink(path: string): Promise<void> {
  const file = await open(path, "r+");
  try {
    let { size } = await file.stat();
    while (size > removalStepBytes) {
      size -= removalStepBytes;
      await file.truncate(size);
      await file.sync();
    }
  } finally {
    await file.close();
  }
}
