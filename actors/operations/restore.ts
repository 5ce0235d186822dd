/**
 * A data folder from a backup.
 *
 * 1. The folder was empty, no node uses it, and none can begin to meanwhile.
 * 2. Every file is the one that was backed up, by its checksum, and on the disk.
 * 3. The store gets its name last: on what an interrupted restore leaves, no node starts.
 */

import { dirname, join, resolve } from "node:path";
import { schemaVersion } from "../../runtime/store/schema.ts";
import { takeDataFolder } from "../cli/data_folder.ts";
import { Refusal } from "../cli/refusal.ts";
import { resultsFile } from "../results/copy_tables.ts";
import { copyFile, syncFolder } from "./copy.ts";
import { type BackupFile, type Manifest, readManifest } from "./manifest.ts";
import type { Progress } from "./progress.ts";
import { logName, storeName } from "./survey.ts";

export interface RestoreOptions {
  readonly source: string;
  /** The data folder to make. */
  readonly folder: string;
  readonly progress: Progress;
}

const unnamedStore = `${storeName}.restoring`;

/** Throws a `Refusal` for what the user can mend; what it had written is removed then. */
export async function restore({ source, folder, progress }: RestoreOptions): Promise<Manifest> {
  const manifest = readManifest(resolve(source), "Cannot restore");
  checkStoreVersion(source, manifest);
  checkSizes(source, manifest);
  const path = resolve(folder);
  checkEmpty(path);
  const taken = await takeDataFolder(path);
  try {
    // Again, now that nobody else writes there.
    checkEmpty(path);
    try {
      progress.step("restoring", manifest.files.reduce((sum, { bytes }) => sum + bytes, 0));
      await copyAll(source, path, manifest, progress);
    } catch (thrown) {
      for (const name of [unnamedStore, storeName, logName, dirname(resultsFile)]) {
        await removeIfThere(join(path, name));
      }
      throw thrown;
    }
  } finally {
    taken.release();
  }
  return manifest;
}

async function copyAll(
  source: string,
  folder: string,
  { files }: Manifest,
  { onBytes }: Progress,
): Promise<void> {
  const signal = new AbortController().signal;
  const folders = [logName, dirname(resultsFile)].map((name) => join(folder, name));
  for (const path of folders) Deno.mkdirSync(path);
  for (const file of files) {
    const target = join(folder, file.path === storeName ? unnamedStore : file.path);
    const { sha256 } = await copyFile(join(source, file.path), target, { signal, onBytes });
    if (sha256 !== file.sha256) throw damaged(source, file, "is damaged, its checksum is another");
  }
  for (const path of folders) await syncFolder(path);
  await Deno.rename(join(folder, unnamedStore), join(folder, storeName));
  await syncFolder(folder);
}

function damaged(source: string, { path }: BackupFile, found: string): Refusal {
  return new Refusal(`Cannot restore ${source}: ${path} in it ${found}. Use another backup.`);
}

function checkStoreVersion(source: string, { storeVersion, program }: Manifest): void {
  if (storeVersion <= schemaVersion) return;
  throw new Refusal(
    `Cannot restore ${source}: its store has format version ${storeVersion}, and this program knows up to ` +
      `${schemaVersion}. Use version ${program}, which wrote it, or a newer one.`,
  );
}

/** Before anything is copied. */
function checkSizes(source: string, { files }: Manifest): void {
  for (const file of files) {
    const size = sizeOf(join(source, file.path));
    if (size === null) throw damaged(source, file, "is missing");
    if (size !== file.bytes) {
      throw damaged(source, file, `has ${size} bytes, and ${file.bytes} were backed up`);
    }
  }
}

function sizeOf(path: string): number | null {
  try {
    return Deno.statSync(path).size;
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return null;
    throw thrown;
  }
}

/** A lock that a node left behind is nothing. */
function checkEmpty(folder: string): void {
  let names: string[];
  try {
    names = [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) => name !== "lock");
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound) return;
    if (thrown instanceof Deno.errors.NotADirectory) {
      throw new Refusal(
        `Cannot restore into ${folder}: it is a file. Name an empty folder with --data FOLDER.`,
      );
    }
    throw thrown;
  }
  if (names.length === 0) return;
  throw new Refusal(
    `Cannot restore into ${folder}: it is not empty (${
      names.slice(0, 3).join(", ")
    }). Name an empty or a new folder ` +
      "with --data FOLDER.",
  );
}

async function removeIfThere(path: string): Promise<void> {
  try {
    await Deno.remove(path, { recursive: true });
  } catch (thrown) {
    if (!(thrown instanceof Deno.errors.NotFound)) throw thrown;
  }
}
