/**
 * A backup's folder: `backup.json`, which is written last, and the files that it names, as in a data folder.
 *
 * 1. A folder without `backup.json` is no backup, or an unfinished one.
 * 2. Every other file is named in it with its size and checksum.
 */

import { join } from "node:path";
import { z } from "zod";
import { Refusal } from "../cli/refusal.ts";

export const manifestName = "backup.json";
/** What a backup has in its name until it is whole. */
export const partialSuffix = ".partial";

/** Raised when a program of this version could not restore what is written from then on. */
const formatVersion = 2;

const time = z.string();
const file = z.object({
  // Restoring writes to no other place than these.
  path: z.string().regex(/^(store\.db|log\/\d{8}\.db|results\/results\.sqlite)$/),
  bytes: z.int().nonnegative(),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});

const manifestSchema = z.object({
  /** 1 had no results. */
  format: z.int().min(1).max(formatVersion),
  /** Version of the program that wrote it. */
  program: z.string(),
  /** Everything accepted before this is in the backup. */
  began: time,
  finished: time,
  shards: z.int().positive(),
  /** Format of the store. */
  storeVersion: z.int().positive(),
  store: z.string(),
  log: z.string(),
  files: z.array(file).min(2),
});

export type Manifest = z.infer<typeof manifestSchema>;
export type BackupFile = Manifest["files"][number];

export function newManifest(parts: Omit<Manifest, "format">): Manifest {
  return manifestSchema.parse({ format: formatVersion, ...parts });
}

/** Whether there is a manifest, of whatever content. */
export function hasManifest(folder: string): boolean {
  try {
    return Deno.statSync(join(folder, manifestName)).isFile;
  } catch (thrown) {
    if (thrown instanceof Deno.errors.NotFound || thrown instanceof Deno.errors.NotADirectory) return false;
    throw thrown;
  }
}

/** Throws a `Refusal` that begins with `doing`, as "Cannot restore". */
export function readManifest(folder: string, doing: string): Manifest {
  if (!hasManifest(folder)) {
    const found = folder.endsWith(partialSuffix) ? "it is an interrupted backup" : "it is no backup";
    throw new Refusal(
      `${doing} ${folder}: ${found}, it has no ${manifestName}. Name the folder of a whole one.`,
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(Deno.readTextFileSync(join(folder, manifestName)));
  } catch (cause) {
    throw new Refusal(`${doing} ${folder}: its ${manifestName} is damaged. Use another backup.`, { cause });
  }
  const versioned = z.looseObject({ format: z.int() }).safeParse(value);
  if (versioned.success && versioned.data.format > formatVersion) {
    throw new Refusal(
      `${doing} ${folder}: it has format ${versioned.data.format}, and this program knows up to ${formatVersion}. ` +
        "Use the newer program that wrote it.",
    );
  }
  const parsed = manifestSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new Refusal(`${doing} ${folder}: its ${manifestName} is damaged. Use another backup.`);
}
